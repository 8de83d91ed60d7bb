"""Draw on the playground in headless Chromium, and make the README's animation of it.

    make docs
    python docs/make_playground_picture.py

writes docs/images/playground.webp. It needs `pip install '.[browser]'` and Chromium (Debian:
`apt-get install chromium`).
"""

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from docs.browser import PAGE, Point, browser_path, choose, draw, opened

PICTURE = Path(__file__).parent / "images" / "playground.webp"
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

# what is drawn: the kind, the strength, the radius, and lines of the pointer
STROKES: Sequence[tuple[str, float, int, Sequence[Sequence[Point]]]] = (
    ("vessel", 1.0, 2, [[(0.05, 0.25), (0.3, 0.4), (0.55, 0.38), (0.8, 0.2)]]),
    ("cell", 0.9, 4, [[(0.25, 0.7), (0.4, 0.78), (0.6, 0.72)], [(0.75, 0.5), (0.85, 0.55)]]),
    ("slow", 1.0, 6, [[(0.3, 0.15), (0.6, 0.15)]]),
    ("producer", 1.0, 2, [[(0.85, 0.88)], [(0.1, 0.9)]]),
    ("vessel", 0.7, 1, [[(0.55, 0.38), (0.6, 0.6), (0.5, 0.95)]]),
)


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
