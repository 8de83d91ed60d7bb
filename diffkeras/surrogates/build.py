"""The network of a configuration."""

from collections.abc import Callable
from typing import Any

import keras

from diffkeras import nn
from diffkeras.config import Config
from diffkeras.errors import ConfigurationError
from diffkeras.nn.losses import NodeLoss
from diffkeras.physics.problem.given_sides import plain_sides


def build_model(config: Config) -> keras.Model:
    """The network of a configuration, with new weights, from and to the network's scale.

    Its input has channels for the diffusion length or the maps of the media that vary.
    """
    section = config.model
    facts: dict[str, Callable[[], Any]] = {
        "channels": lambda: 1 + len(config.kind.inputs),
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
    medium, lengths, maps = config.physics.medium, config.data.diffusion_length, config.kind.maps
    diffusivity = float(medium.diffusivities[0])
    if maps:
        boundaries: Any = plain_sides(medium.sides, unit=diffusivity / medium.step)
    else:
        boundaries = medium.boundary_names("a network that knows the equation in a uniform medium")
    return nn.LatticeOperator(
        decay=float(medium.decay) / (diffusivity / medium.step**2),
        boundaries=boundaries,
        lengths=None if lengths is None else [length / medium.step for length in lengths],
        maps=maps,
    )


def make_loss(config: Config) -> NodeLoss:
    """The configuration's loss.

    Raises:
        ConfigurationError: unknown errors, weights or parameters of them.
    """
    try:
        return nn.get_loss(config.training.loss)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"training.loss: {error}") from None
