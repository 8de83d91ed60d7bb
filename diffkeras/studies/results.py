"""What the runs of a study left behind, checked before it is compared."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diffkeras.config import short
from diffkeras.errors import RunError
from diffkeras.evaluation.errors import Scores
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import read_json


def metrics_file(run_dir: Path) -> Path:
    """Where a run's evaluation keeps its figures."""
    return run_dir / "evaluation" / "metrics.json"


def read_methods(run_dir: Path, counts: Sequence[int], images: int) -> dict[str, Any]:
    """Method → "all" or source count → figures, of a run that was tested as its study wants it.

    Args:
        run_dir: the run's directory.
        counts: source counts that it has to be tested on.
        images: test images of each.

    Raises:
        RunError: missing, of another test set, or damaged; the message names the file and the
            figure.
    """
    file = metrics_file(run_dir)
    content = read_json(file)
    methods = content.get("methods") if isinstance(content, dict) else None
    if not isinstance(methods, dict) or "surrogate" not in methods:
        raise RunError(f"{file} is damaged: it holds no figures of a surrogate")
    for method, by_count in methods.items():
        for count in ["all", *map(str, counts)]:
            figures = by_count.get(count) if isinstance(by_count, dict) else None
            if not isinstance(figures, dict):
                raise RunError(f"{file} holds no figures of {method} for {count} sources")
            if count != "all" and figures.get("images") != images:
                raise RunError(
                    f"{file} is of {figures.get('images')!r} test images for {count} sources, not "
                    f"{images}"
                )
            for name in Scores.columns():
                value = figures.get(name)
                empty = value is None and name.startswith("mae_")  # a region without nodes
                if not (empty or _is_number(value)):
                    raise RunError(
                        f"{file} is damaged: {name} of {method} for {count} sources is "
                        f"{short(value)}; delete the file, or {run_dir} to train it anew"
                    )
    return methods


def read_state(run_dir: Path) -> dict[str, Any]:
    """The content of a finished run's `run.json`, its numbers checked.

    Raises:
        RunError: not finished, or damaged.
    """
    run = Run.open(run_dir)
    state = run.state()
    for name in ("seconds", "epochs", "best_epoch"):
        if name in state and not (_is_number(state[name]) and state[name] >= 0):
            raise RunError(
                f"{run.path / 'run.json'} is damaged: {name} is {short(state[name])}; delete "
                f"{run_dir} to train it anew"
            )
    return state


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
