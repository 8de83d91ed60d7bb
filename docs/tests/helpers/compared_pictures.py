"""How far two pictures are apart, whatever fonts and rasterisation are."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH = 64  # pixels, to which pictures are reduced
SHIFT = 1.5  # points, by which labels of other fonts move what is drawn
SHADE = 4.0  # mean difference of values from 0 to 255
PLACES = ("d", "x", "y", "transform", "points")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def differences(one: Path, other: Path) -> list[str]:
    """What differs between two pictures of a kind, in words; nothing if they show the same."""
    return (_of_drawings if one.suffix == ".svg" else _of_shades)(one, other)


def _of_drawings(one: Path, other: Path) -> list[str]:
    first, second = ([*ElementTree.parse(path).iter()] for path in (one, other))
    texts = [[(each.text or "").strip() for each in tree] for tree in (first, second)]
    if texts[0] != texts[1]:
        return [f"texts: {sorted({*texts[0]} ^ {*texts[1]})}"]
    if len(first) != len(second):
        return [f"parts: {len(first)} and {len(second)}"]
    found = []
    for mine, its in zip(first, second, strict=True):
        for key in PLACES:
            a, b = ([*map(float, NUMBER.findall(part.get(key, "")))] for part in (mine, its))
            if len(a) != len(b) or (a and np.abs(np.subtract(a, b)).max() > SHIFT):
                found.append(f"{mine.tag.rpartition('}')[2]} {mine.get(key, '')[:60]!r}")
    return found


def _of_shades(one: Path, other: Path) -> list[str]:
    first, second = map(_shades, (one, other))
    if first.shape != second.shape:
        return [f"shapes: {first.shape} and {second.shape}"]
    apart = float(np.abs(first - second).mean())
    return [f"shades differ by {apart:.1f}"] if apart > SHADE else []


def _shades(path: Path) -> NDArray[np.float64]:
    with Image.open(path) as picture:
        size = WIDTH, round(WIDTH * picture.height / picture.width)
        page = Image.new("RGBA", picture.size, "white")
        page.alpha_composite(picture.convert("RGBA"))
    return np.asarray(page.convert("RGB").resize(size, Image.Resampling.BOX), float)
