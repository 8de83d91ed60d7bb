"""Problems of images: of maps, by their names in data and networks, and of labels of tissues."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError, ProblemWarning
from diffkeras.physics.arguments import MOST_WHOLE, SHAPES, check_choice, check_number, real_array
from diffkeras.physics.problem.medium import Medium, MediumKeywords, show_keywords
from diffkeras.physics.problem.parts import parts_of
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.uptake import MichaelisMenten
from diffkeras.system.messages import level_outside

# the part (`parts_of`) that each map shows, in the order of a network's channels
MAPS = {
    "diffusivity": "diffusivity",
    "decay": "decay",
    "uptake": "uptake.maximum",
    "saturation": "uptake.constant",
    "production": "production",
}
WITHOUT_UPTAKE = {"uptake.maximum": 0.0, "uptake.constant": 1.0}


def maps_of(problem: Problem, names: str | Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Maps of a problem by name, on the lattice each.

    Args:
        problem: whose maps.
        names: "diffusivity" D [length²/time], "decay" γ with what cells take up in
            proportion [1/time], "uptake" v [concentration/time] and "saturation" K [concentration]
            of Michaelis–Menten uptake v u/(K + u), "production" s [concentration/time].

    Raises:
        PhysicsError: another name, a diffusivity for each axis, or another saturating uptake, which
            no map has.
    """
    maps = {}
    for name in [names] if isinstance(names, str) else names:
        part = MAPS[check_choice("map", name, MAPS)]
        maps[name] = np.broadcast_to(_value(problem, part), problem.lattice)
    return maps


def _value(problem: Problem, part: str) -> Any:
    """A part, a number or an array, which a map can show."""
    uptake, parts = problem.uptake, parts_of(problem)
    if part in WITHOUT_UPTAKE and uptake is None:
        return WITHOUT_UPTAKE[part]
    if part in WITHOUT_UPTAKE and not isinstance(uptake, MichaelisMenten):
        kind = type(uptake).__name__
        raise PhysicsError(f"maps describe uptake by MichaelisMenten, not by {kind}")
    if part not in parts:
        raise PhysicsError(f"a map has one {part} for all axes, not {problem.medium.diffusivities}")
    return parts[part]


def problem_of_maps(
    source_image: ArrayLike,
    medium: Medium,
    maps: Mapping[str, ArrayLike],
    fixed: ArrayLike | None = None,
) -> Problem:
    """The problem of a source image and maps; the medium has what no map shows.

    Args:
        source_image: the values of the fixed nodes, on the lattice.
        medium: its step and boundary, and its diffusivity and decay where no map has them.
        maps: on the lattice, or a number each, by the names of `maps_of`.
        fixed: as for `Problem`.

    Raises:
        PhysicsError: another name, uptake without saturation or the other way round, or values that
            make no problem (see `Problem`).
    """
    parts = {
        check_choice("map", name, MAPS): real_array(name, values) for name, values in maps.items()
    }
    if ("uptake" in parts) != ("saturation" in parts):
        raise PhysicsError("give uptake v and saturation K together, as uptake is v u/(K + u)")
    varying: Any = {name: parts[name] for name in ("diffusivity", "decay") if name in parts}
    uptake = MichaelisMenten(parts["uptake"], parts["saturation"]) if "uptake" in parts else None
    return Problem(
        source_image,
        production=parts.get("production"),
        uptake=uptake,
        fixed=fixed,
        medium=replace(medium, **varying),
    )


PROPERTIES = ("fixed", "production", "uptake", "saturation", "diffusivity", "decay")
SHOWN = 8  # labels in a message


