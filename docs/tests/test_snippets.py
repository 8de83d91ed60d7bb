"""Each command of the documentation alone, in an empty folder, with limits.

`test_docs.py` runs the Python of all pages.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import diffkeras as dk
from docs.tests.helpers.snippets import PAGES, ROOT, Snippet, run_limited, snippets

pytestmark = pytest.mark.slow

REPOSITORY = ("docs", "configs", "benchmarks")  # a reader of commands has it


def runnable(language: str) -> list[Snippet]:
    found = [snippet for page in PAGES for snippet in snippets(page, language)]
    return [s for s in found if s.reason is None and "needs CompuCell3D" not in s.marks]


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """What `make quickstart` leaves: a shipped surrogate, and one that is trained for less long."""
    folder = tmp_path_factory.mktemp("quickstart")
    run = folder / "saved_models" / "quickstart"
    shipped = ROOT / "diffkeras" / "surrogates" / "shipped_models" / "quickstart"
    shutil.copytree(shipped, run)
    dk.data.generate(dk.load_config("quickstart"), folder / "data")
    dk.export(run, "saved_model", run / "saved_model")
    dk.evaluate(run, folder / "data")
    corrected = dk.load_config("quickstart_corrected", {"training.epochs": 1})
    dk.train(corrected, folder / "data", run.with_name("quickstart_corrected"))
    return folder


@pytest.fixture
def folder(tmp_path, request):
    """An empty folder with what a snippet needs."""

    def make(snippet: Snippet) -> Path:
        folder = tmp_path / "empty"
        folder.mkdir()
        for name in snippet.files:
            save(folder / name)
        if "needs a run" in snippet.marks:
            made = request.getfixturevalue("quickstart")
            shutil.copytree(made / "saved_models", folder / "saved_models")
            (folder / "data").symlink_to(made / "data")
        if "needs an export" in snippet.marks:
            dk.export("default", output=folder / "exported", lattice=(64, 64))
        if "needs a dataset" in snippet.marks:
            [command] = [s for s in snippets(snippet.page, "sh") if "--sources 5" in s.code]
            run_limited(["sh", "-ec", command.code], folder)
            shutil.rmtree(folder / "home")
        return folder

    return make


@pytest.mark.parametrize("snippet", runnable("sh"), ids=str)
def test_commands(snippet, folder):
    if "tfds build" in snippet.code:
        for name in ("apache_beam", "mlcroissant"):
            pytest.importorskip(name, reason="TFDS's command line imports it")
        if not Path(sys.executable).with_name("tfds").exists():
            pytest.skip("this environment has no command tfds")
    where = folder(snippet)
    for name in REPOSITORY:
        (where / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "tfds_builders", where / "tfds_builders")
    run_limited(["sh", "-ec", snippet.code], where)


@pytest.mark.parametrize("snippet", runnable("console"), ids=str)
def test_sessions_print_what_they_say(snippet, folder):
    command, _, expected = snippet.code.removeprefix("$ ").partition("\n")
    printed = run_limited(["sh", "-c", f"{command} || true"], folder(snippet))
    assert " ".join(expected.split()) in " ".join(printed.split())


def boxes(lattice: tuple[int, ...], outside: float, *parts: tuple) -> NDArray:
    """A lattice of one value, and boxes of others: value, slices."""
    made = np.full(lattice, outside)
    for value, *box in parts:
        made[tuple(box)] = value
    return made


HALF = np.random.default_rng(0).random((64, 64)) < 0.5
MAPS = {"D.npy": 1.0, "g.npy": 0.05, "v.npy": 0.1, "s.npy": 0.01}
CELLS = (2, slice(20, 50), slice(20, 50))
FILES = {
    "labels.npy": boxes((64, 64), 3, CELLS, (1, slice(10, 14), slice(30, 34))),
    "vessels.png": boxes((100, 60), 0, (255, slice(30, 34), slice(10, 14))),
    "cells.npy": boxes((100, 60), 0.0, (20.0, slice(60, 70), slice(20, 40))),
    "volume.npy": boxes((20, 24, 28), 0.0, (1.0, *[slice(8, 12)] * 3)),
    "vessels.npy": boxes((64, 64), 0.0, (1.0, *[slice(30, 35)] * 2)),
    "mine.npz": np.zeros((100, 64, 64), np.float32),  # for each source count
    **{name: np.where(HALF, value, value / 10) for name, value in MAPS.items()},
}


def save(path: Path) -> None:
    """Write one of the reader's files."""
    array = FILES[path.name]
    if path.suffix == ".png":
        Image.fromarray(array.astype(np.uint8)).save(path)
    elif path.suffix == ".npz":
        np.savez(path, **{f"sources_{n:02d}": array for n in range(1, 6)})
    else:
        np.save(path, array)
