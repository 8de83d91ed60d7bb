from diffkeras.config.baselines import BASELINES, OF_PRODUCTION
from diffkeras.evaluation import methods
from diffkeras.reporting.figures import COLORS, MARKERS


def test_every_baseline_has_a_method_for_what_its_sources_do() -> None:
    assert tuple(methods.BASELINES["fixed_value"]) == BASELINES
    assert tuple(methods.BASELINES["production"]) == OF_PRODUCTION


def test_every_method_can_be_drawn_and_told_apart() -> None:
    baselines = [m for table in methods.BASELINES.values() for m in table.values()]
    labels = {methods.SURROGATE, methods.SOURCES_SET, *(m.label for m in baselines)}
    assert labels == set(COLORS) == set(MARKERS)
    assert len(set(COLORS.values())) == len(labels)
