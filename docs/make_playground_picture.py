"""Draw on the playground in headless Chromium, and make the README's animation of it.

    make docs
    python docs/make_playground_picture.py

writes docs/images/playground.webp, and for phones playground_phone.webp with two maps per row. It
needs `pip install '.[browser]'` and Chromium (Debian: `apt-get install chromium`).
"""

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from docs.browser import PAGE, Point, browser_path, choose, draw, opened
from docs.phone_figures import phone_path

PICTURE = Path(__file__).parent / "images" / "playground.webp"
SHAPES = {4: (920, 13), 2: (520, 15)}  # maps per row: width of the animation and letters [pixels]
FRAME, LAST_FRAME = 90, 2500  # durations [milliseconds]
QUALITY = 60

# The maps in rows, without anything else
IN_ROWS = """
body > * { display: none !important; }
body { background: white !important; padding: 4px; }
body > .playground { display: block !important; font-size: %dpx; }
body > .playground > :not(.maps) { display: none !important; }
.playground .maps { grid-template-columns: repeat(%d, 1fr) !important; gap: 10px; }
"""
MOVE = "document.body.append(document.getElementById('diffkeras-playground'))"

# what is drawn: the kind, the strength, the radius, and lines of the pointer
STROKES: Sequence[tuple[str, float, int, Sequence[Sequence[Point]]]] = (
    ("vessel", 1.0, 2, [[(0.05, 0.25), (0.3, 0.4), (0.55, 0.38), (0.8, 0.2)]]),
    ("cell", 0.9, 4, [[(0.25, 0.7), (0.4, 0.78), (0.6, 0.72)], [(0.75, 0.5), (0.85, 0.55)]]),
    ("slow", 1.0, 6, [[(0.3, 0.15), (0.6, 0.15)]]),
    ("producer", 1.0, 2, [[(0.85, 0.88)], [(0.1, 0.9)]]),
    ("vessel", 0.7, 1, [[(0.55, 0.38), (0.6, 0.6), (0.5, 0.95)]]),
)


def frames(page: Path, columns: int) -> Iterator[Image.Image]:
    """The maps while they are drawn on."""
    width, letters = SHAPES[columns]
    with opened(page, width) as view:
        view.add_style_tag(content=IN_ROWS % (letters, columns))
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
    """Write both animations."""
    if not page.is_file():
        sys.exit(f"there is no {page}; run `make docs` first")
    if browser_path() is None:
        sys.exit("Chromium isn't installed; on Debian: apt-get install chromium")
    for columns, path in ((4, picture), (2, phone_path(picture))):
        first, *others = frames(page, columns)
        durations = [FRAME] * len(others) + [LAST_FRAME]
        how = {"save_all": True, "append_images": others, "duration": durations, "loop": 0}
        first.save(path, quality=QUALITY, method=6, **how)
        print(f"{path}: {1 + len(others)} frames, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
