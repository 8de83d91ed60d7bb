"""From source images through a network to fields, for NumPy and in TensorFlow graphs alike.

A network whose training data were divided by their maximum predicts the shape of a field and not
its size. The size follows from the mass balance of the steady state: the sources produce as much as
decays and flows out. With the production s = γx of a source image x, the lattice equation Au = s
holds node by node, so for any weights w of the nodes

    Σ w s = Σ w A u.

The right-hand side is linear in u, so the field û of a network times Σ w s / Σ w A û is in balance.

With w = 1 this is the balance of the whole lattice. But far from the sources, where û is nearly 0,
its errors are as large as elsewhere, and most nodes are there: on 512² nodes with one disc of
radius 5 and ℓ = 20, a û that is too small by 0.001 everywhere would give a size that is 7 times too
large. So nodes count by how far û exceeds a tenth of its maximum, w = max(û − 0.1, 0). Then the
same û gives a size that is off by 0.05 %, and one with independent errors of 0.001 by 0.5 %.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.errors import RunError
from diffkeras.physics.problem.sides import AxisBoundary, both_sides

LEAST = 0.1  # nodes below this share of the maximum don't count in the mass balance
TINY = 1e-30  # makes 0/0 a 0


def predicted_fields(
    config: Config,
    network: Callable[[Any], Any],
    inputs: Mapping[str, Any],
    *,
    divided: bool = False,
    xp: Any = np,
) -> Any:
    """The fields of a network for its inputs, on the linear scale.

    Args:
        config: the configuration that the network was trained with.
        network: from network input to its field, on the network's scale.
        inputs: by name, float32, see `NetworkInput`; others than the network's have no effect.
        divided: whether to leave fields divided by their maximum, if those of the dataset are.
        xp: array namespace of the arrays.

    Returns:
        (batch, rows, columns, 1) float32. Where the equation is homogeneous, an image without
        sources has the field 0.
    """
    seen = config.network_input
    inputs, scale = seen.scaled(inputs, xp)
    fields = seen.transform.inverse(network(seen.channels(inputs, xp)), xp)
    if seen.scales and "production" not in seen.names:
        largest = xp.max(inputs["source_images"], axis=(-3, -2, -1), keepdims=True)
        fields = xp.where(largest > 0, fields, xp.zeros_like(fields))
    if not config.data.divide_by_maximum:
        return fields * scale
    if divided:
        return fields
    medium = config.physics.medium
    if "diffusion_length" in inputs:
        reach: Any = xp.square(inputs["diffusion_length"] / medium.step)[..., None, None, None]
    else:
        reach = (medium.diffusion_length / medium.step) ** 2
    maximum = balanced_maximum(inputs["source_images"], fields, reach, medium.side_kinds, xp)
    return fields * (maximum * scale)


def check_finite(fields: NDArray[np.float32], inputs: Mapping[str, NDArray[np.float32]]) -> None:
    """Raise a RunError for `predicted_fields` that are not finite."""
    if np.isfinite(fields).all():
        return
    largest = inputs["source_images"].max()
    raise RunError(
        "the surrogate predicts values that are not finite: its training diverged, or the images, "
        f"with values up to {largest:.3g}, and the medium leave the range of float32; train it "
        "again, or choose units in which sources have values of about 1"
    )


def balanced_maximum(
    images: Any, fields: Any, reach: Any, boundaries: Sequence[AxisBoundary], xp: Any = np
) -> Any:
    """The maxima of fields, of which only the shapes are known: those that balance production.

    As w increases with û, no term of Σ w A û is negative, and the sum is at least γ Σ w û. So no
    prediction, however bad, makes the maximum infinite. It is 0 where w is: for images without
    sources, and predictions that don't exceed a tenth at the sources.

    Args:
        images: source images x of the production γx, (batch, rows, columns, 1).
        fields: û, fields divided by their maximum, of the same shape.
        reach: (ℓ/h)², one number or (batch, 1, 1, 1).
        boundaries: of axis 0 and of axis 1.
        xp: array namespace of the arrays.

    Returns:
        (batch, 1, 1, 1).
    """

    def total(values: Any) -> Any:
        return xp.sum(values, axis=(-3, -2, -1), keepdims=True)

    weights = xp.maximum(fields - LEAST, 0.0)
    produced, decayed, flowed = total(weights * images), total(weights * fields), 0.0
    w, u = weights, fields
    for boundary in boundaries:  # −Σ w δ²u of each axis, by the differences between neighbours
        flowed += total((w[:, 1:] - w[:, :-1]) * (u[:, 1:] - u[:, :-1]))
        low, high = both_sides(boundary)
        if low == "absorbing":
            flowed += total(w[:, :1] * u[:, :1])
        if high == "absorbing":
            flowed += total(w[:, -1:] * u[:, -1:])
        if low == "periodic":
            flowed += total((w[:, :1] - w[:, -1:]) * (u[:, :1] - u[:, -1:]))
        w, u = xp.swapaxes(w, 1, 2), xp.swapaxes(u, 1, 2)
    return produced / xp.maximum(decayed + reach * flowed, TINY)
