"""Evaluate a trained surrogate on the test split, beside two baselines."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config, PhysicsConfig, format_counts
from diffkeras.data import open_dataset, raw_dataset, reading
from diffkeras.errors import DataError, RunError
from diffkeras.evaluation import figures as error_figures
from diffkeras.evaluation.errors import QUANTILES, Scores
from diffkeras.evaluation.methods import DRAWN, METHODS, SOURCES_SET
from diffkeras.evaluation.profiles import JointHistogram, RadialProfile
from diffkeras.evaluation.proven_bounds import TOLERANCES, Bounds
from diffkeras.physics import Medium, Sources, superpose
from diffkeras.reporting import figures
from diffkeras.reporting.html import Table, mark_best, number, write_report
from diffkeras.representation.regions import REGIONS
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.system.atomic_files import (
    check_replaceable,
    replace_directory,
    write_csv,
    write_json,
)
from diffkeras.system.progress import progress_bar
from tfds_builders import DiffusionFieldsConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        path: its directory, with `metrics.json`, `examples.csv`, `figures/` and `report.html`.
        metrics: the content of `metrics.json`: method → "all" or source count → figures.
        table: errors over all test images, for printing.
    """

    path: Path
    metrics: dict[str, Any]
    table: Table


@dataclass(frozen=True)
class _Batch:
    images: NDArray[np.float32]
    fields: NDArray[np.float32]
    sources: list[Sources]
    lengths: NDArray[np.float32] | None  # of diffusion, where they vary
    media: list[Medium]


def evaluate(
    run_dir: Path,
    data_dir: Path,
    *,
    config: Config | None = None,
    workers: int | None = None,
    output: Path | None = None,
    show_progress: bool = False,
) -> Evaluation:
    """Measure a surrogate's errors on the test split, per source count and over all.

    Args:
        run_dir: a finished run.
        data_dir: where the datasets lie.
        config: source counts, test examples and evaluation settings; by default the run's own. Its
            physics must be the run's; a range of diffusion lengths must lie within the run's.
        workers: threads that read data; by default as many as tf.data finds best.
        output: where the results go; by default `evaluation/` in the run directory.
        show_progress: whether to draw a progress bar.

    Raises:
        RunError: the run directory is missing, unfinished, foreign or damaged.
        DataError: datasets are missing, damaged, or of other physics than the run's.
    """
    run = Run.open(run_dir)
    config = config or run.config()
    _check_physics(run.config(), config, run_dir)
    for count in config.data.sources:
        open_dataset(config, count, data_dir, ("test",))
    path = output or run.evaluation
    check_replaceable(path, "metrics.json")
    surrogate = load_surrogate(run_dir)
    scores: dict[str, dict[int, Scores]] = {method: {} for method in METHODS}
    profile, histogram = RadialProfile(), JointHistogram()
    bounds = {count: Bounds() for count in config.data.sources}
    lengths: dict[int, list[float]] = {count: [] for count in config.data.sources}
    total = config.data.test_examples * len(config.data.sources)
    with (
        reading(config, data_dir),
        progress_bar(total, "Evaluating", "examples", shown=show_progress) as bar,
    ):
        for count in config.data.sources:
            parts: dict[str, list[Scores]] = {method: [] for method in METHODS}
            for batch in _batches(config, count, data_dir, workers):
                predictions = _predict(surrogate, batch, config)
                for method in METHODS:
                    parts[method].append(Scores.of(predictions[method], batch.fields, batch.images))
                histogram.add(batch.fields, predictions["surrogate"])
                if batch.lengths is not None:
                    lengths[count] += batch.lengths.tolist()
                cases = zip(batch.images, batch.fields, predictions["surrogate"], strict=True)
                for medium, case in zip(batch.media, cases, strict=True):
                    profile.add(*case)
                    if len(bounds[count].predicted) < config.evaluation.bounds:
                        image, field, prediction = case
                        bounds[count].add(medium, prediction, field, image)
                bar.update(len(batch.images))
            for method in METHODS:
                scores[method][count] = Scores.join(parts[method])
    metrics = {
        method: {
            "all": Scores.join(by_count.values()).summary(),
            **{str(count): s.summary() for count, s in by_count.items()},
        }
        for method, by_count in scores.items()
    }
    pictures = {
        "error_per_count": error_figures.error_per_count_figure(
            config.data.sources,
            {m: [metrics[m][str(n)]["mae"] for n in config.data.sources] for m in DRAWN},
        ),
        "distribution": error_figures.distribution_figure(
            {m: Scores.join(scores[m].values()).mae() for m in DRAWN}
        ),
        "predicted_against_true": error_figures.predicted_against_true_figure(histogram),
        "radial_profile": error_figures.radial_profile_figure(profile),
    }
    if config.data.diffusion_length:
        pictures["error_per_length"] = error_figures.error_per_length_figure(
            np.concatenate(list(lengths.values())) / config.physics.step,
            {m: Scores.join(scores[m].values()).mae() for m in DRAWN},
        )
    proven = {}
    if config.evaluation.bounds:
        together = Bounds.join(bounds.values())
        proven = {"all": together.summary()}
        proven |= {str(count): found.summary() for count, found in bounds.items()}
        pictures["rounds"] = error_figures.rounds_figure(together.histories, TOLERANCES)
    for name, chosen in _choose_cases(scores["surrogate"], config.evaluation.cases).items():
        pictures[name] = figures.case_figure(
            [_case(surrogate, config, data_dir, count, k, mae) for count, k, mae in chosen]
        )
    pngs = {name: figures.to_png(figure) for name, figure in pictures.items()}
    overall = _overall_table(metrics)
    length_column = ["diffusion_length"] if config.data.diffusion_length else []

    def write(path: Path) -> None:
        write_json(
            path / "metrics.json", {"test_examples": total, "methods": metrics, "bounds": proven}
        )
        write_csv(
            path / "examples.csv",
            ["method", "sources", "example", *length_column, *Scores.columns()],
            (
                [method, count, k, *lengths[count][k : k + 1], *row]
                for method, by_count in scores.items()
                for count, s in by_count.items()
                for k, row in enumerate(s.rows())
            ),
        )
        (path / "figures").mkdir()
        for name, png in pngs.items():
            (path / "figures" / f"{name}.png").write_bytes(png)
        rows, columns = config.physics.lattice
        media = (
            ""
            if not config.data.diffusion_length
            else (" and diffusion lengths of {:g} to {:g}".format(*config.data.diffusion_length))
        )
        write_report(
            path / "report.html",
            "evaluation.html.j2",
            title=f"Surrogate {config.name}",
            lead=f"Evaluated on {total} test images of {rows}×{columns} nodes with "
            f"{_counts(config)} sources{media}, none of which it was trained on or chosen by.",
            pictures=pngs,
            configuration=run.config().to_yaml(),
            overall=overall,
            per_count=_per_count_table(metrics, config),
            quantiles=_quantile_table(metrics),
            bounds=_bounds_table(proven),
            bounds_images=config.evaluation.bounds,
        )

    replace_directory(path, write)
    logger.info(f"evaluated {total} test images")
    return Evaluation(path, metrics, overall)


