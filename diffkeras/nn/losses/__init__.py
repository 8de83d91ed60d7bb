"""Losses: an error per node, multiplied by a weight map."""

from diffkeras.nn.losses.absolute import AbsoluteError
from diffkeras.nn.losses.alternate_losses import AlternateLosses
from diffkeras.nn.losses.alternating import AlternatingLoss
from diffkeras.nn.losses.huber import HuberError
from diffkeras.nn.losses.inverse_huber import InverseHuberError
from diffkeras.nn.losses.node_loss import NodeLoss
from diffkeras.nn.losses.power import PowerError
from diffkeras.nn.losses.registry import ALIASES, ERRORS, get_loss
from diffkeras.nn.losses.relative import RelativeError
from diffkeras.nn.losses.squared import SquaredError
from diffkeras.nn.losses.weighted_error import WeightedError
from diffkeras.nn.losses.weights.exponential import ExponentialWeight
from diffkeras.nn.losses.weights.registry import WEIGHTS, get_weight
from diffkeras.nn.losses.weights.step import StepWeight
from diffkeras.nn.losses.weights.tanh import TanhWeight
from diffkeras.nn.losses.weights.weight_map import UniformWeight, WeightMap

__all__ = [
    "ALIASES",
    "ERRORS",
    "WEIGHTS",
    "AbsoluteError",
    "AlternateLosses",
    "AlternatingLoss",
    "ExponentialWeight",
    "HuberError",
    "InverseHuberError",
    "NodeLoss",
    "PowerError",
    "RelativeError",
    "SquaredError",
    "StepWeight",
    "TanhWeight",
    "UniformWeight",
    "WeightMap",
    "WeightedError",
    "get_loss",
    "get_weight",
]
