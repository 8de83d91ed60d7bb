"""Training and evaluation without the files that take most of a tiny run's time."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def lean_training() -> Iterator[None]:
    """Runs have no SavedModel, no pictures for TensorBoard, few metrics, and unoptimized graphs.

    Most of a tiny run's time goes into tracing and optimizing graphs.
    """
    import keras

    from diffkeras import nn
    from diffkeras.nn import metrics
    from diffkeras.training import loop

    def few_metrics(transform: str) -> list[keras.Metric]:
        mean = metrics.RegionMeanAbsoluteError("lattice", transform, name="mae")
        return [mean, metrics.MaximumError(transform)]

    with pytest.MonkeyPatch.context() as patch, quick_graphs():
        patch.setattr(loop, "export_saved_model", lambda *_: None)
        patch.setattr(loop, "Pictures", lambda session: keras.callbacks.Callback())
        patch.setattr(nn, "default_metrics", few_metrics)
        yield


@contextmanager
def quick_graphs() -> Iterator[None]:
    """Graphs run as they were traced, without TensorFlow's optimizations."""
    from tensorflow.config import optimizer

    before = {"disable_meta_optimizer": False, **optimizer.get_experimental_options()}
    optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        optimizer.set_experimental_options(before)


@contextmanager
def eagerly() -> Iterator[None]:
    """Without graphs, whose tracing takes seconds."""
    from tensorflow.config import run_functions_eagerly

    run_functions_eagerly(True)
    try:
        yield
    finally:
        run_functions_eagerly(False)


@contextmanager
def quick_figures() -> Iterator[None]:
    """Figures are made, but neither rows of examples nor image files."""
    with pytest.MonkeyPatch.context() as patch:
        for drawn in ("to_image", "for_page"):
            patch.setattr(f"diffkeras.evaluation.report.{drawn}", lambda *words: b"no picture")
        patch.setattr("diffkeras.evaluation.figures.case_figure", lambda cases: None)
        patch.setattr("diffkeras.reporting.style.to_png", lambda figure: b"no picture")
        yield
