"""The problems that a network was trained for, those that it takes, and its inputs for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import (
    ExampleRecipe,
    Medium,
    MichaelisMenten,
    Problem,
    Sources,
    maps_of,
    parts_of,
)
from diffkeras.physics.arguments import LARGEST
from diffkeras.physics.problem.medium import MediumKeywords
from diffkeras.physics.problem.problem import ProblemKeywords
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.physics.problem.sources import production_of
from diffkeras.system.messages import low_to_high

ROUNDING = 1e-6  # relative differences up to this make no other medium
WANTED = "uptake as MichaelisMenten(maximum, constant), or as --uptake and --saturation"


class SurrogateKeywords(ProblemKeywords, total=False):
    """The keyword arguments of `Problem`, and the diffusion length ℓ [length]."""

    diffusion_length: float | None


@dataclass(frozen=True, eq=False)
class TrainedProblems:
    """The problems that a network was trained for."""

    recipe: ExampleRecipe  # of the examples of the training, of one of the source counts
    counts: tuple[int, ...]  # of the training

    @cached_property
    def varying(self) -> tuple[str, ...]:
        """What differs between the media of the training: "diffusion_length", or maps."""
        if self.recipe.tissue is not None:
            return self.recipe.tissue.varying_maps
        return () if self.recipe.diffusion_length is None else ("diffusion_length",)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the inputs that the network takes, in the order of their channels."""
        return ("source_images", *self.varying)

    @property
    def maps(self) -> tuple[str, ...]:
        """The inputs that are maps, some of `MAPS` of `physics.problem.maps`, in its order."""
        return () if self.recipe.tissue is None else self.varying

    @property
    def diffusivity(self) -> float:
        """D₀ of the uniform medium around which maps vary [length²/time]."""
        return float(self.recipe.medium.diffusivities[0])

    @property
    def step(self) -> float:
        """h [length]."""
        return self.recipe.medium.step

    @cached_property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """(low, high) in the training of what may differ between media, by name."""
        recipe, tissue = self.recipe, self.recipe.tissue
        if tissue is None:
            length = recipe.diffusion_length
            return {} if length is None else {"diffusion_length": length}
        (low, high), decay = tissue.diffusivity, float(recipe.medium.decay)
        return {
            "diffusivity": (self.diffusivity * low, self.diffusivity * high),
            "decay": (decay, decay + tissue.uptake[1]),
            "uptake": (0.0, tissue.uptake[1]),
            "saturation": tissue.saturation or (0.0, 0.0),
            "production": (0.0, tissue.secretion[1]),
        }

    @property
    def slowest_medium(self) -> Medium:
        """The medium of the training, with the smallest decay that an example has."""
        lengths, medium = self.recipe.diffusion_length, self.recipe.medium
        return medium if lengths is None else medium.with_diffusion_length(lengths[1])

    def differences(self, tested: "TrainedProblems") -> list[str]:
        """What of other problems, but for the lattice, is not the training's, in words.

        Their range of diffusion lengths may be a part of the trained one.
        """
        own, here = self._compared, tested._compared
        found = [f"{k} {own[k]} there, {here[k]} here" for k in own if own[k] != here[k]]
        one, other = (view.recipe.medium.sides for view in (self, tested))
        if one != other:
            words = f"{sides_in_words(one)} there, {sides_in_words(other)} here"
            found.append(f"physics.boundary {words}")
        ranges = [view.recipe.diffusion_length for view in (self, tested)]
        (shortest, longest), (low, high) = (ends or (np.inf, 0.0) for ends in ranges)
        if ranges[0] != ranges[1] and not shortest <= low <= high <= longest:
            there, now = (ends and low_to_high(*ends) for ends in ranges)
            found.append(
                f"data.diffusion_length {there} there, {now} here; choose a range within the "
                "trained one"
            )
        return found

    @property
    def _compared(self) -> dict[str, Any]:
        """What two networks' problems have in common, by keys of the configuration."""
        medium = self.recipe.medium
        return {
            "physics.step": medium.step,
            "physics.diffusivity": medium.diffusivity,
            "physics.decay": medium.decay,
            "physics.sources": "production" if self.recipe.production else "fixed_value",
            "data.divide_by_maximum": self.recipe.divide_by_maximum,
            "maps that vary (data.tissue):": ", ".join(self.maps) or "none",
        }

    @property
    def in_words(self) -> str:
        """The media of the training, as the beginning of a sentence."""
        if not self.varying:
            length = self.recipe.medium.diffusion_length
            media = f"for one medium, of diffusion length {length:g}"
        elif not self.maps:
            media = "on diffusion lengths of {:g} to {:g}".format(*self.ranges["diffusion_length"])
        else:
            several = "" if len(self.maps) > 1 else " from node to node"
            named = " and ".join(", ".join(self.maps).rsplit(", ", 1))
            media = f"on media whose {named} vary{several}"
        return f"this surrogate was trained {media}"

    def problem(self, image: ArrayLike | Sources, **keywords: Unpack[SurrogateKeywords]) -> Problem:
        """The problem of a source image, in a medium of the training; see `Surrogate.problem`."""
        own: dict[str, Any] = dict(keywords)
        length = own.pop("diffusion_length", None)
        parts = {name: own.pop(name) for name in MediumKeywords.__annotations__ if name in own}
        if own.get("medium") is None:
            own["medium"] = self._medium(length, parts)
        elif parts or length is not None:
            raise PhysicsError(
                "give either medium or parts of it, such as decay or diffusion_length"
            )
        if not self.recipe.production:
            return Problem(image, **own)
        if own.get("production") is not None:
            raise PhysicsError(
                "this surrogate's sources produce the decay times the source image; leave out the "
                "production, or give a Problem with the whole production"
            )
        if isinstance(image, Sources):
            image = image.image(dtype=np.float64)
        # given by the caller or completed above
        own["production"] = production_of(image, own["medium"])  # type: ignore[arg-type]
        return Problem(**own)

    def inputs(self, problems: Sequence[Problem]) -> dict[str, NDArray[np.float32]]:
        """The inputs of the network for problems of one lattice; a PhysicsError for others."""
        for problem in problems:
            self._check(problem)
        for medium in {id(problem.medium): problem.medium for problem in problems}.values():
            self._check_medium(medium)
        sources = [problem.values for problem in problems]
        if self.recipe.production:  # the inverse of `production_of`
            sources = [
                parts_of(problem)["production"] / np.asarray(problem.medium.decay)
                for problem in problems
            ]
        inputs = {"source_images": _stacked(sources)}
        maps = [maps_of(problem, self.maps) for problem in problems if self.maps]
        for name in self.maps:
            inputs[name] = _stacked([each[name] for each in maps])
            if (most := max(float(each[name].max()) for each in maps)) > LARGEST:
                raise PhysicsError(
                    f"the map of the {name} holds {most:g}, and at most {LARGEST:g} is possible: "
                    "choose other units"
                )
        if "diffusion_length" in self.varying:
            lengths = [problem.medium.diffusion_length for problem in problems]
            inputs["diffusion_length"] = np.array(lengths, np.float32)
        return inputs

    def _medium(self, length: float | None, parts: dict[str, Any]) -> Medium:
        """The medium of the training with other parts, or a PhysicsError if one is missing."""
        base, needed = self.recipe.medium, self.varying
        if length is not None:
            if "diffusion_length" not in needed:
                raise PhysicsError(f"{self.in_words}; leave out the diffusion length")
            if "decay" in parts:
                raise PhysicsError("give either the diffusion length or the decay, not both")
            base = base.with_diffusion_length(length)
        present = {"uptake", "saturation", "production", *parts}
        if length is not None or "decay" in parts:
            present.add("diffusion_length")
        for name in needed:
            if name not in present:
                raise PhysicsError(f"{self.in_words}; give the {name.replace('_', ' ')}")
        return replace(base, **parts) if parts else base

    def _check(self, problem: Problem) -> None:
        """Raise a PhysicsError if the network was not trained for a problem, but for its medium."""
        if len(problem.lattice) != 2:
            raise PhysicsError(
                "surrogates are for two dimensions, and an array of three axes is a volume, here "
                f"{problem.lattice}; `solve` takes it; a stack of images goes to `fields`, or to "
                "--batch of the command"
            )
        if "uptake" not in self.maps and problem.reduced.uptake is not None:
            raise PhysicsError(f"{self.in_words}, and uptake saturates in the problem")
        if "uptake" in self.maps and not isinstance(problem.uptake, MichaelisMenten):
            raise PhysicsError(f"{self.in_words}; give the {WANTED}")
        production = problem.production
        if self.recipe.production:
            if problem.fixed.any():
                raise PhysicsError("this surrogate's sources produce, and the problem fixes nodes")
        elif production is not None and production.any() and "production" not in self.maps:
            raise PhysicsError(f"{self.in_words} without production; leave out production")
        elif np.any(problem.fixed & (problem.values == 0)):
            raise PhysicsError(
                "this surrogate was trained without fixed nodes of value 0, and takes those nodes "
                "as fixed whose value is not 0"
            )
        for name, values in (("source values", problem.values), ("production", production)):
            if values is None:
                continue
            for wrong in values[~((values >= 0) & (values <= LARGEST))][:1]:
                raise PhysicsError(
                    f"surrogates take {name} between 0 and {LARGEST:g}, and the problem has "
                    f"{wrong:g}"
                )

    def _check_medium(self, medium: Medium) -> None:
        """Raise a PhysicsError if a medium is none of the training's."""
        trained, free, start = self.recipe.medium, self.varying, f"{self.in_words}, and"
        if medium.sides != trained.sides:
            here, there = map(sides_in_words, (medium.sides, trained.sides))
            raise PhysicsError(
                f"{start} the problem has the boundary {here!r} instead of {there!r}"
            )
        if "diffusion_length" in free and medium.is_uniform:
            shortest, longest = np.array(self.ranges["diffusion_length"], np.float32)
            length = np.float32(medium.diffusion_length)  # as datasets store it
            if not shortest <= length <= longest:
                raise PhysicsError(f"{start} {medium.diffusion_length:g} lies outside")
            free += ("decay",)
        for name in ("step", "diffusivity", "decay"):
            own, here = getattr(trained, name), getattr(medium, name)
            if isinstance(here, tuple) and not isinstance(own, tuple):
                raise PhysicsError(f"{start} the problem has the {name} {here}")
            if name not in free and not np.allclose(here, own, rtol=ROUNDING, atol=0):
                low = float(np.min(here))
                scaled = ""
                if name == "step" and medium.has_homogeneous_sides:
                    scaled = (
                        f" (a problem with the step {own:g} and {(own / low) ** 2:g} times the "
                        "diffusivity has the same field, and so has one whose diffusivity, decay, "
                        "uptake and production are multiplied by one number)"
                    )
                span = low_to_high(low, np.max(here))
                raise PhysicsError(
                    f"{start} the problem has the {name} {span} instead of {own:g}{scaled}"
                )


def _stacked(arrays: Sequence[NDArray]) -> NDArray[np.float32]:
    """(batch, rows, columns, 1) of arrays on the lattice."""
    return np.stack(arrays).astype(np.float32)[..., None]
