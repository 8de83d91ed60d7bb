"""The built playground in headless Chromium: opening it, setting its choices, and drawing on it."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE = Path(__file__).parent / "_build" / "html" / "playground.html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE = 500  # pixels: narrower pages are for phones
PER_LINE = 5  # moves of the mouse

Point = tuple[float, float]  # shares of the map's width and height


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
