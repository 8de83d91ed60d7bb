"""Every built page, as wide as a desktop and as a phone, in headless Chromium.

It needs `make docs`, `pip install '.[browser]'` and Chromium; `make test-playground` calls it. The
pictures of the pages stay in the folders of the tests.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from docs import browser

SITE = Path(__file__).parents[1] / "_build" / "html"
HEIGHT = 900  # of a screen
PICTURED = 12  # screens of a picture
MOST_SCREENS = 12  # of a page at 1300 pixels, with all of its folds open
REFERENCE = ("api_", "configuration", "cli", "genindex", "search")  # made from the code
SCROLLS = "document.documentElement.scrollWidth > window.innerWidth + 1"
OPENED = "document.querySelectorAll('article details').forEach((fold) => { fold.open = true; })"
LOADED = (
    "Promise.all([...document.images].map("
    "(i) => { i.loading = 'eager'; return i.decode().catch(() => 0); }))"
)
MISSING = (
    "[...document.images].filter((i) => i.offsetParent && i.complete && !i.naturalWidth)"
    ".map((i) => i.src)"
)
LINKS = "article a[href^='#']:not(.headerlink)"  # to other parts of the page
TOP = (
    "(id) => { const part = document.getElementById(id);"
    " return (part.querySelector('h2, h3') || part).getBoundingClientRect().top; }"
)
SETTLED = """new Promise((done) => {
  let last = -1;
  const look = () => (scrollY === last ? done() : ((last = scrollY), setTimeout(look, 300)));
  look();
})"""
HEIGHTS = "[...document.querySelectorAll(`article img`)].map((i) => i.offsetHeight)"
MOST_OFF = 120  # pixels from the top of the screen, of which a phone's header takes some
WHITE = 128  # a brightness that no margin of a picture has on a dark page
SCREENS = f"document.documentElement.scrollHeight / {HEIGHT}"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    if browser.browser_path() is None or not SITE.is_dir():
        pytest.skip("Chromium isn't installed, or `make docs` has not run")
    with playwright.sync_playwright() as running:
        yield running.chromium.launch(executable_path=browser.browser_path())


@pytest.mark.parametrize("width", [1300, 390])
def test_pages_fit_on_the_screen(width, chromium, tmp_path):
    is_phone = width < browser.PHONE
    size: Any = {"width": width, "height": HEIGHT}
    view = chromium.new_page(viewport=size, is_mobile=is_phone, has_touch=is_phone)
    view.set_default_timeout(120_000)
    wrong: list[str] = []
    view.on("pageerror", lambda error: wrong.append(f"a script fails: {error}"))
    for page in sorted(SITE.rglob("*.html")):
        if "_static" in page.parts or "_modules" in page.parts:
            continue
        name = str(page.relative_to(SITE).with_suffix(""))
        view.goto(page.resolve().as_uri())
        view.evaluate(LOADED)
        height = min(view.evaluate(SCREENS), PICTURED) * HEIGHT
        shown: Any = {"x": 0, "y": 0, "width": width, "height": height}
        view.screenshot(path=tmp_path / f"{name.replace('/', '-')}.png", full_page=True, clip=shown)
        view.evaluate(OPENED)
        view.evaluate(LOADED)
        wrong += [f"{name}: {source} is missing" for source in view.evaluate(MISSING)]
        if view.evaluate(SCROLLS):
            wrong.append(f"{name} scrolls sideways")
        screens = view.evaluate(SCREENS)
        if not is_phone and screens > MOST_SCREENS and not name.startswith(REFERENCE):
            wrong.append(f"{name} has {screens:.0f} screens")
    view.close()
    assert not wrong, "\n".join(wrong)


def page_of(chromium: Any, name: str, width: int = 1300, **context: Any) -> Any:
    is_phone = width < browser.PHONE
    size: Any = {"width": width, "height": HEIGHT}
    view = chromium.new_page(viewport=size, is_mobile=is_phone, has_touch=is_phone, **context)
    view.goto((SITE / f"{name}.html").resolve().as_uri())
    return view


@pytest.mark.parametrize("width", [1300, 390])
def test_links_land_on_the_headings_that_they_name(width, chromium):
    view = page_of(chromium, "does_the_paper_hold", width)
    targets = dict.fromkeys(view.eval_on_selector_all(LINKS, "(all) => all.map((a) => a.hash)"))
    view.close()
    assert len(targets) > 5
    off = {}
    for target in targets:
        view = page_of(chromium, "does_the_paper_hold", width)  # without pictures loaded before
        view.locator(f"article a[href='{target}']").first.click()
        view.evaluate(SETTLED)  # pictures near the screen load meanwhile
        top = view.evaluate(TOP, target[1:])
        is_last = view.evaluate("scrollY + innerHeight >= document.body.scrollHeight - 2")
        if not (0 <= top <= MOST_OFF or (is_last and 0 <= top < HEIGHT)):
            off[target] = round(top)
        view.close()
    assert off == {}


@pytest.mark.parametrize("name", ["does_the_paper_hold", "physics", "index", "in_a_simulation"])
def test_pictures_have_their_height_before_they_are_loaded(name, chromium):
    view = page_of(chromium, name)
    before = view.evaluate(HEIGHTS)
    view.evaluate(LOADED)
    assert before == view.evaluate(HEIGHTS)
    assert min(before) > 100
    view.close()


@pytest.mark.parametrize("name", ["does_the_paper_hold", "physics", "index", "in_a_simulation"])
def test_pictures_are_dark_on_a_dark_page(name, chromium, tmp_path):
    view = page_of(chromium, name, color_scheme="dark")
    view.evaluate(LOADED)
    bright = []
    for place, picture in enumerate(view.locator("article img").all()):
        path = tmp_path / f"{place}.png"
        picture.screenshot(path=path)
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
        if np.concatenate([grey[1], grey[-2], grey[:, 1], grey[:, -2]]).mean() > WHITE:
            bright.append(picture.get_attribute("src"))
    view.close()
    assert bright == []
