"""The network of a configuration."""

import keras

from diffkeras import nn
from diffkeras.config import Config

ARCHITECTURES = {"encoder_decoder": nn.encoder_decoder, "joined_pair": nn.joined_pair}
# of convolutions, by `model.initial_weights`
INITIALIZERS = {"keras": "he_normal", "pytorch": "pytorch"}


def build_model(config: Config) -> keras.Model:
    """The network of a configuration, with new weights, from and to the network's scale.

    It has a second input channel where each image has a diffusion length of its own.
    """
    section = config.model
    channels = 1 if config.data.diffusion_length is None else 2
    model = ARCHITECTURES[section.architecture](
        section.width,
        section.depth,
        channels=channels,
        kernel_initializer=INITIALIZERS[section.initial_weights],
    )
    return nn.padded(model, 2**section.depth) if section.pad else model
