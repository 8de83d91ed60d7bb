"""The pictures of the pages as files in docs/images: SVG, or WebP if they contain maps."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from diffkeras.reporting.style import for_page

IMAGES = Path(__file__).parents[1] / "images"
QUALITY, LEAST_QUALITY = 80, 25  # of WebP, and of its animations


def save(name: str, figure: Figure, folder: Path = IMAGES) -> Path:
    """Write a figure; where."""
    picture = for_page(figure)
    is_svg = picture.startswith(b"<?xml")
    path = folder / f"{name}{'.svg' if is_svg else '.webp'}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if is_svg:
        path.write_bytes(picture)
    else:
        Image.open(io.BytesIO(picture)).save(path, quality=QUALITY, method=6)
    return path


def save_animation(name: str, frames: Sequence[Image.Image], durations: Sequence[int]) -> Path:
    """Write an animation, whose frames are shown so long [milliseconds], in little space; where."""
    path = IMAGES / f"{name}.webp"
    first, *others = frames
    how: dict[str, Any] = {"save_all": True, "append_images": others, "loop": 0, "method": 6}
    first.save(path, duration=[*durations], quality=LEAST_QUALITY, alpha_quality=0, **how)
    return path
