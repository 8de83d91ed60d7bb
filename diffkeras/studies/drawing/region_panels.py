"""Figures with a panel for each region."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkeras.reporting.print_figures import print_axes
from diffkeras.studies.labels import REGION_TITLES


def region_panels(y_label: str) -> tuple[Figure, dict[str, Axes]]:
    """A figure with a panel for each region, against the size on a logarithmic axis."""
    figure, axes = print_axes(2, 3, height=4.6, sharex=True)
    for axis in axes[1]:
        axis.set_xlabel("training examples")
    for axis in axes[:, 0]:
        axis.set_ylabel(y_label)
    panels = dict(zip(REGION_TITLES, axes.flat, strict=True))
    for region, axis in panels.items():
        axis.set(title=REGION_TITLES[region], xscale="log")
    return figure, panels
