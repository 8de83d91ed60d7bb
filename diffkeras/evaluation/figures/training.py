"""The figure of losses and errors during training."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from diffkeras.reporting.figures import new_figure

PANELS = {"loss": "loss", "mae": "lattice MAE"}


def training_figure(history: Sequence[Mapping[str, float]], best_epoch: int | None) -> Figure:
    """Loss and lattice MAE after each epoch, on training and on validation examples."""
    figure = new_figure(10, 3.8)
    epochs = [row["epoch"] for row in history]
    for axis, (name, title) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        for key, label, color in (
            (name, "training", "#d1792a"),
            (f"val_{name}", "validation", "#0b6e99"),
        ):
            values = np.array([row.get(key, np.nan) for row in history])
            axis.plot(epochs, values, "o-", markersize=3, color=color, label=label)
        axis.set(xlabel="epoch", title=title)
        if all(line.get_ydata().min() > 0 for line in axis.lines):
            axis.set_yscale("log")
        if best_epoch:
            axis.axvline(best_epoch, color="#8a8a8a", linestyle=":", label="best epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.grid(alpha=0.3)
        axis.legend()
    return figure
