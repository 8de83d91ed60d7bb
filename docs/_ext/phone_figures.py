"""The worked examples' figures twice: as their programs draw them, and for phones.

A figure of several panels side by side is too small on a phone. There, the same panels lie below
each other. The style sheet shows one of the two; browsers don't load the other.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from sphinx.application import Sphinx

GALLERY = "worked_examples"  # where the pages are written
WIDTH = 3.6  # inches, of a phone's text
RESOLUTION = 200  # dots per inch: two for each pixel of the style sheet
AROUND = 0.55  # inches of a panel's height for its title and labels
TITLE, LABEL, LEGEND = 10, 9, 7  # points
WIDEST = 1.2  # width of a panel of curves divided by its height, so that a legend leaves them free
BAR_ASPECT = 20  # length of a colour bar divided by its thickness, for each panel that it spans
IMAGE = """
.. image:: /{path}
   :alt: {text}
   :loading: lazy
"""


def setup(app: "Sphinx") -> dict[str, Any]:
    """Before Sphinx-Gallery decides which pages to run, forget those of older drawings."""
    app.connect("config-inited", lambda app, config: forget_older(Path(app.srcdir, GALLERY)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def forget_older(gallery: Path) -> None:
    """Let pages that were built before this module changed run again, because it draws them.

    Sphinx-Gallery itself runs a page only if the page's own text has changed.
    """
    changed = Path(__file__).stat().st_mtime
    for stamp in gallery.glob("*.py.md5"):
        if stamp.stat().st_mtime < changed:
            stamp.unlink()


def scraper(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figures of a block of code as Sphinx-Gallery does, and beside them for phones."""
    from matplotlib import pyplot
    from sphinx_gallery.scrapers import matplotlib_scraper

    figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
    paths = block_vars["image_path_iterator"]
    first = len(paths.paths)
    parts = [matplotlib_scraper(block, block_vars, gallery_conf)]
    for figure, path in zip(figures, map(Path, paths.paths[first:]), strict=False):
        target = path.with_name(f"{path.stem}_phone.png")
        save_for_phones(figure, target)
        shown = target.relative_to(gallery_conf["src_dir"]).as_posix()
        titles = [axes.get_title() for axes in figure.axes]
        parts.append(IMAGE.format(path=shown, text=", ".join(filter(None, titles))))
    return "".join(parts)


def save_for_phones(figure: "Figure", path: Path) -> None:
    """Draw a figure into a PNG file, with one panel a row."""
    stack(figure)
    figure.savefig(path, dpi=RESOLUTION, bbox_inches="tight")


def stack(figure: "Figure") -> None:
    """Put the panels of a drawn figure below each other, in the order in which they were made."""
    bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    panels = [axes for axes in figure.axes if axes not in bars]
    aspects = [_aspect(axes) for axes in panels]
    for bar in bars:
        width, height = _size(bar)
        if height > width:
            bar.set_box_aspect(BAR_ASPECT * len(bar._colorbar_info["parents"]))
    for title in [*figure.texts, *(axes.title for axes in panels)]:
        title.set(wrap=True, fontsize=TITLE)
    for axes in figure.axes:
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set_fontsize(LABEL)
        if legend := axes.get_legend():
            for text in legend.get_texts():
                text.set_fontsize(LEGEND)
    figure.set_layout_engine("constrained")
    _place(figure, panels, [WIDTH / aspect for aspect in aspects])
    figure.draw_without_rendering()  # shows how wide panels are beside their colour bars
    widths = [_size(axes)[0] for axes in panels]
    _place(figure, panels, [width / aspect for width, aspect in zip(widths, aspects, strict=True)])


def _place(figure: "Figure", panels: list["Axes"], heights: list[float]) -> None:
    """One panel a row, of these heights in inches."""
    rows = [height + AROUND for height in heights]
    grid = figure.add_gridspec(len(panels), 1, height_ratios=rows)
    for place, axes in zip(grid, panels, strict=True):
        axes.set_subplotspec(place)
    figure.set_size_inches(WIDTH, sum(rows))


def _aspect(axes: "Axes") -> float:
    """Width of a panel divided by its height, for a phone."""
    width, height = _size(axes)
    return min(width / height, WIDEST) if axes.get_aspect() == "auto" else width / height


def _size(axes: "Axes") -> tuple[float, float]:
    """Width and height of what axes frame, in inches."""
    box = axes.get_window_extent()
    dpi = axes.get_figure().dpi
    return box.width / dpi, box.height / dpi
