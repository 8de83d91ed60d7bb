"""The network of a configuration."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from diffkeras import nn
from diffkeras.config import Config
from diffkeras.errors import ConfigurationError
from diffkeras.nn.losses import NodeLoss
from diffkeras.physics import FixedFlux, FixedValue, Robin
from diffkeras.surrogates.given_media import inputs_of

# those of convolutions that halve the lattice, which may be padded
ARCHITECTURES: dict[str, Callable[..., keras.Model]] = {
    "encoder_decoder": nn.encoder_decoder,
    "joined_pair": nn.joined_pair,
    "u_net": nn.u_net,
}
# of convolutions, by `model.initial_weights`
INITIALIZERS = {"keras": "he_normal", "pytorch": "pytorch"}


def build_model(config: Config) -> keras.Model:
    """The network of a configuration, with new weights, from and to the network's scale.

    Its input has channels for the diffusion length or the maps of the media that vary.
    """
    section = config.model
    channels = 1 + len(inputs_of(config))
    if section.architecture == "unrolled_cg":
        operator = make_operator(config)
        return nn.unrolled_cg(operator=operator, rounds=section.corrections, channels=channels)
    if section.architecture == "fourier_neural_operator":
        model = nn.fourier_neural_operator(
            section.width, section.depth, modes=section.modes, channels=channels
        )
        return _with_equation(model, config)
    options: dict[str, Any] = {
        "channels": channels,
        "kernel_initializer": INITIALIZERS[section.initial_weights],
    }
    if section.architecture == "ring_density_network":
        options |= {"operator": make_operator(config), "rounds": section.corrections}
        return nn.ring_density_network(section.width, section.depth, pad=section.pad, **options)
    model = ARCHITECTURES[section.architecture](section.width, section.depth, **options)
    if section.pad:
        model = nn.padded(model, 2**section.depth)
    return _with_equation(model, config)


def _with_equation(model: keras.Model, config: Config) -> keras.Model:
    """The network with the corrections or fixed values that the configuration appends."""
    if rounds := config.model.corrections:
        return nn.with_corrections(model, make_operator(config), rounds)
    return nn.with_fixed_values(model) if config.model.fixed_values else model


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
        return {"value": sides.value}
    if isinstance(sides, FixedFlux):
        return {"flux": np.asarray(sides.flux) / unit}
    if isinstance(sides, Robin):
        raise ConfigurationError("a network that knows the equation takes no Robin sides")
    return sides


def make_loss(config: Config) -> NodeLoss:
    """The configuration's loss.

    Raises:
        ConfigurationError: unknown errors, weights or parameters of them.
    """
    try:
        return nn.get_loss(config.training.loss)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"training.loss: {error}") from None
