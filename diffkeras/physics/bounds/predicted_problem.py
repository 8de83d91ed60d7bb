"""A predicted field beside the problem that it claims to solve."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import real_array
from diffkeras.physics.medium import Medium
from diffkeras.physics.operators.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.solvers.preconditioner import constant_mode_rules
from diffkeras.physics.solvers.ring import Ring, find_ring
from diffkeras.physics.steady_state import check_problem

SUBNORMAL = float(np.finfo(np.float64).smallest_subnormal)
LARGEST_POWER = 1000  # of 2, by which values are divided; doubles hold little more


def each_of_batch(
    prediction: NDArray, source_image: NDArray, fixed: NDArray[np.bool_] | None
) -> Iterator[tuple[NDArray, NDArray, NDArray[np.bool_] | None]]:
    """Prediction, source image and mask of each image of a batch.

    Args:
        prediction: (batch, rows, columns).
        source_image: (batch, rows, columns).
        fixed: None, (rows, columns), or (batch, rows, columns).

    Raises:
        PhysicsError: an empty batch, or shapes that don't fit.
    """
    images = real_array("the source image", source_image)
    predicted = real_array("the prediction", prediction)
    if len(images) == 0:
        raise PhysicsError(f"a batch has at least one source image; its shape is {images.shape}")
    if predicted.shape != images.shape:
        raise PhysicsError(
            f"the prediction has shape {predicted.shape}, the batch of source images {images.shape}"
        )
    masks = None if fixed is None else real_array("the fixed mask", fixed) != 0
    if masks is not None and masks.shape not in (images.shape, images.shape[1:]):
        raise PhysicsError(
            f"the fixed mask has shape {masks.shape}, the batch of source images {images.shape}"
        )
    for number, (one, image) in enumerate(zip(predicted, images, strict=True)):
        yield one, image, masks if masks is None or masks.ndim == 2 else masks[number]


@dataclass(frozen=True)
class PredictedProblem:
    """A problem, checked, and a prediction of its field.

    Attributes:
        prediction: û / `scale`, (rows, columns) float64.
        values: (rows, columns) float64, whose fixed nodes hold the fixed values c / `scale`.
        given: the values as they were given.
        fixed: (rows, columns), the fixed nodes.
        operator: A of the normalised medium, so that no unit over- or underflows.
        ring: the fixed nodes that have a free neighbour.
        scale: the power of 2 by which prediction and values were divided, for the same reason.
    """

    prediction: NDArray[np.float64]
    values: NDArray[np.float64]
    given: NDArray[np.float64]
    fixed: NDArray[np.bool_]
    operator: SpectralOperator
    ring: Ring
    scale: float

    @classmethod
    def check(
        cls,
        medium: Medium,
        prediction: NDArray,
        source_image: NDArray,
        fixed: NDArray[np.bool_] | None,
    ) -> "PredictedProblem":
        """The problem and its prediction, or the reason why they are none.

        Raises:
            PhysicsError: a prediction that is not finite or of another shape than the source image,
                or a problem that `solve` would refuse.
        """
        values, fixed = check_problem(source_image, fixed)
        predicted = real_array("the prediction", prediction)
        if predicted.shape != values.shape:
            raise PhysicsError(
                f"the prediction has shape {predicted.shape}, the source image {values.shape}"
            )
        if not np.isfinite(predicted).all():
            bad = tuple(int(i) for i in np.argwhere(~np.isfinite(predicted))[0])
            raise PhysicsError(f"the prediction holds {predicted[bad]} at node {bad}")
        operator = spectral_operator(values.shape, medium.normalised())
        if operator.singular and not fixed.any():
            raise PhysicsError(
                "no node is fixed, and with decay 0 and no absorbing boundary every constant "
                "solves the problem: fix a node, or give a positive decay or an absorbing boundary"
            )
        ring = find_ring(fixed, operator.axes)
        _, power = math.frexp(float(np.abs(values[ring.nodes]).max(initial=0.0)))
        scale = math.ldexp(1.0, min(max(power, -LARGEST_POWER), LARGEST_POWER))
        with np.errstate(over="ignore"):  # what overflows is as wrong as can be, and clipped
            scaled, claimed = values / scale, predicted / scale
        return cls(claimed, scaled, values, fixed, operator, ring, scale)

    def densities(self, prediction: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """q̂ = Aû on the fixed nodes and 0 on the free ones, (rows, columns).

        Args:
            prediction: û, (rows, columns); the problem's own unless given.

        û keeps its own values on the fixed nodes. To set them to c first would seem to spoil
        nothing, but it makes a jump at every rim of a smoothly wrong prediction, and the densities
        of the jump an error some ten times larger than the prediction's (measured: 1.0e-2 in place
        of 1.0e-3 for 1.001 u at 512², 20 discs of radius 5).

        Only the ring and the free nodes beside it decide: changing û inside a source by δ changes
        A⁻¹q̂ by δ there and nowhere else. So c takes û's place there, lest garbage brings rounding.

        Without an absorbing boundary, A⁻¹ makes a constant field of the densities' sum, 1/(γ·nodes)
        times as large: without decay the sum has to be 0, with a slow one it decides over all else.
        There its excess is taken off the ring evenly, which leaves A⁻¹q̂ the mean of û (or none,
        where A is deflated and `mismatch` finds the constant).
        """
        held = self.values[self.ring.nodes]
        low, high = min(held.min(initial=0.0), 0.0), max(held.max(initial=0.0), 0.0)
        # u lies in [low, high] by the maximum principle: numbers far outside bring rounding alone,
        # while clipping a slight excess would make jumps as described
        span = high - low
        prediction = self.prediction if prediction is None else prediction
        clipped = prediction.clip(low - span, high + span)
        inside = self.fixed.copy()
        inside[self.ring.nodes] = False
        np.copyto(clipped, self.values.clip(low, high), where=inside)
        density = self.operator.apply(clipped)
        density[~self.fixed] = 0.0
        if self.ring.size and constant_mode_rules(self.operator):
            excess = density.sum()
            if not self.operator.deflated:
                excess -= self.operator.decay * clipped.sum()
            density[self.ring.nodes] -= excess / self.ring.size
        return density

    def mismatch(
        self, field: NDArray[np.float64], values: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """values − field on the ring, (m,); the values are c unless given as (m,).

        Where A is deflated, densities that sum to 0 leave a multiple of `unit_field` free: so much
        of it is added to the field in place that positive and negative mismatch are alike.
        """
        values = self.values[self.ring.nodes] if values is None else values
        error = values - field[self.ring.nodes]
        if self.operator.deflated and self.ring.size:
            field += self.unit_field * (float(error.max() + error.min()) / 2)
            error = values - field[self.ring.nodes]
        return error

    @property
    def underflow(self) -> float:
        """What multiplying by `scale` may add, where values are close to the ends of doubles."""
        power = abs(math.frexp(self.scale)[1])
        return 8 * SUBNORMAL * max(self.scale, 1.0) if power > LARGEST_POWER // 2 else 0.0

    @cached_property
    def unit_field(self) -> NDArray[np.float64] | float:
        """A field of about 1, on the ring in the mean, that satisfies a deflated A's equation.

        It is proportional to A⁻¹ of equal densities on the ring that sum to 1/s (`spectral`), A₀⁻¹
        of them plus 1. Where A is singular they are 0, and it is 1.
        """
        if self.operator.singular:
            return 1.0
        each = np.full(self.ring.size, self.operator.inverse_weight / self.ring.size)
        field = self.operator.spread(self.ring.nodes, each) + 1.0
        return field / field[self.ring.nodes].mean()
