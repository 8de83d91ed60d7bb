"""Draw on the playground in headless Chromium, and make the README's animation of it.

    make docs
    python docs/make_playground_picture.py

writes docs/images/playground.webp. It needs `pip install '.[browser]'` and Chromium (Debian:
`apt-get install chromium`).
"""

import io
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page

DOCS = Path(__file__).parent
PAGE = DOCS / "_build" / "html" / "playground.html"
PICTURE = DOCS / "images" / "playground.webp"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE = 500  # pixels: narrower pages are those of phones

WIDTH = 920  # of the animation [pixels]
FRAME, LAST_FRAME = 90, 2500  # durations [milliseconds]
QUALITY = 60

# All maps in one row, without anything else
IN_A_ROW = """
body > * { display: none !important; }
body { background: white !important; padding: 4px; }
body > .playground { display: block !important; font-size: 13px; }
body > .playground > :not(.maps) { display: none !important; }
.playground .maps { grid-template-columns: repeat(4, 1fr) !important; gap: 10px; }
"""
MOVE = "document.body.append(document.getElementById('diffkeras-playground'))"

Point = tuple[float, float]  # shares of the map's width and height
# what is drawn: the kind, the strength, the radius, and lines of the pointer
STROKES: Sequence[tuple[str, float, int, Sequence[Sequence[Point]]]] = (
    ("vessel", 1.0, 2, [[(0.05, 0.25), (0.3, 0.4), (0.55, 0.38), (0.8, 0.2)]]),
    ("cell", 0.9, 4, [[(0.25, 0.7), (0.4, 0.78), (0.6, 0.72)], [(0.75, 0.5), (0.85, 0.55)]]),
    ("slow", 1.0, 6, [[(0.3, 0.15), (0.6, 0.15)]]),
    ("producer", 1.0, 2, [[(0.85, 0.88)], [(0.1, 0.9)]]),
    ("vessel", 0.7, 1, [[(0.55, 0.38), (0.6, 0.6), (0.5, 0.95)]]),
)
PER_LINE = 5  # frames


def browser_path() -> str | None:
    """Where Chromium is; None if it isn't installed."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def opened(page: Path, width: int, *, dark: bool = False) -> Iterator["Page"]:
    """A built page in headless Chromium, from its file. A narrow one has a touch screen.

    Raises:
        RuntimeError: a script of the page failed.
    """
    from playwright.sync_api import sync_playwright

    is_phone = width < PHONE
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path())
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            has_touch=is_phone,
            is_mobile=is_phone,
        )
        view = context.new_page()
        view.on("pageerror", lambda error: errors.append(str(error)))
        view.goto(page.resolve().as_uri())
        view.wait_for_function("document.querySelector('#diffkeras-playground').playground.last")
        yield view
        browser.close()
    if errors:
        raise RuntimeError("; ".join(errors))


def choose(view: "Page", part: str, value: str) -> None:
    """Set a slider or a choice of the page."""
    view.locator(f"[data-part={part}]").evaluate(
        "(one, value) => { one.value = value;"
        " for (const type of ['input', 'change'])"
        " one.dispatchEvent(new Event(type, { bubbles: true })); }",
        value,
    )


def settle(view: "Page") -> None:
    """Wait until what was drawn is shown."""
    view.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def draw(view: "Page", kind: str, lines: Sequence[Sequence[Point]]) -> Iterator[None]:
    """Draw lines on the first map with the mouse, and yield after each short move."""
    view.locator(f"input[value={kind}]").evaluate("(one) => one.click()")
    view.locator("[data-part=exact]").scroll_into_view_if_needed()
    box = view.locator("[data-part=exact]").bounding_box()
    assert box is not None
    for first, *others in lines:
        x, y = first
        view.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        view.mouse.down()
        settle(view)
        yield
        for x, y in others:
            for share in range(1, PER_LINE + 1):
                part = share / PER_LINE
                at = first[0] + part * (x - first[0]), first[1] + part * (y - first[1])
                view.mouse.move(box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"])
                settle(view)
                yield
            first = x, y
        view.mouse.up()


def frames(page: Path) -> Iterator[Image.Image]:
    """The maps while they are drawn on."""
    with opened(page, WIDTH) as view:
        view.add_style_tag(content=IN_A_ROW)
        view.evaluate(MOVE)
        for part, value in {
            "side": "128",
            "preset": "empty",
            "surrogate": "saturating_tissue",
        }.items():
            choose(view, part, value)
        maps = view.locator(".maps")
        for kind, strength, radius, lines in STROKES:
            choose(view, "strength", str(strength))
            choose(view, "radius", str(radius))
            for _ in draw(view, kind, lines):
                yield Image.open(io.BytesIO(maps.screenshot())).convert("RGB")


def main(page: Path = PAGE, picture: Path = PICTURE) -> None:
    """Write the animation."""
    if not page.is_file():
        sys.exit(f"there is no {page}; run `make docs` first")
    if browser_path() is None:
        sys.exit("Chromium isn't installed; on Debian: apt-get install chromium")
    first, *others = frames(page)
    durations = [FRAME] * len(others) + [LAST_FRAME]
    first.save(
        picture,
        save_all=True,
        append_images=others,
        duration=durations,
        loop=0,
        quality=QUALITY,
        method=6,
    )
    print(f"{picture}: {1 + len(others)} frames, {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
