"""Configurations of losses that together have every error, weight and option."""

from typing import Any

STEP = {"name": "step", "amplitude": 5}
LOSSES: dict[str, Any] = {
    "absolute": "absolute",
    "squared": "squared",
    "power": {"error": "power", "alpha": 1.5},
    "huber": {"error": "huber", "delta": 0.1},
    "inverse_huber": {"error": "inverse_huber", "delta": 0.1},
    "relative": {"error": "relative", "epsilon": 0.1},
    "absolute_uniform": {"error": "absolute", "weight": "uniform"},
    "absolute_exponential": {"error": "absolute", "weight": {"name": "exponential", "scale": 0.5}},
    "absolute_tanh": {"error": "absolute", "weight": {"name": "tanh", "amplitude": 20}},
    "absolute_step": {"error": "absolute", "weight": STEP},
    "alternating": {
        "error": "alternating",
        "first": {"error": "absolute", "weight": STEP},
        "second": {"error": "huber", "delta": 0.02},
    },
    "squared_tanh_prediction": {
        "error": "squared",
        "weight": {"name": "tanh", "amplitude": 20},
        "weight_from": "prediction",
    },
    "inverse_huber_exponential_gradient": {
        "error": "inverse_huber",
        "delta": 0.02,
        "weight": {"name": "exponential", "scale": 0.5},
        "weight_from": "prediction",
        "weight_gradient": True,
    },
    "squared_step_normalized": {"error": "squared", "weight": STEP, "normalize_weight": True},
    "squared_sum": {"error": "squared", "reduction": "sum"},
}
