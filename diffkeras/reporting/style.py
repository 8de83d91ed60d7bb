"""The style of figures; empty figures in it, and figures as files.

Nothing here uses pyplot, so drawing keeps no global state and needs no display.
"""

import io
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

STYLE: Any = {
    "font.size": 12,  # at the width of a page, 10 inches shrink to 7.5: 9 pt
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "legend.frameon": False,
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
NO_VALUE = "#f2f2f2"  # of nodes in a picture

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
    return buffer.getvalue()
