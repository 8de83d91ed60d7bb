"""The pictures in docs/images are what `make pictures` draws, small, and each is on a page."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffkeras.reporting.figures import new_axis
from docs.pictures.saving import IMAGES, save
from docs.pictures.site import PICTURES
from docs.tests.helpers.compared_pictures import differences

ROOT = Path(__file__).parents[2]
MOST_BYTES, MOST_FILES = 120_000, 45
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("paper/*.md")]
SHOWN = re.compile(r"!\[[^]]*\]\(([^)\s]+)\)|^\.\. image:: /(\S+)", re.MULTILINE)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_the_command_draws(name, tmp_path):
    drawn = save(name, PICTURES[name](), tmp_path)
    kept = IMAGES / drawn.relative_to(tmp_path)
    assert kept.is_file(), "run `make pictures`"
    assert differences(kept, drawn) == [], "run `make pictures`, and look at the picture"


@pytest.mark.parametrize("change", ["value", "label", "map"])
def test_a_changed_picture_is_noticed(change, tmp_path):
    def drawn(changed: bool, folder: Path) -> Path:
        figure, axis = new_axis(xlabel="other" if changed and change == "label" else "size")
        if change == "map":
            axis.imshow(np.eye(9) if changed else np.ones((9, 9)))
        else:
            axis.plot([1, 2, 3], [1, 2.1 if changed and change == "value" else 2, 3])
        return save("picture", figure, folder)

    first, same, other = (drawn(each > 1, tmp_path / str(each)) for each in range(3))
    assert differences(first, same) == []
    assert differences(first, other)


def test_pictures_are_few_and_small():
    files = [path for path in IMAGES.rglob("*") if path.is_file()]
    assert len(files) <= MOST_FILES
    assert {path.name: size for path in files if (size := path.stat().st_size) > MOST_BYTES} == {}


def test_pages_show_all_pictures_and_no_others():
    shown = set()
    for page in [*PAGES, *ROOT.glob("docs/gallery/**/*.py")]:
        for target, of_docs in SHOWN.findall(page.read_text(encoding="utf-8")):
            if "//" not in target:
                place = ROOT / "docs" / of_docs if of_docs else page.parent / target
                shown.add(place.resolve().relative_to(ROOT).as_posix())
    kept = {path.relative_to(ROOT).as_posix() for path in IMAGES.rglob("*.*")}
    inputs = {"docs/images/cells.png", "docs/images/discs.png"}  # that commands on pages read
    assert shown == kept - inputs


def test_pages_give_pictures_their_size(tmp_path):
    figure, axis = new_axis(height=2.0)
    axis.plot([1, 2])
    save("lines", figure, tmp_path)
    Image.new("RGB", (1008, 504)).save(tmp_path / "wide.webp")
    paths = [str(ROOT / "docs" / "_ext"), str(ROOT)]
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path[:0] = {paths}\nroot_doc = 'page'\n"
        "extensions = ['myst_parser', 'picture_sizes']\n"
    )
    (tmp_path / "page.md").write_text("# Page\n\n![a](lines.svg) ![b](wide.webp)\n")
    words = [sys.executable, "-m", "sphinx", "-q", str(tmp_path), str(tmp_path / "site")]
    subprocess.run(words, check=True)
    html = (tmp_path / "site" / "page.html").read_text(encoding="utf-8")
    tags = re.findall(r'<img alt="[ab]"[^>]*>', html)
    found = [[re.findall(rf'{part}="(\d+)"', tag) for part in ("width", "height")] for tag in tags]
    assert found == [[["504"], ["192"]], [["504"], ["252"]]]


def test_pictures_suit_light_and_dark_pages(tmp_path):
    figure, axis = new_axis(title="Title")
    axis.imshow(np.eye(9))
    with Image.open(save("map", figure, tmp_path)) as image:
        pixels = np.asarray(image.convert("RGBA"))
    opaque = pixels[pixels[..., 3] == 255]
    assert pixels[0, 0, 3] == 0
    assert not (opaque.max(axis=1) < 20).any()  # viridis has no black, and letters are grey
    drawings = IMAGES.rglob("*.svg")
    assert all("prefers-color-scheme: dark" in path.read_text("utf-8") for path in drawings)
