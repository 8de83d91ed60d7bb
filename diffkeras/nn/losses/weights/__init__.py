"""Weight maps, which multiply the error of each node."""

from diffkeras.nn.losses.weights.alternate_weights import AlternateWeights
from diffkeras.nn.losses.weights.alternating import AlternatingWeight
from diffkeras.nn.losses.weights.exponential import ExponentialWeight
from diffkeras.nn.losses.weights.registry import WEIGHTS, get_weight
from diffkeras.nn.losses.weights.step import StepWeight
from diffkeras.nn.losses.weights.tanh import TanhWeight
from diffkeras.nn.losses.weights.weight_map import UniformWeight, WeightMap

__all__ = [
    "WEIGHTS",
    "AlternateWeights",
    "AlternatingWeight",
    "ExponentialWeight",
    "StepWeight",
    "TanhWeight",
    "UniformWeight",
    "WeightMap",
    "get_weight",
]
