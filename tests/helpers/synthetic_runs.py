"""Run directories that hold the measurements of a study of `study_rows`, and the study itself."""

from pathlib import Path

import pandas as pd

from diffkeras.config import Config, parse_config
from diffkeras.evaluation.errors import ERRORS
from diffkeras.studies.evaluations import ALL
from diffkeras.studies.plan import PlannedRun, Study, label_of
from diffkeras.studies.results import SIZE, StudyData
from diffkeras.surrogates.run_directory import CONFIG, FORMAT, WEIGHTS
from diffkeras.system.atomic_files import write_csv, write_json
from diffkeras.system.yaml_io import from_yaml

OWN = ("surrogate", "surrogate, sources set")
BASE = {
    "physics": {"lattice": 64},
    "data": {"sources": "1-2", "train_examples": 600, "test_examples": 3},
    "model": {"width": 8, "depth": 3},
    "training": {"batch_size": 16, "steps_per_epoch": 50, "epochs": 8},
}


def synthetic_runs(
    data: StudyData, directory: Path
) -> tuple[Study, list[PlannedRun], dict[str, Path]]:
    """Write run.json, history.csv and metrics.json of each run of a study.

    Returns:
        The study, its runs, and the directories of the baselines.
    """
    base = parse_config(BASE)
    study = Study(
        "synthetic",
        "A synthetic study",
        base,
        {name: list(map(from_yaml, values)) for name, values in data.factors.items()},
        dict.fromkeys(data.test_sets, base),
        question="How does the error fall with the number of training examples?",
    )
    runs, baselines = [], {}
    for name, rows in data.runs.groupby("run", sort=False):
        path = directory / str(name)
        first = rows.iloc[0]
        _write_run(path, first)
        tests = {}
        for label, of_set in rows.groupby("test_set", sort=False):
            tests[str(label)] = path / "tests" / str(label)
            own = pd.concat([of_set.assign(method=method) for method in OWN])
            _write_metrics(tests[str(label)], own)
            baselines[str(label)] = directory / "baselines" / str(label)
            of_set = data.baselines[data.baselines["test_set"] == label]
            _write_metrics(baselines[str(label)], of_set)
        config = _config(base, int(first[SIZE]))
        values = {k: first[k] for k in data.factors}
        runs.append(PlannedRun(label_of(values), values, config, path, True, tests))
    return study, runs, baselines


def _config(base: Config, size: int) -> Config:
    return base.with_overrides({"data.train_fraction": size / (600 * 2)})


def _write_run(path: Path, row: pd.Series) -> None:
    write_json(
        path / "run.json",
        {
            "format": FORMAT,
            "state": "finished",
            "seconds": row["seconds"],
            "best_epoch": int(row["best_epoch"]),
            "trainable_parameters": 48977,
            "versions": {"diffkeras": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.1"},
            "machine": "a machine with 2 cores",
        },
    )
    seconds = row["step_seconds"] / 8
    epochs = [[n, 0.2 / n, 0.1 / n, seconds] for n in range(1, 9)]
    write_csv(path / "history.csv", ["epoch", "loss", "val_mae", "seconds"], epochs)
    for name in (CONFIG, WEIGHTS):  # nothing reads them
        (path / name).touch()


def _write_metrics(path: Path, rows: pd.DataFrame) -> None:
    methods: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows.to_dict("records"):
        errors = {"images": 3, **{name: row[name] for name in ERRORS}}
        methods.setdefault(row["method"], {})[row["sources"]] = errors
    write_json(path / "metrics.json", {"methods": methods})
    assert all(ALL in by_count for by_count in methods.values())
