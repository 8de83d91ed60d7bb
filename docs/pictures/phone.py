"""Figures twice: as they are drawn, and for phones, where their panels lie below each other.

A figure of several panels side by side is too small on a phone. The documentation shows one of the
two pictures, by the width of the screen.
"""

import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from diffkeras.reporting.style import STYLE, to_image
from diffkeras.system.atomic_files import write_bytes

WIDTH = 3.6  # inches, of a phone's text
RESOLUTION = 200  # dots per inch: two for each pixel of the style sheet
MANY = 6  # images, from which on there are two a row
AROUND = 0.55  # inches of a panel's height for its title and labels
TITLE, LABEL, LEGEND, CELL = 10, 9, 7, 5.5  # points; the last one is of words on an image
LETTERS = 30  # of a title, in a line
FEWEST_LETTERS = 12  # that are tried
LEAST = 2.2  # inches of a panel's height, of curves
WIDEST = 1.2  # width of a panel of curves divided by its height, so that a legend leaves them free
BAR_ASPECT = 20  # length of a colour bar divided by its thickness, for each panel that it spans


def phone_path(path: Path) -> Path:
    """Where the picture for phones is: beside the other one."""
    return path.with_name(f"{path.stem}_phone{path.suffix}")


def write_pictures(
    figure: Figure,
    path: Path,
    dpi: int = 120,
    style: Any = STYLE,
    *,
    narrow: Figure | None = None,
) -> tuple[Path, Path]:
    """Write a figure as it is, and for phones; the two paths.

    `stack` changes it into the one for phones, unless `narrow` is given: the same in `WIDTH`, of
    figures whose labels have places that depend on it.
    """
    write_bytes(path, to_image(figure, path.suffix[1:], dpi, style))
    return path, write_phone_picture(narrow or figure, path, style)


def write_phone_picture(figure: Figure, path: Path, style: Any = STYLE) -> Path:
    """Write a figure for phones beside its other picture; where."""
    phone = phone_path(path)
    with matplotlib.rc_context(style):  # of the legend that is drawn again
        stack(figure)
    tight = {**style, "savefig.bbox": "tight"}  # the layout leaves too little room for some labels
    write_bytes(phone, to_image(figure, phone.suffix[1:], RESOLUTION, tight))
    return phone


