"""README's animation: drawing on the built playground in headless Chromium.

It needs `make docs`, `pip install '.[browser]'` and Chromium (Debian: `apt-get install chromium`).
"""

import io
from collections.abc import Iterator, Sequence

import click
from PIL import Image

from diffkeras.reporting.style import MIDDLE
from docs.browser import PAGE, Point, browser_path, choose, draw, opened
from docs.pictures.saving import save_animation

WIDTH = 504  # pixels, so that its letters are legible on a phone
FRAME, LAST_FRAME = 250, 2500  # durations [milliseconds]
EACH = 3  # of so many moves, one is shown

# Two maps per row, without anything else
IN_ROWS = """
body > * { display: none !important; }
body { background: none !important; padding: 4px; }
body > .playground { display: block !important; font-size: 15px; --side: 1fr !important; }
body > .playground > :not(.maps) { display: none !important; }
.playground .maps { grid-template-columns: repeat(2, 1fr) !important; }
.playground figure:first-child { grid-column: auto !important; }
.playground * { color: MIDDLE !important; }
""".replace("MIDDLE", MIDDLE)
MOVE = "document.body.append(document.getElementById('diffkeras-playground'))"
CHOICES = {"side": "64", "preset": "empty", "surrogate": "saturating_tissue"}

# what is drawn: the kind, the strength, the radius, and lines of the pointer
STROKES: Sequence[tuple[str, float, int, Sequence[Sequence[Point]]]] = (
    ("vessel", 1.0, 2, [[(0.05, 0.25), (0.3, 0.4), (0.55, 0.38), (0.8, 0.2)]]),
    ("cell", 0.9, 4, [[(0.25, 0.7), (0.4, 0.78), (0.6, 0.72)], [(0.75, 0.5), (0.85, 0.55)]]),
    ("slow", 1.0, 6, [[(0.3, 0.15), (0.6, 0.15)]]),
    ("producer", 1.0, 2, [[(0.85, 0.88)], [(0.1, 0.9)]]),
    ("vessel", 0.7, 1, [[(0.55, 0.38), (0.6, 0.6), (0.5, 0.95)]]),
)


def frames() -> Iterator[Image.Image]:
    """The maps while they are drawn on."""
    with opened(PAGE, WIDTH) as view:
        view.add_style_tag(content=IN_ROWS)
        view.evaluate(MOVE)
        for part, value in CHOICES.items():
            choose(view, part, value)
        maps = view.locator(".maps")
        for kind, strength, radius, lines in STROKES:
            choose(view, "strength", str(strength))
            choose(view, "radius", str(radius))
            for _ in draw(view, kind, lines):
                yield Image.open(io.BytesIO(maps.screenshot(omit_background=True)))


def draw_animation() -> None:
    """Write the animation."""
    if not PAGE.is_file():
        raise click.ClickException(f"there is no {PAGE}; run `make docs` first")
    if browser_path() is None:
        raise click.ClickException("Chromium isn't installed; on Debian: apt-get install chromium")
    shown = [*frames()][::-EACH][::-1]
    path = save_animation("playground", shown, [FRAME] * (len(shown) - 1) + [LAST_FRAME])
    click.echo(f"{path}: {len(shown)} frames, {path.stat().st_size / 1000:.0f} kB")
