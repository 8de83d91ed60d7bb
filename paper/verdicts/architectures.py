"""The claim that one kind of network suits the problem best."""

from paper.study_data import VARIANT, StudyData
from paper.verdicts.verdict import MARGIN, Verdict, decide, error_ratio


def architecture_is_best(data: StudyData) -> Verdict:
    """The first architecture of the study (the encoder-decoder) against each other one, with equal
    parameters, or in equal time, as the study says. Holds if its lattice MAE is smaller than that
    of each other one (interval of the ratio other / first above 1). Does not hold if that of one
    other is smaller by at least 5 %, or if each ratio lies between 0.95 and 1.05. If both are so,
    it does not hold."""
    first, *others = data.factors[VARIANT]
    runs = data.overall
    own = runs[runs[VARIANT] == first]
    ratios = {name: error_ratio(runs[runs[VARIANT] == name], own) for name in others}
    equal = all(r.low > 1 - MARGIN and r.high < 1 + MARGIN for r in ratios.values())
    outcome = decide(
        holds=all(ratio.low > 1 for ratio in ratios.values()) and not equal,
        fails=equal or any(ratio.high < 1 - MARGIN for ratio in ratios.values()),
    )
    words = (f"{name} {ratio}" for name, ratio in ratios.items())
    best = min(ratios, key=lambda name: ratios[name].value)
    return Verdict(
        outcome,
        f"error / error of {first}: {', '.join(words)}",
        key=f"{best} / {first}: {ratios[best]}",
    )
