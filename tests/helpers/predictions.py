"""Predictions that are wrong in known ways, and random problems."""

import numpy as np


def predict(kind: str, field: np.ndarray, seed: int = 0) -> np.ndarray:
    """A prediction of the field, wrong in some way."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(field.shape)
    match kind:
        case "noise":
            return field + 1e-3 * rng.standard_normal(field.shape)
        case "smooth":
            phase = rng.uniform(0, 6, 2)
            return field + 1e-3 * np.sin(rows / 9 + phase[0]) * np.cos(columns / 7 + phase[1])
        case "relative":
            return 1.001 * field
        case "zeros":
            return np.zeros_like(field)
        case "float32":
            return field.astype(np.float32)
        case "garbage":
            return rng.standard_normal(field.shape) * 10.0 ** rng.integers(-3, 9)
        case _:
            return field + 0.1 * (-1.0) ** (rows + columns)
