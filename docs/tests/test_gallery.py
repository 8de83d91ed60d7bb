"""The worked examples: each runs by itself, and its own assertions hold."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document

from docs import phone_figures

GALLERY = Path(__file__).parents[1] / "gallery"
QUICK = {"find_sources", "place_vessels"}
NEEDS = {"train_in_jax": "jax", "train_in_pytorch": "torch"}  # page → what may not be installed
LONGEST_PAGE = 60  # lines


def pages() -> list[pytest.ParameterSet]:
    names = [page.stem.removeprefix("plot_") for page in sorted(GALLERY.glob("*.py"))]
    return [
        pytest.param(name, marks=[] if name in QUICK | {*NEEDS} else pytest.mark.slow)
        for name in names
    ]


@pytest.mark.parametrize("name", pages())
def test_a_page_shows_what_it_claims(name, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    [page] = [*GALLERY.glob(f"plot_{name}.py"), *GALLERY.glob(f"{name}.py")]
    environment = os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(GALLERY.parents[1])}
    run = subprocess.run(
        [sys.executable, page], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout  # it prints the figures that it claims
    assert list(tmp_path.iterdir()) == []


def test_pages_drawn_before_the_module_changed_run_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(GALLERY.parent / "_ext")
    import phone_figures as extension

    files = (extension.__file__, phone_figures.__file__)
    changed = max(Path(file).stat().st_mtime for file in files)
    for name, seconds in {"older": -1, "newer": 1}.items():
        stamp = tmp_path / f"plot_{name}.py.md5"
        stamp.touch()
        os.utime(stamp, (changed + seconds,) * 2)
    extension.forget_older(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["plot_newer.py.md5"]


def test_pictures_for_phones_join_those_that_have_one(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(GALLERY.parent / "_ext")
    import phone_figures as extension

    for name in ("two.png", "two_phone.png", "one.png"):
        (tmp_path / name).touch()
    document, section = new_document(""), nodes.section()
    document.settings.env = SimpleNamespace(relfn2path=lambda path: (path, str(tmp_path / path)))
    section += [nodes.image(uri="two.png", width="90%"), nodes.image(uri="one.png")]
    document += section
    extension.PhonePictures(document).apply()
    shown = [[image["uri"] for image in frame.children] for frame in section.children]
    assert shown == [["two.png", "two_phone.png"], ["one.png"]]
    assert section[0][1]["classes"] == [extension.PHONE]
    assert "width" not in section[0][1]


def test_pages_are_short():
    lengths = {
        page.name: len(page.read_text(encoding="utf-8").splitlines())
        for page in GALLERY.glob("*.py")
    }
    assert len(lengths) >= len(QUICK)
    assert {name: length for name, length in lengths.items() if length > LONGEST_PAGE} == {}
