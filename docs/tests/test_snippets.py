"""Each command of the documentation alone, in an empty folder, with limits.

`test_docs.py` runs the Python of all pages.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docs.tests.helpers.snippets import PAGES, ROOT, Snippet, run_limited, snippets

pytestmark = pytest.mark.slow

REPOSITORY = ("docs", "configs", "benchmarks")  # a reader of commands has it


def runnable(language: str) -> list[Snippet]:
    found = [snippet for page in PAGES for snippet in snippets(page, language)]
    return [s for s in found if s.reason is None and "needs CompuCell3D" not in s.marks]


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """What `make quickstart` leaves: a shipped surrogate, and one that is trained for less long."""
    import diffkeras as dk

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
            FILES[name](folder / name)
        if "needs a run" in snippet.marks:
            made = request.getfixturevalue("quickstart")
            shutil.copytree(made / "saved_models", folder / "saved_models")
            (folder / "data").symlink_to(made / "data")
        if "needs an export" in snippet.marks:
            import diffkeras as dk

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


def save_image(path: Path) -> None:
    image = np.zeros((100, 60), np.uint8)
    image[30:34, 10:14] = 255
    Image.fromarray(image).save(path)


def save_cells(path: Path) -> None:
    cells = np.zeros((100, 60))
    cells[60:70, 20:40] = 20.0
    np.save(path, cells)


def save_labels(path: Path) -> None:
    labels = np.full((64, 64), 3)
    labels[20:50, 20:50], labels[10:14, 30:34] = 2, 1
    np.save(path, labels)


def save_volume(path: Path) -> None:
    volume = np.zeros((20, 24, 28))
    volume[8:12, 8:12, 8:12] = 1.0
    np.save(path, volume)


def save_vessels(path: Path) -> None:
    vessels = np.zeros((64, 64))
    vessels[30:35, 30:35] = 1.0
    np.save(path, vessels)


def save_map(value: float) -> Callable[[Path], None]:
    """A map of nodes, half of which have a value and half a tenth of it."""
    chosen = np.random.default_rng(0).random((64, 64)) < 0.5
    return lambda path: np.save(path, np.where(chosen, value, value / 10))


def save_predictions(path: Path) -> None:
    np.savez(path, **{f"sources_{n:02d}": np.zeros((100, 64, 64), np.float32) for n in range(1, 6)})


FILES: dict[str, Callable[[Path], None]] = {
    "labels.npy": save_labels,
    "vessels.png": save_image,
    "cells.npy": save_cells,
    "volume.npy": save_volume,
    "vessels.npy": save_vessels,
    "D.npy": save_map(1.0),
    "g.npy": save_map(0.05),
    "v.npy": save_map(0.1),
    "s.npy": save_map(0.01),
    "mine.npz": save_predictions,
}
