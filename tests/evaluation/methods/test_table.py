from diffkeras.config import BASELINES
from diffkeras.evaluation.methods import table as methods
from diffkeras.evaluation.report.figures import STYLES


def test_every_baseline_has_a_method_that_can_be_drawn_and_told_apart():
    assert tuple(methods.BASELINES) == BASELINES
    names = {method.name for method in methods.BASELINES.values()}
    assert names | {methods.SURROGATE} == set(STYLES)
    assert len(set(STYLES.values())) == len({color for color, _ in STYLES.values()}) == len(STYLES)
