"""Predictions that are wrong in known ways, and random problems."""

import numpy as np
from hypothesis import strategies as st
from sparse_operator import solve_reference

from diffkeras.physics import Medium

KINDS = ("noise", "smooth", "relative", "zeros", "float32", "garbage", "checkerboard")


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


@st.composite
def problems(draw):
    """A random medium, source image with its mask, and prediction."""
    lattice = draw(st.tuples(st.integers(1, 18), st.integers(1, 18)))
    boundary = draw(st.tuples(*2 * [st.sampled_from(["absorbing", "reflecting", "periodic"])]))
    medium = Medium(
        draw(st.sampled_from([1.0, (0.25, 3.0)])),
        draw(st.sampled_from([0.0, 1e-9, 1e-4, 1 / 400, 0.3, 8.0])),
        draw(st.sampled_from([1.0, 0.2, 5.0])),
        boundary,
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    fixed = rng.random(lattice) < draw(st.sampled_from([0.02, 0.2, 0.7]))
    block = rng.integers(0, lattice)
    fixed[block[0] : block[0] + 4, block[1] : block[1] + 5] = True
    image = np.where(fixed, rng.uniform(-0.3, 1, lattice), 0.0)
    exact = solve_reference(image, medium=medium, fixed=fixed)
    prediction = predict(draw(st.sampled_from(KINDS)), exact, draw(st.integers(0, 2**32)))
    return medium, image, fixed, exact, prediction