def stack(figure: Figure) -> None:
    """Put the panels of a drawn figure below each other, in the order in which they were made.

    More than `MANY` images lie two a row.
    """
    bars: list[Any] = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    panels = [axes for axes in figure.axes if axes not in bars]
    aspects = [_aspect(axes) for axes in panels]
    across = 2 if len(panels) > MANY and all(axes.images for axes in panels) else 1
    for bar in bars:
        width, height = _size(bar)
        if height > width:
            bar.set_box_aspect(BAR_ASPECT * len(bar._colorbar_info["parents"]))
    for text in figure.texts:
        text.set(wrap=True, fontsize=min(text.get_fontsize(), TITLE))
    for axes in figure.axes:
        axes.tick_params(labelsize=LEGEND)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set_fontsize(LABEL if across == 1 else CELL)
        if legend := axes.get_legend():
            for text in legend.get_texts():
                text.set_fontsize(LEGEND)
    _label_the_last(panels)
    for axes in panels:
        _label_like_its_neighbours(axes)
        title = _in_lines(axes.get_title(), LETTERS // across)
        axes.set_title(title, fontsize=min(axes.title.get_fontsize(), TITLE))
        for text in axes.texts:
            text.set_fontsize(min(text.get_fontsize(), CELL if axes.images else LEGEND))
    room = _size(_legend_below(figure))[1] if figure.legends else 0.0
    figure.set_layout_engine("constrained")
    _place(figure, panels, [WIDTH / across / aspect for aspect in aspects], across, room)
    figure.draw_without_rendering()  # shows how wide panels are beside their colour bars
    for axes in panels:
        _turn_crowded_numbers(axes)
    heights = [
        max(_size(axes)[0] / aspect, LEAST if axes.get_aspect() == "auto" else 0)
        for axes, aspect in zip(panels, aspects, strict=True)
    ]
    _place(figure, panels, heights, across, room)
    figure.draw_without_rendering()
    for axes in panels:
        _narrow_title(axes, bars)


def _in_lines(text: str, letters: int) -> str:
    """A text in as few lines of so many letters as it needs, which are about equally long."""
    lines = textwrap.wrap(text, letters, break_long_words=False)
    for narrower in range(letters - 1, 0, -1):
        others = textwrap.wrap(text, narrower, break_long_words=False)
        if len(others) > len(lines):
            break
        lines = others
    return "\n".join(lines)


def _label_the_last(panels: list[Axes]) -> None:
    """Move the label of all panels of curves, which one of them has, below the last one."""
    labelled = [axes for axes in panels if axes.get_xlabel()]
    if len(labelled) == 1 and all(axes.get_aspect() == "auto" for axes in panels):
        label = textwrap.fill(labelled[0].get_xlabel(), LETTERS)
        labelled[0].set_xlabel("")
        panels[-1].set_xlabel(label)


def _label_like_its_neighbours(axes: Axes) -> None:
    """Show what panels that share an axis show once: its numbers and its label."""
    beside = axes.get_shared_x_axes().get_siblings(axes)
    if len(beside) > 1:
        axes.tick_params(axis="x", labelbottom=True)
        axes.set_xlabel(next(filter(None, (other.get_xlabel() for other in beside)), ""))
    beside = axes.get_shared_y_axes().get_siblings(axes)
    if len(beside) > 1:
        axes.tick_params(axis="y", labelleft=True)
        axes.set_ylabel(next(filter(None, (other.get_ylabel() for other in beside)), ""))


def _turn_crowded_numbers(axes: Axes) -> None:
    """Turn the numbers or words below a drawn panel if they cover each other."""
    shown = [label for label in axes.get_xticklabels() if label.get_visible() and label.get_text()]
    boxes = [label.get_window_extent() for label in shown]
    if any(left.x1 > right.x0 for left, right in pairwise(boxes)):
        axes.tick_params(axis="x", labelrotation=90)


def _narrow_title(axes: Axes, bars: list[Any]) -> None:
    """Break the title of a drawn panel into more lines while it covers a colour bar."""
    text, letters = " ".join(axes.get_title().split()), LETTERS
    while letters > FEWEST_LETTERS and any(
        axes.title.get_window_extent().overlaps(bar.get_tightbbox()) for bar in bars
    ):
        letters -= 2
        axes.title.set_text(_in_lines(text, letters))


def _legend_below(figure: Figure) -> Legend:
    """Put the legends of a figure below its panels, as one of one column."""
    legends = list(figure.legends)
    texts = [text for legend in legends for text in legend.get_texts()]
    lower = figure.legend(
        handles=[handle for legend in legends for handle in legend.legend_handles],
        labels=[text.get_text() for text in texts],
        loc="outside lower left",
        title=legends[0].get_title().get_text() or None,
        fontsize=LEGEND,
        title_fontsize=LEGEND,
    )
    for text, old in zip(lower.get_texts(), texts, strict=True):
        text.set_color(old.get_color())
    for legend in legends:
        legend.remove()
    return lower


def _place(
    figure: Figure, panels: list[Axes], heights: list[float], across: int, room: float
) -> None:
    """Some panels a row, of these heights in inches, and room for what is below all of them."""
    starts = range(0, len(heights), across)
    rows = [max(heights[start : start + across]) + AROUND for start in starts]
    grid = figure.add_gridspec(len(rows), across, height_ratios=rows)
    for place, axes in enumerate(panels):
        axes.set_subplotspec(grid[place // across, place % across])
    figure.set_size_inches(WIDTH, sum(rows) + room)


def _aspect(axes: Axes) -> float:
    """Width of a panel divided by its height, for a phone."""
    width, height = _size(axes)
    return min(width / height, WIDEST) if axes.get_aspect() == "auto" else width / height


def _size(part: Axes | Legend) -> tuple[float, float]:
    """Width and height of a legend, or of what axes frame, in inches."""
    box, figure = part.get_window_extent(), part.get_figure(root=True)
    assert figure is not None
    return box.width / figure.dpi, box.height / figure.dpi