def _check_physics(learned: Config, wanted: Config, run_dir: Path) -> None:
    if wanted.physics != learned.physics:
        raise DataError(
            f"the run in {run_dir} learned other physics than it is to be evaluated on: "
            + _differences(learned.physics, wanted.physics)
        )
    own, other = learned.data.diffusion_length, wanted.data.diffusion_length
    if own != other and not (own and other and own[0] <= other[0] and other[1] <= own[1]):
        raise DataError(
            f"the run in {run_dir} learned other physics than it is to be evaluated on: "
            f"data.diffusion_length {list(own) if own else 'null'} against "
            f"{list(other) if other else 'null'}; a surrogate of a range takes a part of it"
        )


def _differences(learned: PhysicsConfig, wanted: PhysicsConfig) -> str:
    old, new = learned.model_dump(mode="json"), wanted.model_dump(mode="json")
    return ", ".join(f"{key} {old[key]} against {new[key]}" for key in old if old[key] != new[key])


def _batches(config: Config, count: int, data_dir: Path, workers: int | None) -> Iterator[_Batch]:
    dataset = raw_dataset(config, count, "test", data_dir, workers=workers).batch(
        config.evaluation.batch_size
    )
    recipe = DiffusionFieldsConfig.of_config(count, config).recipe()
    for batch in dataset.as_numpy_iterator():
        listed = batch["sources"]
        names = ("rows", "columns", "radii", "values")
        lengths = batch.get("diffusion_length")
        own = [None] * len(batch["source_image"]) if lengths is None else lengths.tolist()
        yield _Batch(
            batch["source_image"][..., 0],
            batch["field"][..., 0],
            [Sources(*(listed[name][i] for name in names)) for i in range(len(own))],
            lengths,
            [recipe.medium_with(length) for length in own],
        )


