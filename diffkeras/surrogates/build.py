"""The network of a configuration, and the file of its weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from diffkeras import nn
from diffkeras.config import Config
from diffkeras.errors import DataError, RunError
from diffkeras.physics.problem.given_sides import plain_sides
from diffkeras.surrogates.section import ModelConfig
from diffkeras.system.array_files import read_arrays, write_arrays


def build_model(config: Config) -> keras.Model:
    """The network of a configuration, with new weights, from and to the network's scale."""
    section = config.model
    facts: dict[str, Callable[[], Any]] = {
        "channels": lambda: len(config.view.names),
        "lattice": lambda: config.physics.lattice,
        "operator": lambda: make_operator(config),
        "rounds": lambda: section.corrections,
    }
    needs = {name: facts[name]() for name in section.definition.needs}
    model = section.definition.build(**section.parameters, **needs)
    if section.definition.knows_equation:
        return model
    if section.corrections:
        return nn.with_corrections(model, make_operator(config), section.corrections)
    return nn.with_fixed_values(model) if section.fixed_values else model


def make_operator(config: Config) -> Any:
    """The lattice operator of a configuration, `nn.LatticeOperator`."""
    view = config.view
    medium, lengths = view.recipe.medium, view.ranges.get("diffusion_length")
    if view.maps:
        boundaries: Any = plain_sides(medium.sides, unit=view.diffusivity / view.step)
    else:
        boundaries = medium.boundary_names("a network that knows the equation in a uniform medium")
    return nn.LatticeOperator(
        decay=float(medium.decay) / (view.diffusivity / view.step**2),
        boundaries=boundaries,
        lengths=lengths and [length / view.step for length in lengths],
        maps=view.maps,
    )


def save_weights(file: Path, model: keras.Model) -> None:
    """Write the weights of a network, in the order in which it was built."""
    write_arrays(file, {f"{k:04d}": array for k, array in enumerate(model.get_weights())})


def load_weights(file: Path, model: keras.Model, section: ModelConfig) -> None:
    """Give a network of a section `model` the weights in a file; a RunError if they don't fit."""
    try:
        arrays = list(read_arrays(file, "weights of a network").values())
    except DataError as error:
        raise RunError(str(error)) from None
    variables = model.weights
    other = ""
    if len(arrays) != len(variables):
        other = f"it has {len(arrays)} arrays, and the network {len(variables)}"
    for array, variable in zip(arrays, variables, strict=False):
        if array.shape != variable.shape or array.dtype.kind != "f":
            kind = f"{array.dtype} {array.shape}"
            other = f"{variable.path} is {kind} there, and {variable.shape} in the network"
            break
    if other:
        builder = f"{section.architecture} builds now" if section.is_own else "config.yaml"
        raise RunError(f"{file} has the weights of another network than {builder}: {other}")
    model.set_weights(arrays)
