"""The baselines that an evaluation can measure next to the surrogate, by name."""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

Baseline = Literal[
    "superposition",
    "one_number",
    "three_numbers",
    "mean_medium",
    "exact_solver",
    "zero_field",
]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)
# They put fields of discs together, which is the exact field if sources produce, and not if a side
# has a value or a flux, whose field they leave out.
OF_DISCS = BASELINES[:3]
OF_UNIFORM_MEDIA: tuple[Baseline, ...] = (*OF_DISCS, "exact_solver", "zero_field")
# Where media vary, no transform is known, and no field of a disc alone.
OF_TISSUES: tuple[Baseline, ...] = ("mean_medium", "exact_solver", "zero_field")


def choose_baselines(
    chosen: Sequence[Baseline] | None, excluded: Mapping[str, Sequence[Baseline]]
) -> tuple[Baseline, ...]:
    """The chosen baselines, or all but the excluded ones, which don't apply for a reason each.

    Raises:
        ValueError: a baseline that doesn't apply, or is named twice.
    """
    names = [name for part in excluded.values() for name in part]
    possible = tuple(name for name in BASELINES if name not in names)
    if chosen is None:
        return possible
    for place, name in enumerate(chosen):
        if name in chosen[:place]:
            raise ValueError(f"{name} is named twice")
        for reason, part in excluded.items():
            if name in part:
                raise ValueError(
                    f"{name} doesn't apply to {reason}; choose among {', '.join(possible)}"
                )
    return tuple(chosen)
