"""The network of a configuration."""

import keras

from diffkeras import nn
from diffkeras.config import Config


def build_model(config: Config) -> keras.Model:
    """The network of a configuration, with new weights, from and to the network's scale."""
    section = config.model
    model = nn.encoder_decoder(section.width, section.depth, channels=input_channels(config))
    return nn.padded(model, 2**section.depth) if section.pad else model


def input_channels(config: Config) -> int:
    """2 where the network gets each image's diffusion length as a channel, else 1."""
    return 1 if config.data.diffusion_length is None else 2
