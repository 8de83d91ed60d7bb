import numpy as np
import pytest

from paper.analyses.size_laws import compare
from paper.tests.synthetic_study import log_law, power_law


@pytest.mark.parametrize(
    ("share", "better"), [(0.15, "logarithm"), (0.18, "neither"), (0.25, "power law")]
)
def test_a_law_between_both_is_neither(share, better):
    def law(size: int) -> float:
        return log_law(size) ** (1 - share) * power_law(size) ** share

    apart, sizes = np.array([-0.03, 0, 0.03]), (15, 60, 150, 300, 600, 1200)
    row = compare({n: np.log(law(n)) + np.roll(apart, place) for place, n in enumerate(sizes)})
    assert row["better"] == better
    assert (abs(row["aicc_difference"]) < 2) == (better == "neither")
    odds = np.exp(-row["aicc_difference"] / 2)
    assert row["log_weight"] == pytest.approx(odds / (1 + odds))
    assert row["aicc_difference_low"] < row["aicc_difference"] < row["aicc_difference_high"]
