"""The baselines that an evaluation can measure next to the surrogate, by name."""

from collections.abc import Sequence
from typing import Literal, get_args

Baseline = Literal[
    "superposition",
    "one_number",
    "three_numbers",
    "five_numbers",
    "seven_numbers",
    "mean_medium",
    "exact_solver",
    "zero_field",
]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)
# Production is linear: the superposition of its discs is the exact field, and there is no ring.
OF_PRODUCTION: tuple[Baseline, ...] = ("exact_solver", "zero_field")
# Of media that vary, no transform is known, and no field of a disc alone.
OF_TISSUE: tuple[Baseline, ...] = ("mean_medium", "exact_solver", "zero_field")
# They put fields of discs together, and sides with a value or a flux have one, too.
OF_DISCS: tuple[Baseline, ...] = BASELINES[:5]


def choose_baselines(
    wanted: Sequence[Baseline] | None,
    *,
    production: bool,
    decays: bool,
    given_sides: bool = False,
    varying: bool = False,
) -> tuple[Baseline, ...]:
    """The wanted baselines, or all that apply.

    Args:
        wanted: None for all.
        production: whether sources produce.
        decays: whether the field of a single source decays: the decay is positive, or a boundary
            absorbs.
        given_sides: whether a side has a given value or flux.
        varying: whether the medium of each image varies from node to node.

    Raises:
        ValueError: a baseline that doesn't apply, or is named twice.
    """
    possible = OF_PRODUCTION if production else OF_TISSUE if varying else BASELINES
    if not varying:
        possible = tuple(name for name in possible if name != "mean_medium")
    if given_sides:
        possible = tuple(name for name in possible if name not in OF_DISCS)
    if not decays:
        possible = tuple(name for name in possible if name != "superposition")
    if wanted is None:
        return possible
    for place, name in enumerate(wanted):
        if name in wanted[:place]:
            raise ValueError(f"{name} is named twice")
        if name not in possible:
            why = (
                "needs uniform media, but data.tissue is set"
                if varying
                else "is for media that vary, but data.tissue is null"
                if name == "mean_medium"
                else "is for sources that hold fixed values, but physics.sources is production"
                if production
                else "needs sides without a given value or flux, and physics.boundary has one"
                if given_sides and name in OF_DISCS
                else "needs fields that decay: a physics.decay above 0 or an absorbing boundary"
            )
            raise ValueError(f"{name} {why}; choose among {', '.join(possible)}")
    return tuple(wanted)
