"""The style of figures; empty figures in it, and figures as files and for pages.

Figures are `WIDTH` wide, so that their letters are legible on a phone, too: panels lie below each
other, and maps two a row. Nothing here uses pyplot, so drawing keeps no global state and needs no
display.
"""

import io
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

WIDTH = 5.25  # inches, 504 pixels of a page

STYLE: Any = {
    "font.size": 10,  # 9.5 pixels, where a phone shows the width in 360
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "svg.fonttype": "none",  # letters stay letters, which can be searched
    "font.sans-serif": ["DejaVu Sans"],
}

# "muted" of Paul Tol's palettes, which colour-blind people can tell apart
# (https://personal.sron.nl/~pault/); the pale ones come last
PALETTE = (
    "#332288",
    "#cc6677",
    "#117733",
    "#44aa99",
    "#882255",
    "#999933",
    "#aa4499",
    "#88ccee",
    "#ddcc77",
)

BLUE, ORANGE, GREY = "#0b6e99", "#d1792a", "#8a8a8a"
BLACK = "#000000"
NO_VALUE = "#f2f2f2"  # of nodes in a picture
MIDDLE = "#767676"  # of letters that are legible on white and on black

# SVG follows the page: the white background becomes a dark one, and colours keep their hue
DARK = "@media (prefers-color-scheme: dark) {:root {filter: invert(.925) hue-rotate(180deg)}}"

SERIES_MARKERS = "os^DvP<X>"

# without dates, so that the same figure is the same file
METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": "diffkeras"},
    "pdf": {"Creator": "diffkeras", "CreationDate": None},
    "svg": {"Creator": "diffkeras", "Date": None},
}


def series_style(index: int) -> dict[str, Any]:
    """Colour and marker of a series without an order, for `Axes.plot` and `Axes.errorbar`."""
    place = index % len(PALETTE)
    return {"color": PALETTE[place], "marker": SERIES_MARKERS[place]}


def new_figure(width: float, height: float, style: Any = STYLE) -> Figure:
    """An empty figure [inches] in a style."""
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure, dpi: int = 120) -> bytes:
    """The figure as a PNG image."""
    return to_image(figure, "png", dpi)


def to_image(figure: Figure, kind: str, dpi: int = 120, style: Any = STYLE) -> bytes:
    """The figure as a file of a kind in `METADATA`; the same file whenever it is the same figure.

    Matplotlib draws by the style that is set then, so use the style of `new_figure`.
    """
    buffer = io.BytesIO()
    with matplotlib.rc_context({**style, "svg.hashsalt": "diffkeras"}):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=METADATA[kind])
    image = buffer.getvalue()
    return image.replace(b"</style>", DARK.encode() + b"</style>", 1) if kind == "svg" else image


def for_page(figure: Figure, dpi: int = 150) -> bytes:
    """The figure for a light or dark page: PNG if it contains maps, SVG otherwise."""
    if not any(axes.images for axes in figure.axes):
        return to_image(figure, "svg")
    on_any_background(figure)
    return to_image(figure, "png", dpi)


def on_any_background(figure: Figure) -> None:
    """Take the background away, and what is black becomes grey."""
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        if to_hex(axes.get_facecolor()) != NO_VALUE:
            axes.patch.set_alpha(0)
        axes.tick_params(which="both", color=MIDDLE, labelcolor=MIDDLE)
        for spine in axes.spines.values():
            spine.set_edgecolor(MIDDLE)
        if legend := axes.get_legend():
            legend.get_frame().set_alpha(0)
    part: Any
    for part in figure.findobj(lambda each: isinstance(each, Text | Line2D)):
        if to_hex(part.get_color()) == BLACK:
            part.set_color(MIDDLE)
