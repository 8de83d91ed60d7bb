"""All layers. Importing them registers them with Keras, which loads saved models by their names."""

from diffkeras.nn.convolution import Conv3x3, NormalizedConv3x3, UpsampledConv3x3
from diffkeras.nn.equation.corrections import FixedValues, MultigridCorrections, RingCorrections
from diffkeras.nn.fourier import AppendCoordinates, SpectralConvolution, gelu
from diffkeras.nn.lattice import CropTo, LatticeCheck, PadToMultiple

__all__ = [
    "AppendCoordinates",
    "Conv3x3",
    "CropTo",
    "FixedValues",
    "LatticeCheck",
    "MultigridCorrections",
    "NormalizedConv3x3",
    "PadToMultiple",
    "RingCorrections",
    "SpectralConvolution",
    "UpsampledConv3x3",
    "gelu",
]
