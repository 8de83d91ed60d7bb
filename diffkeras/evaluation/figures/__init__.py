"""Figures of a surrogate's errors, next to those of the baselines."""

from pathlib import Path
from typing import Any

from diffkeras.config import Config
from diffkeras.evaluation.figures.bounds import rounds_figure
from diffkeras.evaluation.figures.cases import draw_cases
from diffkeras.evaluation.figures.cost import cost_figure
from diffkeras.evaluation.figures.errors import (
    distribution_figure,
    error_per_count_figure,
    error_per_length_figure,
    predicted_against_true_figure,
    radial_profile_figure,
)
from diffkeras.evaluation.figures.training import training_figure
from diffkeras.evaluation.measurement import Measurement
from diffkeras.evaluation.methods import SOURCES_SET
from diffkeras.reporting.figures import to_png
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import Surrogate


def draw_figures(
    found: Measurement, surrogate: Surrogate, run: Run | None, config: Config, data_dir: Path
) -> dict[str, bytes]:
    """All figures of an evaluation on the test data of `config`: name → PNG image.

    Those of its training belong to a run, if there is one.
    """
    metrics, counts = found.metrics(), config.data.sources
    drawn = [method for method in found.methods if method != SOURCES_SET]
    errors = {method: found.scores(method).mae() for method in drawn}
    per_count = {m: [metrics[m][str(count)]["mae"] for count in counts] for m in drawn}
    pictures: dict[str, Any] = {
        "error_per_count": error_per_count_figure(counts, per_count),
        "cost": cost_figure(metrics),
        "distribution": distribution_figure(errors),
        "predicted_against_true": predicted_against_true_figure(found.value_counts),
        "radial_profile": radial_profile_figure(found.profile.mean_error()),
        **draw_cases(found, surrogate, config, data_dir),
    }
    if config.data.diffusion_length:
        lengths = found.lengths() / config.physics.step
        pictures["error_per_length"] = error_per_length_figure(lengths, errors)
    histories = [bounds["history"] for bounds in found.bounds() if "history" in bounds]
    if histories:
        pictures["rounds"] = rounds_figure(histories)
    if run and (history := run.history()):
        pictures["training"] = training_figure(history, run.state().get("best_epoch"))
    return {name: to_png(figure) for name, figure in pictures.items()}
