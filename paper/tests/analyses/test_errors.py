"""The errors of each setting, in regions and for numbers of sources."""

import numpy as np
import pytest

from diffkeras.evaluation.errors import ERRORS
from paper.analyses.errors import BY_COUNT, IN_REGIONS
from paper.analysis import rows_of
from paper.study_data import LOSS
from paper.tests.synthetic_study import FRACTION, log_law, synthetic_study

VARIANTS = {"only 1": lambda n: 1 + 0.5 * (n - 1), "joint": lambda n: 1.0}


def test_means_and_ranges_are_over_seeds():
    data = synthetic_study(fractions=(0.05, 1.0))
    table = IN_REGIONS.table(data)
    assert len(table) == 2 * 3 * len(ERRORS)
    setting = {FRACTION: "0.05", LOSS: "squared"}
    runs = rows_of(data.overall, setting)["mae_r1"]
    row = rows_of(table, {**setting, "error": "mae_r1"}).iloc[0]
    assert (row["runs"], row["training_examples"]) == (3, 60)
    np.testing.assert_allclose(
        row[["mean", "min", "max"]].tolist(), [runs.mean(), runs.min(), runs.max()]
    )


def test_every_tested_count_has_its_error():
    data = synthetic_study(
        fractions=(1.0,), losses={"absolute": 1.0}, variants=VARIANTS, noise=0, images=4
    )
    table = BY_COUNT.table(data)
    assert table["sources"].tolist() == [1, 2, 3, 4, 5] * 2
    for label, law in VARIANTS.items():
        found = table[table["variant"] == label].set_index("sources")["mean"]
        for count, mean in found.items():
            assert mean == pytest.approx(log_law(1200) * (1 + count) / 4 * law(count), rel=0.02)
    lines = {line.get_label(): line for line in BY_COUNT.figure(table, data).axes[0].lines}
    expected = table[table["variant"] == "joint"]["mean"]
    np.testing.assert_allclose(np.asarray(lines["joint"].get_ydata()), expected)
