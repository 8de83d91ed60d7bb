"""What the rest of diffkeras asks an architecture: its parameters, lattices and network.

Configurations are read before Keras is loaded. So the files of architectures import Keras, and all
that uses it, within their functions.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_whole
from diffkeras.system.section import Limits


@dataclass(frozen=True, eq=False)
class Parameter:
    """A key of the section `model`, which several architectures may share with its default.

    `type` has its limits, as a `Section` takes it.
    """

    name: str
    type: Any
    default: Any


WIDTH = Parameter("width", Annotated[int, Limits(2, 65_536, multiple=2)], 64)
MODES = Parameter("modes", Annotated[int, Limits(1, 4096)], 12)
DEPTH = Parameter("depth", Annotated[int, Limits(1, 10)], 5)


class LatticeRule(NamedTuple):
    """The lattices that a network takes.

    Attributes:
        divisor: the number of nodes of each side must be a multiple of it.
        shortest: smallest number of nodes of a side.
        remedy: what to change in a configuration for other lattices.
    """

    divisor: int = 1
    shortest: int = 1
    remedy: str = ""

    def __str__(self) -> str:
        """The rule in words."""
        if self.shortest > 1:
            return f"sides of at least {self.shortest} nodes"
        return "any sides" if self.divisor == 1 else f"sides that are multiples of {self.divisor}"

    def takes(self, lattice: Iterable[int]) -> bool:
        """Whether the network takes a lattice of so many rows and columns."""
        return all(side >= self.shortest and side % self.divisor == 0 for side in lattice)

    def check(self, lattice: Iterable[int | None]) -> None:
        """Raise a PhysicsError, with the nearest side that works, for another lattice.

        A side of (rows, columns) is None where it isn't known yet.
        """
        for axis, side in zip(("rows", "columns"), lattice, strict=True):
            if side is None:
                continue
            nodes = check_whole(axis, side, 1)
            if nodes < self.shortest:
                raise PhysicsError(
                    f"the lattice has {nodes} {axis}, and this network needs at least "
                    f"{self.shortest}; choose {self.shortest} or more"
                )
            if nodes % self.divisor:
                below = nodes // self.divisor * self.divisor
                nearest = f"{below} or {below + self.divisor}" if below else f"{self.divisor}"
                raise PhysicsError(
                    f"the lattice has {nodes} {axis}, not a multiple of {self.divisor}; choose "
                    f"{nearest}"
                )


def _any_lattice(parameters: Mapping[str, Any]) -> LatticeRule:
    return LatticeRule()


@dataclass(frozen=True)
class Architecture:
    """A kind of network that `model.architecture` of a configuration can name.

    Attributes:
        name: in configurations.
        summary: a sentence for users.
        build: makes the network, a functional `keras.Model` with new weights. Its arguments are the
            parameters and what `needs` names.
        parameters: the keys of `model` that have an effect, each with its meaning.
        needs: what `build` takes of the problem: "channels" (of the network's input), "lattice" (of
            the training), "operator" (a `LatticeOperator`) and "rounds" (`model.corrections`).
        lattices: those that a network with some parameters takes.
    """

    name: str
    summary: str
    build: Callable[..., Any]
    parameters: Mapping[Parameter, str]
    needs: tuple[str, ...] = ("channels",)
    lattices: Callable[[Mapping[str, Any]], LatticeRule] = _any_lattice

    @property
    def knows_equation(self) -> bool:
        """Whether it solves the equation itself, so that no corrections are appended."""
        return "operator" in self.needs