@show_keywords
def from_labels(
    labels: ArrayLike,
    properties: Mapping[int, Mapping[str, float]],
    *,
    medium: Medium | None = None,
    **parts: Unpack[MediumKeywords],
) -> Problem:
    """The problem of a label image, in which whole numbers name vessels, tumour, stroma and so on.

    Args:
        labels: (rows, columns) or (planes, rows, columns), a whole number on each node.
        properties: of each label, numbers by name; {} for the medium alone. Label 0 needs
            no entry.

            - "fixed": the value that the nodes hold, which may be 0,
            - "production": s [concentration/time], what a node releases,
            - "uptake": its rate k [1/time] in proportion to the concentration; or, with
              "saturation", the maximum v [concentration/time] of Michaelis–Menten uptake,
            - "saturation": K [concentration], at which half of v is taken up,
            - "diffusivity" and "decay": D and γ of these nodes, in place of the medium's.
        medium: where the field diffuses; by default `Medium()`.
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`.

    Raises:
        PhysicsError: labels that aren't whole numbers, one without properties, another property, or
            properties that make no problem (see `Problem`).

    Warns:
        ProblemWarning: properties of a label that no node has.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> labels = np.zeros((64, 64), int)
        >>> labels[20:50, 20:50] = 2  # tumour
        >>> labels[10:14, 30:34] = 1  # a vessel
        >>> properties = {1: {"fixed": 60.0}, 2: {"uptake": 100.0, "saturation": 3.0}}
        >>> problem = dk.from_labels(labels, properties, diffusivity=1e5, decay=0.1, step=10.0)
        >>> bool(dk.solve(problem).field[labels == 1].min() == 60.0)
        True
    """
    image = real_array("the label image", labels)
    if image.ndim not in SHAPES:
        shapes = " or ".join(SHAPES.values())
        raise PhysicsError(f"a label image is {shapes}, not of shape {image.shape}")
    present = np.unique(image)
    if (other := present[present != np.rint(present)]).size:  # NaN differs from itself
        raise PhysicsError(
            f"a label image must hold whole numbers; this one also holds {other[0]:.9g}"
        )
    given = _checked(properties)
    if without := sorted({*present.astype(int).tolist()} - {0, *given}):
        raise PhysicsError(
            f"labels {_shown(without)} of the image have no properties; give each of them some, or "
            "{} (in the command `--label N:`) for the medium alone"
        )
    if absent := sorted(label for label, each in given.items() if each and label not in present):
        warnings.warn(
            f"no node of the label image has label {_shown(absent)}, so the properties given for "
            "it have no effect",
            ProblemWarning,
            stacklevel=level_outside(),
        )

    def on_nodes(name: str, default: Any = 0.0, *, labels: Iterable[int] = given) -> NDArray:
        """A property on each node: of these labels their own, elsewhere the default."""
        array = np.array(np.broadcast_to(default, image.shape))
        for label in labels:
            if name in given[label]:
                array[image == label] = given[label][name]
        return array

    medium = Medium.of(medium, parts).on(image.shape)
    names = {name for each in given.values() for name in each}
    if "diffusivity" in names and isinstance(medium.diffusivity, tuple):
        raise PhysicsError("must be the same along all axes where labels differ", "diffusivity")
    maps: dict[str, NDArray] = {
        name: on_nodes(name, getattr(medium, name)) for name in {"diffusivity", "decay"} & names
    }
    if "production" in names:
        maps["production"] = on_nodes("production")
    if saturating := [label for label, each in given.items() if "saturation" in each]:
        maps["uptake"] = on_nodes("uptake", labels=saturating)
        maps["saturation"] = on_nodes("saturation", given[saturating[0]]["saturation"])
    rate = on_nodes("uptake", labels=given.keys() - saturating)
    if rate.any():
        maps["decay"] = maps.get("decay", medium.decay) + rate
    fixed = np.isin(image, [label for label, each in given.items() if "fixed" in each])
    return problem_of_maps(on_nodes("fixed"), medium, maps, fixed)


def _shown(labels: Sequence[int]) -> str:
    return f"{', '.join(map(str, labels[:SHOWN]))}{' …' * (len(labels) > SHOWN)}"


def _checked(properties: Any) -> dict[int, dict[str, float]]:
    """The properties by name of each label."""
    if not isinstance(properties, Mapping) or not all(
        isinstance(label, Real)
        and not isinstance(label, bool)
        and abs(label) <= MOST_WHOLE  # type: ignore[operator]  # typeshed: Real has no order
        and float(label).is_integer()
        and isinstance(each, Mapping)
        for label, each in properties.items()
    ):
        raise PhysicsError(
            "the properties of labels are {label: {name: number}}, and labels whole numbers "
            f"of at most 2^53 in size, not {properties!r:.60}"
        )
    given = {}
    for label, each in properties.items():
        numbers = {
            check_choice(f"property of label {label}:", name, PROPERTIES): check_number(
                f"{name} of label {label}", number
            )
            for name, number in each.items()
        }
        if "saturation" in numbers and "uptake" not in numbers:
            raise PhysicsError(f"label {label} has a saturation and no uptake; give both")
        if not numbers.get("uptake", 0.0) >= 0:
            raise PhysicsError(
                f"must be ≥ 0, not {numbers['uptake']}; what cells release is a production",
                f"uptake of label {label}",
            )
        given[int(float(label))] = numbers
    return given
