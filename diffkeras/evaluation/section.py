"""The section `evaluation` of a configuration, and which baselines there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from diffkeras.data.section import DataConfig, PhysicsConfig, SourceCounts, format_counts
from diffkeras.physics import Medium
from diffkeras.system.section import KeyProblem, Limits, Section

Count = Annotated[int, Limits(1, 1_000_000)]
# methods that an evaluation can measure next to the surrogate
Baseline = Literal[
    "superposition", "one_number", "three_numbers", "mean_medium", "exact_solver", "zero_field"
]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)
# Baselines that put fields of discs together, which is the exact field if sources produce, and not
# if a side has a value or a flux, whose field they leave out.
OF_DISCS = BASELINES[:3]


@dataclass(frozen=True)
class EvaluationConfig(Section):
    """How a trained surrogate is evaluated.

    Attributes:
        batch_size: Number of examples predicted at once.
        bounds: Number of images per source count for which error bounds are computed.
        cases: Number of worst and of median cases shown in the report.
        baselines: Methods without a network that are measured on the same images, a list of
            superposition, one_number, three_numbers, exact_solver and zero_field (of production:
            exact_solver and zero_field; in tissues: these and mean_medium). null: all.
        pictures: Source counts of which the report shows an example. null: the smallest, the
            largest and the middle one.
    """

    batch_size: Count = 32
    bounds: Annotated[int, Limits(0, 1_000_000)] = 10
    cases: Count = 3
    baselines: tuple[Baseline, ...] | None = None
    pictures: SourceCounts | None = None

    def check_pictures(self, counts: Sequence[int]) -> None:
        """Raise a KeyProblem if pictures are to show others than these source counts."""
        if absent := sorted(set(self.pictures or ()) - set(counts)):
            raise KeyProblem(
                f"{absent[0]} is not in data.sources, {format_counts(counts)}; choose from these, "
                "or null",
                "evaluation",
                "pictures",
            )

    def baselines_for(self, physics: PhysicsConfig, data: DataConfig) -> tuple[Baseline, ...]:
        """The baselines of an evaluation: the chosen ones, or all that apply."""
        outline = Medium(boundary=physics.boundary)
        excluded: dict[str, Sequence[Baseline]] = {}  # by the reason
        if physics.produces:
            excluded["sources that produce"] = OF_DISCS
        if data.maps:  # no transform is known there, and no field of a disc alone
            excluded["media that vary (data.tissue)"] = OF_DISCS
        else:
            excluded["uniform media (data.tissue: null)"] = ("mean_medium",)
        if not outline.has_homogeneous_sides:
            excluded["sides with a given value or flux (physics.boundary)"] = OF_DISCS
        if outline.is_closed and not (physics.decay or data.diffusion_length):
            excluded["fields that don't decay (physics.decay: 0)"] = ("superposition",)
        names = [name for part in excluded.values() for name in part]
        possible = tuple(name for name in BASELINES if name not in names)
        if self.baselines is None:
            return possible
        for place, name in enumerate(self.baselines):
            if name in self.baselines[:place]:
                raise KeyProblem(f"{name} is named twice", "evaluation", "baselines")
            if reasons := [reason for reason, part in excluded.items() if name in part]:
                raise KeyProblem(
                    f"{name} doesn't apply to {reasons[0]}; choose among {', '.join(possible)}",
                    "evaluation",
                    "baselines",
                )
        return self.baselines
