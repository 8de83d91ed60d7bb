"""Losses: an error per node, multiplied by a weight map."""

from diffkeras.nn.losses.alternating import AlternateLosses, AlternatingLoss
from diffkeras.nn.losses.errors import (
    AbsoluteError,
    HuberError,
    InverseHuberError,
    PowerError,
    RelativeError,
    SquaredError,
)
from diffkeras.nn.losses.table import LOSSES, get_loss
from diffkeras.nn.losses.weighted_error import NodeLoss, WeightedError
from diffkeras.nn.losses.weights import (
    WEIGHTS,
    ExponentialWeight,
    StepWeight,
    TanhWeight,
    UniformWeight,
    WeightMap,
    get_weight,
)

__all__ = [
    "LOSSES",
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
