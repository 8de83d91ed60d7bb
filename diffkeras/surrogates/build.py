"""The network of a configuration."""

from collections.abc import Callable
from typing import Any

import keras

from diffkeras import nn
from diffkeras.config import Config
from diffkeras.errors import ConfigurationError
from diffkeras.nn.losses import NodeLoss
from diffkeras.physics import FixedFlux, FixedValue
from diffkeras.surrogates.given_media import inputs_of


def build_model(config: Config) -> keras.Model:
    """The network of a configuration, with new weights, from and to the network's scale.

    Its input has channels for the diffusion length or the maps of the media that vary.
    """
    section = config.model
    facts: dict[str, Callable[[], Any]] = {
        "channels": lambda: 1 + len(inputs_of(config)),
        "operator": lambda: make_operator(config),
        "rounds": lambda: section.corrections,
    }
    needs = {name: facts[name]() for name in section.kind.needs}
    model = section.kind.build(**section.parameters, **needs)
    if section.kind.knows_equation:
        return model
    if section.corrections:
        return nn.with_corrections(model, make_operator(config), section.corrections)
    return nn.with_fixed_values(model) if section.fixed_values else model


def make_operator(config: Config) -> Any:
    """The lattice operator of a configuration, in units of D/h²: `nn.UniformOperator`, or
    `nn.VaryingOperator` where maps vary.
    """
    medium, lengths = config.physics.medium, config.data.diffusion_length
    diffusion = float(medium.diffusivities[0]) / medium.step**2
    if config.data.maps:
        decay = float(medium.decay) / diffusion
        unit = float(medium.diffusivities[0]) / medium.step  # of fluxes, per concentration
        boundaries = [_in_units(sides, unit) for sides in medium.sides]
        return nn.VaryingOperator(config.data.maps, decay, boundaries)
    return nn.UniformOperator(
        decay=float(medium.decay) / diffusion,
        boundaries=medium.names_of_axes("a network that knows the equation in a uniform medium"),
        lengths=None if lengths is None else [length / medium.step for length in lengths],
    )


def _in_units(sides: Any, unit: float) -> Any:
    """The sides of an axis as `nn.VaryingOperator` has them, with fluxes as multiples of a unit."""
    if isinstance(sides, tuple):
        return tuple(_in_units(side, unit) for side in sides)
    if isinstance(sides, FixedValue):
        return {"value": sides.numbers}
    return {"flux": sides.numbers / unit} if isinstance(sides, FixedFlux) else sides


def make_loss(config: Config) -> NodeLoss:
    """The configuration's loss.

    Raises:
        ConfigurationError: unknown errors, weights or parameters of them.
    """
    try:
        return nn.get_loss(config.training.loss)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"training.loss: {error}") from None
