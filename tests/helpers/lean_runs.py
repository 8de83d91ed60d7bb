"""Training and evaluation without the files that take most of a tiny run's time."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def lean_training() -> Iterator[None]:
    """Runs have no SavedModel, no pictures for TensorBoard, and graphs as they were traced."""
    from diffkeras.training import loop
    from diffkeras.training.callbacks.pictures import Pictures

    with pytest.MonkeyPatch.context() as patch, quick_graphs():
        patch.setattr(loop, "export_saved_model", lambda *_: None)
        patch.setattr(Pictures, "on_epoch_end", lambda *_: None)
        yield


@contextmanager
def quick_graphs() -> Iterator[None]:
    """Graphs run as they were traced: optimizing takes a quarter of a tiny run's time."""
    from tensorflow.config import optimizer

    before = {"disable_meta_optimizer": False, **optimizer.get_experimental_options()}
    optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        optimizer.set_experimental_options(before)


@contextmanager
def quick_figures() -> Iterator[None]:
    """Figures are made, but neither rows of examples nor image files."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("evaluation.figures", "evaluation.worst_cases.results"):
            patch.setattr(f"diffkeras.{module}.to_png", lambda figure: b"no picture")
        for module in ("evaluation.cases", "evaluation.worst_cases.results"):
            patch.setattr(f"diffkeras.{module}.case_figure", lambda cases: None)
        patch.setattr("diffkeras.workflows.preview_data.to_png", lambda figure: b"no picture")
        yield
