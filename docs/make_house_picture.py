"""Draw the rooms of the package and the imports between them, as the code has them.

    python docs/make_house_picture.py

writes docs/images/house.svg. The layers are those that import-linter enforces (pyproject.toml). An
arrow is an import; imports that follow from a chain of other arrows are left out, and so are those
of `errors`, which every room may import, and the exceptions that pyproject.toml lists.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "diffkeras"
PICTURE = ROOT / "docs" / "images" / "house.svg"

WIDTH, BOX_HEIGHT, GAP, ROW = 960, 50, 24, 82
LETTER, SMALL_LETTER, PADDING = 8.6, 6.3, 26  # widths in pixels

# Centres of rooms whose arrows would otherwise run behind other rooms [pixels]
CENTRES = {"training": 300, "evaluation": 745, "data": 340, "surrogates": 520, "studies": 560}
CENTRES |= {"basis_export": 760}
CENTRES |= {"graph": 215, "config": 330, "reporting": 440}
CENTRES |= {"torch": 690, "jax": 770, "tensorflow": 860, "nn": 196, "physics": 620}
CENTRES |= {"system": 690, "view": 196, "errors": 440}

Imports = dict[str, set[str]]


def layers() -> list[list[str]]:
    """The rooms of each layer, from the highest to the lowest."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    found = next(contract for contract in contracts if contract.get("containers") == ["diffkeras"])
    return [[room.strip() for room in layer.split("|")] for layer in found["layers"]]


def parts(room: str) -> list[str]:
    """The packages within a room."""
    return sorted(path.parent.name for path in (PACKAGE / room).glob("*/__init__.py"))


def imports(rows: list[list[str]]) -> Imports:
    """The rooms of lower layers that each room imports."""
    layer = {room: number for number, rooms in enumerate(rows) for room in rooms}
    found: Imports = {room: set() for room in layer}
    for room in layer:
        files = [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").is_file() else []
        for file in [*files, *(PACKAGE / room).rglob("*.py")]:
            named = set(imported_names(ast.parse(file.read_text(encoding="utf-8"))))
            lower = [other for other in layer if layer[other] > layer[room]]
            found[room] |= {other for other in lower if f"diffkeras.{other}" in named}
    return found


def imported_names(tree: ast.Module) -> Iterator[str]:
    """`diffkeras.ROOM` of each import of the package."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            yield ".".join(name.split(".")[:2])


def arrows(found: Imports) -> list[tuple[str, str]]:
    """The imports that don't follow from a chain of others."""

    def below(room: str) -> set[str]:
        return found[room].union(*(below(other) for other in found[room]))

    return [
        (room, other)
        for room, others in found.items()
        for other in sorted(others - {"errors"})
        if not any(other in below(between) for between in others - {other})
    ]


def picture() -> str:
    """The SVG."""
    rows = layers()
    boxes, lines = {}, []
    for number, rooms in enumerate(rows):
        widths = [box_width(room) for room in rooms]
        left = (WIDTH - sum(widths) - GAP * (len(widths) - 1)) / 2
        for room, width in zip(rooms, widths, strict=True):
            place = CENTRES[room] - width / 2 if room in CENTRES else left
            boxes[room] = (place, 12 + number * ROW, width)
            left += width + GAP
    for room, other in arrows(imports(rows)):
        (left, top, width), (to_left, to_top, to_width) = boxes[room], boxes[other]
        start, end = left + width / 2, to_left + to_width / 2
        reach = min(width, to_width) / 3
        start += max(-reach, min(reach, (end - start) / 4))
        end -= max(-reach, min(reach, (end - start) / 4))
        lines.append(
            f'<path d="M{start:.0f},{top + BOX_HEIGHT} L{end:.0f},{to_top - 3}" '
            f'marker-end="url(#tip)"/>'
        )
    height = 12 + len(rows) * ROW - (ROW - BOX_HEIGHT) + 12
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" font-family="sans-serif">',
            '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" '
            'orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#667"/></marker></defs>',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            f'<g stroke="#667" stroke-width="1.2">{"".join(lines)}</g>',
            *(box(room, *boxes[room]) for room in boxes),
            "</svg>\n",
        ]
    )


def box_width(room: str) -> float:
    """Wide enough for the name and for the packages within."""
    return max(len(room) * LETTER, len(" · ".join(parts(room))) * SMALL_LETTER) + PADDING


def box(room: str, left: float, top: float, width: float) -> str:
    """One room."""
    within = " · ".join(parts(room))
    middle = left + width / 2
    text = f'<text x="{middle:.0f}" y="{top + (21 if within else 31)}" font-weight="bold">{room}'
    small = f'<text x="{middle:.0f}" y="{top + 40}" font-size="12">{escape(within)}</text>'
    return (
        f'<g text-anchor="middle" fill="#112"><rect x="{left:.0f}" y="{top}" width="{width:.0f}" '
        f'height="{BOX_HEIGHT}" rx="6" fill="#eef3fb" stroke="#89a"/>'
        f"{text}</text>{small if within else ''}</g>"
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
