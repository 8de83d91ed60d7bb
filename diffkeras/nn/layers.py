"""All layers. Importing them registers them with Keras, which loads saved models by their names."""

from diffkeras.nn.convolution import Conv3x3, NormalizedConv3x3, UpsampledConv3x3
from diffkeras.nn.equation.corrections import FixedValues, MultigridCorrections, RingCorrections
from diffkeras.nn.fourier import AppendCoordinates, SpectralConvolution, gelu
from diffkeras.nn.lattice import CropTo, LatticeCheck, PadToMultiple
from diffkeras.nn.positions import AddPositions, Sensors, Superposition, Waves

__all__ = [
    "AddPositions",
    "AppendCoordinates",
    "Conv3x3",
    "CropTo",
    "FixedValues",
    "LatticeCheck",
    "MultigridCorrections",
    "NormalizedConv3x3",
    "PadToMultiple",
    "RingCorrections",
    "Sensors",
    "SpectralConvolution",
    "Superposition",
    "UpsampledConv3x3",
    "Waves",
    "gelu",
]
