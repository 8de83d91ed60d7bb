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
# A family is one geometry, in which a mean medium may be the medium itself.
OF_FAMILY: tuple[Baseline, ...] = ("exact_solver", "zero_field")
# They put fields of discs together, and sides with a value or a flux have one, too.
OF_DISCS: tuple[Baseline, ...] = BASELINES[:5]


def choose_baselines(
    chosen: Sequence[Baseline] | None,
    *,
    production: bool,
    decays: bool,
    given_sides: bool = False,
    varying: bool = False,
    family: bool = False,
) -> tuple[Baseline, ...]:
    """The chosen baselines, or all that apply.

    Args:
        chosen: None for all.
        production: whether sources produce.
        decays: whether the field of a single source decays: the decay is positive, or a boundary
            absorbs.
        given_sides: whether a side has a given value or flux.
        varying: whether the medium of each image varies from node to node.
        family: whether images are those of a family, of one geometry.

    Raises:
        ValueError: a baseline that doesn't apply, or is named twice.
    """
    excluded: dict[str, tuple[Baseline, ...]] = {}  # reason → those that don't apply
    if production:
        excluded["sources that produce"] = _without(OF_PRODUCTION)
    if family:
        excluded["families (data.family)"] = _without(OF_FAMILY)
    elif varying:
        excluded["media that vary (data.tissue)"] = _without(OF_TISSUE)
    else:
        excluded["uniform media (data.tissue: null)"] = ("mean_medium",)
    if given_sides:
        excluded["sides with a given value or flux (physics.boundary)"] = OF_DISCS
    if not decays:
        excluded["fields that don't decay (physics.decay: 0)"] = ("superposition",)
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


def _without(names: Sequence[Baseline]) -> tuple[Baseline, ...]:
    return tuple(name for name in BASELINES if name not in names)
