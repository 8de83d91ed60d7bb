from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.reporting.figures import to_png
from diffkeras.studies import figures as study_figures
from diffkeras.studies.grouping import Result, group_results
from diffkeras.studies.plan import Cell


def result(config: Config, values: dict[str, Any], mae: float) -> Result:
    figures = {"mae": mae, **{f"mae_{r}": mae for r in ("sources", "field", "r1", "r2")}}
    by_count = {sources: {**figures, "mae_r3": None} for sources in ("all", "1", "2")}
    tiny = {sources: {"mae": mae / 100} for sources in ("all", "1", "2")}
    methods = {"surrogate": by_count, "zero field": by_count, "2 rounds": tiny}
    cell = Cell("", values, config.with_overrides(values), config, Path(), True)
    return Result(cell, methods, {})


def test_seeds_are_gathered_and_their_spread_is_drawn(tiny: Config) -> None:
    factors = {
        "data.train_fraction": [0.5, 1.0],
        "training.loss": ["absolute", "squared"],
        "training.seed": [0, 1, 2],
    }
    results = [
        result(
            tiny,
            {"data.train_fraction": f, "training.loss": loss, "training.seed": seed},
            0.1 / f + seed / 100,
        )
        for f in (0.5, 1.0)
        for loss in ("absolute", "squared")
        for seed in (0, 1, 2)
    ]
    groups = group_results(results, factors)
    assert [(g.label, len(g.results)) for g in groups] == [
        ("train fraction 0.5, absolute", 3),
        ("train fraction 0.5, squared", 3),
        ("train fraction 1.0, absolute", 3),
        ("train fraction 1.0, squared", 3),
    ]
    assert groups[0].errors() == pytest.approx([0.2, 0.21, 0.22])
    assert groups[0].errors("mae_r3") == []
    figure = study_figures.size_figure(
        groups, "data.train_fraction", {"zero field": 0.3, "2 rounds": 1e-9}
    )
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == ["zero field"]
    absolute = next(line for line in left.lines if line.get_label() == "absolute")
    assert list(absolute.get_xdata()) == [12, 24]
    np.testing.assert_allclose(absolute.get_ydata(), [0.21, 0.11])
    np.testing.assert_allclose(right.lines[0].get_ydata(), [0.01] * 2)
    baselines = {name: results[0].metrics[name] for name in ("zero field", "2 rounds")}
    counts = study_figures.counts_figure(groups, ["1", "2"], baselines)
    labels = [line.get_label() for line in counts.axes[0].lines]
    assert labels == [*(group.label for group in groups), "zero field"]
    for drawn in (figure, study_figures.loss_figure(groups), counts):
        assert to_png(drawn, dpi=30).startswith(b"\x89PNG")
