import numpy as np
import pytest

from paper.analyses.size_laws import ANALYSIS, compare
from paper.tests.synthetic_study import log_law, power_law, synthetic_study

SMALL = {"images": 2, "noise": 0.02}
ONE_LOSS = {"losses": {"absolute": 1.0}}


def test_a_power_law_is_found_with_its_floor():
    data = synthetic_study(**SMALL, **ONE_LOSS, law=power_law)
    row = ANALYSIS.table(data).set_index("region").loc["lattice"]
    assert row["better"] == "power law"
    assert row["log_weight"] < 0.1
    assert row["aicc_difference"] > 2
    assert row["power_exponent_low"] < 0.5 < row["power_exponent_high"]
    assert row["power_floor_low"] < 0.02 < row["power_floor_high"]
    assert row["power_exponent_high"] - row["power_exponent_low"] < 0.4
    assert row["log_lack_of_fit_p"] < 0.01 < row["power_lack_of_fit_p"]


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
