"""Take pictures of every built page, as wide as a desktop and as a phone, and name what overflows.

    make docs
    python docs/make_page_pictures.py

writes docs/_build/pages/WIDTH/PAGE.png, and contact sheets of them beside the folders. It needs
`pip install '.[browser]'` and Chromium (Debian: `apt-get install chromium`). It ends with status 1
if a page scrolls sideways, or a picture or a script is missing.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from docs.browser import PHONE, browser_path

DOCS = Path(__file__).parent
SITE = DOCS / "_build" / "html"
TARGET = DOCS / "_build" / "pages"
WIDTHS = (1300, 390)
LEFT_OUT = ("genindex", "search", "py-modindex")
TILE = {1300: (430, 640), 390: (260, 700)}  # of a contact sheet
PER_SHEET = {1300: 8, 390: 14}
SCROLLS = "document.documentElement.scrollWidth > window.innerWidth + 1"
MISSING = (
    "[...document.images].filter(i => i.offsetParent && i.complete && !i.naturalWidth)"
    ".map(i => i.src)"
)
LOADED = "Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode(); }))"

Image.MAX_IMAGE_PIXELS = None  # pages on a phone are long


def pages(site: Path) -> list[Path]:
    """The built pages, without those that Sphinx makes."""
    found = (path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts)
    return [path for path in found if path.stem not in LEFT_OUT and "_modules" not in path.parts]


def pictures(site: Path, target: Path, width: int) -> Iterator[tuple[str, list[str]]]:
    """Take the picture of each page; its name, and what is wrong with it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path())
        phone = width < PHONE
        view = browser.new_page(
            viewport={"width": width, "height": 900}, is_mobile=phone, has_touch=phone
        )
        errors: list[str] = []
        view.on("pageerror", lambda error: errors.append(f"a script fails: {error}"))
        for page in pages(site):
            name = str(page.relative_to(site).with_suffix("")).replace("/", "-")
            view.goto(page.resolve().as_uri())
            view.evaluate(f"{LOADED}.catch(() => 0)")
            view.screenshot(path=target / f"{name}.png", full_page=True)
            wrong = [*errors, *(f"{source} is missing" for source in view.evaluate(MISSING))]
            if view.evaluate(SCROLLS):
                wrong.append("it scrolls sideways")
            errors.clear()
            yield name, wrong
        browser.close()


def contact_sheets(folder: Path, width: int) -> None:
    """The beginnings of all pictures of a folder, some on a sheet, under their names."""
    files = sorted(folder.glob("*.png"))
    across, down = TILE[width]
    number = PER_SHEET[width]
    columns = number // 2
    for sheet, first in enumerate(range(0, len(files), number)):
        canvas = Image.new("RGB", (columns * (across + 8), 2 * (down + 20)), "white")
        draw: Any = ImageDraw.Draw(canvas)
        for place, file in enumerate(files[first : first + number]):
            corner = place % columns * (across + 8), place // columns * (down + 20)
            with Image.open(file) as picture:
                shown = picture.convert("RGB").crop((0, 0, width, width * down // across))
            canvas.paste(shown.resize((across, down)), (corner[0], corner[1] + 16))
            draw.text(corner, file.stem, fill="black")
        canvas.save(folder.with_name(f"{width}-{sheet}.png"))


def main(site: Path = SITE, target: Path = TARGET) -> int:
    """Take all pictures; the status of the program."""
    bad = 0
    for width in WIDTHS:
        folder = target / str(width)
        folder.mkdir(parents=True, exist_ok=True)
        for name, wrong in pictures(site, folder, width):
            for what in wrong:
                print(f"{name} at {width} pixels: {what}")
            bad += bool(wrong)
        contact_sheets(folder, width)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
