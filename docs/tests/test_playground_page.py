"""The built playground in headless Chromium, opened as a file: `make test-playground`.

The pictures stay in the folders of the tests; `make test-playground` says where.
"""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from docs import browser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WIDTHS = (1300, 390)
TOP_OF_SCALE = (0xFC, 0xFD, 0xBF)  # of magma
# The site's own settings but for what the other pages need
SETTINGS = f"""
import sys
sys.path[:0] = [{str(DOCS / "_ext")!r}, {str(ROOT)!r}]
project = "diffkeras"
extensions = ["myst_parser", "playground"]
html_theme = "furo"
html_static_path = [{str(DOCS / "_static")!r}]
html_css_files = ["diffkeras.css"]
root_doc = "playground"
suppress_warnings = ["myst.xref_missing"]
"""

pytestmark = pytest.mark.slow
View = Any


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    pytest.importorskip("playwright.sync_api")
    if browser.browser_path() is None:
        pytest.skip("Chromium isn't installed")
    source = tmp_path_factory.mktemp("source")
    (source / "conf.py").write_text(SETTINGS)
    (source / "playground.md").write_text((DOCS / "playground.md").read_text())
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(source), str(site)]
    subprocess.run(command, check=True)
    return site / "playground.html"


@pytest.fixture
def opened(page):
    return partial(browser.opened, page)


def field(view: View, name: str = "exact") -> NDArray[np.float64]:
    """The values of a map, with ghost nodes."""
    browser.settle(view)
    where = "document.querySelector('#diffkeras-playground').playground.last"
    values = "exact.field" if name == "exact" else name
    return np.array(view.evaluate(f"Array.from({where}.{values})"))


def colours(view: View, name: str) -> set[tuple[int, ...]]:
    """The colours of all nodes of a map."""
    found = view.locator(f"[data-part={name}]").evaluate(
        "(map) => Array.from(map.getContext('2d').getImageData(0, 0, map.width, map.height).data)"
    )
    return {tuple(colour) for colour in np.reshape(found, (-1, 4))[:, :3].tolist()}


def place(view: View, name: str, x: float, y: float) -> tuple[float, float]:
    """The pixels of a point of a map, scrolled into view."""
    canvas = view.locator(f"[data-part={name}]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_and_is_drawn_on(width, dark, opened, tmp_path):
    with opened(width, dark=dark) as view:
        boxes = [view.locator(f"[data-part={name}]").bounding_box() for name in MAPS]
        assert len({round(box["x"]) for box in boxes}) == (3 if width < browser.PHONE else 2)
        assert view.evaluate("document.documentElement.scrollWidth") <= width
        side = view.evaluate("document.querySelector('#diffkeras-playground').playground.side")
        assert side == (64 if width < browser.PHONE else 128)
        before = field(view)
        for _ in browser.draw(view, "vessel", [[(0.1, 0.8), (0.4, 0.9)]]):
            pass
        assert abs(field(view) - before).max() > 0.1
        errors, bounds = field(view, "error"), field(view, "nodeBound")
        assert 0 < errors.max() <= bounds.max() < 1e-2
        assert (errors <= bounds + 1e-6).all()
        picture = tmp_path / f"playground_{width}_{'dark' if dark else 'light'}.png"
        view.screenshot(path=picture, full_page=True)
        corner = np.array(Image.open(picture).convert("L"))[-5, 5]
        assert (corner < 64) == dark


MAPS = ("exact", "predicted", "error", "bound")


@pytest.mark.parametrize("height", [768, 640])
def test_maps_and_numbers_fit_on_a_laptop(height, opened):
    with opened(1366) as view:
        view.set_viewport_size({"width": 1366, "height": height})
        for part in (*MAPS, "boundNumber", "errorNumber", "verdict"):
            box = view.locator(f"[data-part={part}]").bounding_box()
            assert box["y"] >= 0, part
            assert box["y"] + box["height"] <= height, part


def strokes(view: View, name: str, x: int, y: int) -> Iterator[None]:
    """A finger on a map goes so many pixels sideways and down, at first slowly."""
    session = view.context.new_cdp_session(view)
    start = place(view, name, 0.4, 0.6)
    for kind, steps in (
        ("touchStart", [0.0]),
        ("touchMove", np.linspace(0.2, 1, 5)),
        ("touchEnd", []),
    ):
        for step in steps if len(steps) else [None]:
            points = (
                [{"x": start[0] + step * x, "y": start[1] + step * y}] if step is not None else []
            )
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            yield


@pytest.mark.parametrize(
    ("name", "x", "y", "draws"),
    [
        ("exact", 0, 0, True),  # a tap
        ("exact", 80, 0, True),
        ("exact", 80, -40, True),
        ("exact", 0, -80, False),
        ("bound", 0, -80, False),
    ],
)
def test_a_finger_scrolls_past_maps_and_draws_on_the_first(name, x, y, draws, opened):
    with opened(390) as view:
        place(view, name, 0.4, 0.6)
        before, top = field(view), view.evaluate("scrollY")
        for _ in strokes(view, name, x, y):
            browser.settle(view)
        view.wait_for_timeout(300)
        changed = abs(field(view) - before).max()
        assert (changed > 1e-4) == draws  # the solver starts at another field
        assert (view.evaluate("scrollY") == top) == draws


def test_the_keyboard_draws_reads_and_undoes(opened):
    with opened(1300) as view:
        before = field(view)
        view.locator("[data-part=exact]").focus()
        view.keyboard.press("Shift+ArrowRight")
        view.keyboard.press("ArrowDown")
        assert view.inner_text("[data-part=heard]").startswith("Row 65, column 69: exact ")
        view.keyboard.down(" ")
        for _ in range(3):
            view.keyboard.press("Shift+ArrowDown")
        view.keyboard.up(" ")
        drawn = field(view)
        assert abs(drawn - before).max() > 0.1
        view.keyboard.press("ArrowLeft")  # only moves
        assert np.array_equal(field(view), drawn)
        view.keyboard.press("Control+z")
        assert abs(field(view) - before).max() < 1e-5


def test_words_where_nothing_is_proven(opened):
    with opened(1300) as view:
        choose = browser.choose
        choose(view, "preset", "empty")
        browser.settle(view)
        assert field(view).max() == 0
        assert "proven to be 0" in view.inner_text("[data-part=verdict]")
        choose(view, "decay", "0")
        for _ in browser.draw(view, "producer", [[(0.5, 0.5)]]):
            pass
        browser.settle(view)
        assert view.inner_text("[data-part=boundNumber]") == "infinite: nothing is proven"
        assert colours(view, "bound") == {TOP_OF_SCALE}
        assert "there is no steady state" in view.inner_text("[data-part=verdict]")
        view.click("[data-part=clear]")
        choose(view, "decay", "0.001")
        for _ in browser.draw(view, "producer", [[(0.5, 0.5)]]):
            pass
        browser.settle(view)
        assert "tissue was not trained for producers" in view.inner_text("[data-part=verdict]")