def _predict(surrogate: Surrogate, batch: _Batch, config: Config) -> dict[str, NDArray]:
    lattice = config.physics.lattice
    predictions = surrogate.predict(batch.images, batch.lengths)
    if not np.isfinite(predictions).all():
        raise RunError(
            "the surrogate predicts values that are not finite: its model is damaged, or its "
            "training diverged; train it again"
        )
    return {
        "surrogate": predictions,
        SOURCES_SET: np.where(batch.images != 0, batch.images, predictions),
        "superposition": np.stack(
            [
                superpose(sources, lattice, medium=medium)
                for sources, medium in zip(batch.sources, batch.media, strict=True)
            ]
        ),
        "zero field": np.zeros_like(batch.fields),
    }


def _choose_cases(scores: dict[int, Scores], cases: int) -> dict[str, list[tuple[int, int, float]]]:
    """Source count, number and error of the worst images and of those around the median."""
    ordered = sorted(
        (float(mae), count, k) for count, s in scores.items() for k, mae in enumerate(s.mae())
    )
    middle = max(0, (len(ordered) - cases) // 2)
    chosen = {
        "worst_cases": ordered[::-1][:cases],
        "median_cases": ordered[middle : middle + cases],
    }
    return {name: [(n, k, mae) for mae, n, k in case] for name, case in chosen.items()}


def _case(
    surrogate: Surrogate, config: Config, data_dir: Path, count: int, k: int, mae: float
) -> figures.Case:
    dataset = raw_dataset(config, count, "test", data_dir).skip(k).take(1)
    example = next(dataset.as_numpy_iterator())
    image, truth = example["source_image"][..., 0], example["field"][..., 0]
    length = example.get("diffusion_length")
    medium = "" if length is None else f"\nℓ = {length:.3g}"
    title = f"n = {count}, example {k}{medium}\nMAE {mae:.2g}"
    return title, image, truth, surrogate.predict(image, length)


def _overall_table(metrics: dict[str, Any]) -> Table:
    names = Scores.columns()
    labels = ["method", *(REGIONS_SHORT[r] for r in REGIONS), "relative L2", "maximum error"]
    rows = [(method, [metrics[method]["all"][name] for name in names]) for method in METHODS]
    return Table(labels, mark_best(rows))


REGIONS_SHORT = {
    "lattice": "lattice MAE",
    "sources": "sources",
    "field": "field",
    "r1": "R1",
    "r2": "R2",
    "r3": "R3",
}


def _per_count_table(metrics: dict[str, Any], config: Config) -> Table:
    rows: list[list[Any]] = []
    for count in config.data.sources:
        of_count = [
            (f"{count}: {m}", [metrics[m][str(count)][name] for name in Scores.columns()])
            for m in METHODS
        ]
        rows += mark_best(of_count)
    labels = ["sources: method", *REGIONS_SHORT.values(), "relative L2", "maximum error"]
    return Table(labels, rows)


def _bounds_table(proven: dict[str, Any]) -> Table:
    names = {
        "prediction_bound": "prediction: bound",
        "prediction_max_error": "true",
        "prediction_mae": "MAE",
        "corrected_bound": "corrected: bound",
        "corrected_max_error": "true",
        "corrected_mae": "MAE",
    }
    levels = [f"{tolerance:.0e}" for tolerance in TOLERANCES]
    rows = [
        [
            "all" if count == "all" else f"{count} sources" if count != "1" else "1 source",
            *(number(found[n] if n.endswith("mae") else found[n]["max"]) for n in names),
            *(f"{found['rounds'][x]['mean']:.1f} ({found['rounds'][x]['max']})" for x in levels),
        ]
        for count, found in proven.items()
    ]
    return Table(["largest error", *names.values(), *(f"rounds to {x}" for x in levels)], rows)


def _quantile_table(metrics: dict[str, Any]) -> Table:
    names = {"mae": "lattice MAE", "relative_l2": "relative L2", "max_error": "maximum error"}
    levels = [f"{q * 100:g}%" for q in QUANTILES]
    rows = [
        [
            f"{method}: {label}",
            *(number(metrics[method]["all"]["quantiles"][name][level]) for level in levels),
        ]
        for method in METHODS
        for name, label in names.items()
    ]
    return Table(["quantile over the images", *levels], rows)


def _counts(config: Config) -> str:
    return format_counts(config.data.sources).replace("-", " to ").replace(",", ", ")
