"""Dimensionless inputs: what the field of a family depends on, once its scale is taken out.

Without production, a field whose fixed values are all multiplied by c is c times larger, if the
concentrations of saturating uptake (the maximum, per unit of time, and Michaelis–Menten's constant)
are, too. So where the value of all fixed nodes is one parameter, u/c depends on that parameter only
through the others divided by it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.families.parameters import Parameter
from diffkeras.physics.problem.problem import Problem

# parts in proportion to the field's scale
CONCENTRATION_PARTS = ("uptake.maximum", "uptake.constant")


class Scaling(NamedTuple):
    """How points of a family become inputs.

    Attributes:
        scale: the number of the parameter that all fields are divided by; None for none.
        divided: (p,), the parameters that are divided by it.
        kept: (p,), the parameters that are inputs.
        is_logarithmic: (p,), those of which the logarithm is the input.
    """

    scale: int | None
    divided: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    is_logarithmic: NDArray[np.bool_]

    @classmethod
    def of(cls, problem: Problem, parameters: tuple[Parameter, ...]) -> "Scaling":
        """The scaling of a problem's parameters."""
        logarithmic = np.array([parameter.is_logarithmic for parameter in parameters])
        scale = _scale(problem, parameters)
        if scale is None:
            none = np.zeros(len(parameters), bool)
            return cls(None, none, ~none, logarithmic)
        divided = np.array([parameter.part in CONCENTRATION_PARTS for parameter in parameters])
        kept = np.ones(len(parameters), bool)
        kept[scale] = not _covers(problem, parameters)
        if not kept.any():
            kept[scale] = True  # the only parameter
        return cls(scale, divided, kept, logarithmic)

    def scales(self, points: Any, xp: Any = np) -> Any:
        """What the fields of points (n, p) are divided by, (n, 1); `xp`: their array namespace."""
        if self.scale is None:
            return xp.ones_like(points[:, :1])
        return points[:, self.scale : self.scale + 1]

    def inputs(self, points: Any, xp: Any = np) -> Any:
        """Dimensionless inputs (n, k) of points (n, p); infinite where a logarithm has none."""
        scale, columns = self.scales(points, xp), []
        with np.errstate(divide="ignore", invalid="ignore"):
            for number in np.flatnonzero(self.kept):
                column = points[:, number : number + 1]
                column = column / scale if self.divided[number] else column
                columns.append(xp.log(column) if self.is_logarithmic[number] else column)
        return xp.concatenate(columns, axis=1)


def _scale(problem: Problem, parameters: tuple[Parameter, ...]) -> int | None:
    """The number of the only parameter that fields are in proportion to, if there is one."""
    numbers = [n for n, parameter in enumerate(parameters) if parameter.part == "values"]
    produces = problem.reduced.production is not None or any(
        p.part == "production" or p.part.startswith("boundary.") for p in parameters
    )
    if len(numbers) != 1 or produces or not parameters[numbers[0]].is_logarithmic:
        return None
    rest = problem.values * problem.fixed
    rest.flat[parameters[numbers[0]].where] = 0.0
    return None if rest.any() else numbers[0]


def _covers(problem: Problem, parameters: tuple[Parameter, ...]) -> bool:
    """Whether all concentrations of uptake are parameters, wherever anything is taken up."""
    if problem.uptake is None:
        return True
    for part in set(CONCENTRATION_PARTS) & {f"uptake.{name}" for name in problem.uptake.parts}:
        left = np.array(np.broadcast_to(problem.uptake.maximum, problem.lattice)) != 0
        for set_part, is_left in (("uptake.maximum", True), (part, False)):
            for parameter in parameters:
                if parameter.part == set_part:
                    left.flat[parameter.where] = is_left
        if (left & ~problem.fixed).any():
            return False
    return True
