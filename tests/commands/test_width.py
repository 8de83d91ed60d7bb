"""Everything that commands print fits a terminal of 80 columns, but for long paths."""

import re

import numpy as np
import pytest

import diffkeras as dk

WIDTH = 80


@pytest.fixture
def printed(diffkeras, monkeypatch):
    """`printed("solve", …)`: what a command prints, each line of which fits."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))

    def call(*words, status=0):
        result = diffkeras(*words)
        assert result.exit_code == status, result.output
        lines = re.split(r"[\r\n]+", f"{result.stdout}\n{result.stderr}")
        wide = [line for line in lines if len(line) > WIDTH]
        assert not [line for line in wide if len(line.removeprefix("Error: ").split()) > 1]
        return result.output

    return call


def test_a_whole_run(printed, place, lean_training, quick_figures):
    config = "--config", "tiny.yaml"
    assert "generating 42" in printed("generate", *config, "--processes", 1)
    assert "skipped, as it exists" in printed("generate", *config)
    assert "preview.png" in printed("generate", *config, "--preview")
    assert "reading" in printed("generate", *config, "--verify").lower()
    assert "trainable parameters" in printed("train", *config, "--run-dir", "run")
    assert "holds this run" in printed("train", *config, "--run-dir", "run")
    table = printed("evaluate", "run", "--set", "evaluation.baselines=[zero_field]")
    assert "not shown: R" in table
    assert "see report.html" in table
    assert "replacing the earlier evaluation" in printed("evaluate", "run")
    assert "SavedModel" in printed("export", "run", "-o", "exported")
    assert "exact solver" in printed("export", "--solver", "--lattice", 16, "-o", "solver")
    words = "predict", "run", "sources.npy", "-o", "p.npz", "--certify"
    assert "a proven error of at most" in " ".join(printed(*words).split())
    assert "to do" in printed("study", "--config", "study.yaml", "--dry-run")
    study = printed("study", "--config", "study.yaml", "--runs-dir", "runs", "--run-dir", "study")
    assert "1 of 1 runs finished" in study


def test_solutions(printed, place):
    words = "solve", "sources.npy", "--bound", "b.tif", "--plot", "p.png", "--unit", "um"
    assert "wrote f.npz" in printed(*words, "-o", "f.npz")
    assert '"lattice"' in printed("solve", "sources.npy", "-o", "f.npy", "--json")
    np.save("negative.npy", -np.load("sources.npy"))
    assert "warning: " in printed("solve", "negative.npy", "-o", "f.npy")


@pytest.mark.parametrize(
    "words",
    [
        ("solve", "f.npz", "-o", "g.npy"),
        ("solve", "sources.npy", "-o", "g.npy", "--side", "top=vlaue:1.0"),
        ("solve", "sources.npy", "-o", "g.jpg"),
        ("solve", "sources.npy", "-o", "g.npy", "--step", "nan"),
        ("solve", "sources.npy", "-o", "g.npy", "--boundary", "open"),
        ("solve", "stack.npy", "-o", "g.npy"),
        ("solve", "sources.npy", "-o", "file/g.npy"),
        ("predict", "nothing", "sources.npy", "-o", "g.npy"),
        ("predict", "default", "sources.npy", "-o", "g.npy", "--step", "2"),
        ("predict", "default", "volume.npy", "-o", "g.npy"),
        ("generate", "--config", "tiny.yml"),
        ("generate", "--config", "tiny.yaml", "--set", "physics.lattice=-3"),
        ("train", "--config", "tiny.yaml", "--stream", "--set", "data.train_fraction=0.5"),
        ("train", "--config", "tiny.yaml"),
        ("evaluate", "nothing"),
        ("evaluate", "--predictions", "f.npz"),
        ("export", "default"),
        ("export", "default", "-o", "file"),
        ("study", "--config", "study.yaml", "--shard", "3/2"),
        ("study", "--config", "nothing"),
        ("nothing",),
    ],
    ids=" ".join,
)
def test_refusals(printed, place, words):
    dk.solve(np.load("sources.npy")).save("f.npz")
    np.save("volume.npy", np.ones((4, 8, 8)))
    np.save("stack.npy", np.ones((2, 2, 8, 8)))
    message = printed(*words, status=1)
    assert re.search(r"^Error: \S", message, re.MULTILINE)
    assert "Traceback" not in message
