"""Models, layers, losses and metrics that run on every Keras backend."""

from diffkeras.nn import losses, metrics
from diffkeras.nn.architectures.encoder_decoder import encoder_decoder
from diffkeras.nn.architectures.fourier_neural_operator import fourier_neural_operator
from diffkeras.nn.architectures.joined_pair import WeightedSum, joined_pair
from diffkeras.nn.architectures.ring_density_network import ring_density_network
from diffkeras.nn.architectures.u_net import u_net
from diffkeras.nn.architectures.unrolled_cg import unrolled_cg
from diffkeras.nn.convolution import Conv3x3, UpsampledConv3x3
from diffkeras.nn.equation.corrections import FieldOfDensities
from diffkeras.nn.equation.heads import with_corrections, with_fixed_values, with_ring_densities
from diffkeras.nn.equation.layers import FixedValues, ImpliedDensities, RingOnly, TransformPair
from diffkeras.nn.equation.multigrid_corrections import MultigridCorrections
from diffkeras.nn.equation.operator import UniformOperator
from diffkeras.nn.equation.varying_operator import VaryingOperator
from diffkeras.nn.fourier import AppendCoordinates, SpectralConvolution
from diffkeras.nn.initializers import pytorch_uniform
from diffkeras.nn.lattice import CropTo, LatticeCheck, PadToMultiple, check_lattice, padded
from diffkeras.nn.losses import AlternateLosses, get_loss
from diffkeras.nn.metrics import default_metrics, region_metrics
from diffkeras.nn.normalization import CrossReplicaBatchNormalization, NormalizedConv3x3
from diffkeras.representation.target import pack_target, unpack_target
from diffkeras.system.keras_compat import ConvolutionalMuon

__all__ = [
    "AlternateLosses",
    "AppendCoordinates",
    "Conv3x3",
    "ConvolutionalMuon",
    "CropTo",
    "CrossReplicaBatchNormalization",
    "FieldOfDensities",
    "FixedValues",
    "ImpliedDensities",
    "LatticeCheck",
    "MultigridCorrections",
    "NormalizedConv3x3",
    "PadToMultiple",
    "RingOnly",
    "SpectralConvolution",
    "TransformPair",
    "UniformOperator",
    "UpsampledConv3x3",
    "VaryingOperator",
    "WeightedSum",
    "check_lattice",
    "default_metrics",
    "encoder_decoder",
    "fourier_neural_operator",
    "get_loss",
    "joined_pair",
    "losses",
    "metrics",
    "pack_target",
    "padded",
    "pytorch_uniform",
    "region_metrics",
    "ring_density_network",
    "u_net",
    "unpack_target",
    "unrolled_cg",
    "with_corrections",
    "with_fixed_values",
    "with_ring_densities",
]
