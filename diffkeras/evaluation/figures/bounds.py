"""The figure of proven bounds by rounds."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from diffkeras.evaluation.proven_bounds import TOLERANCES
from diffkeras.reporting.figures import COLORS, new_axis


def rounds_figure(histories: Sequence[Sequence[float]]) -> Figure:
    """Proven bound of the largest error against the rounds after the correction."""
    figure, axis = new_axis(
        yscale="log", xlabel="rounds (one transform pair each)", ylabel="proven bound of the error"
    )
    for history in histories:
        axis.plot(history, color=COLORS["surrogate"], alpha=0.12, linewidth=0.8)
    worst = [
        max(h[number] for h in histories if len(h) > number)
        for number in range(max(map(len, histories)))
    ]
    axis.plot(worst, "o-", color=COLORS["superposition"], label="worst image")
    for tolerance in TOLERANCES:
        axis.axhline(tolerance, color="#8a8a8a", linewidth=0.6, linestyle=":")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend()
    return figure
