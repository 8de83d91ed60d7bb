"""The equations F(u) = A u + φ(u) − s = 0 of a batch of media that vary, with their rounding.

φ is what cells take up in a saturating way, v u/(K + u), continued by its tangent below 0, and s
what they release. Either may be missing. Everything is float64, in units of D₀/h², with the
diffusivity D₀ of the uniform medium that the maps vary around.

A u is σ u_i + Σ κ (u_i − u_k). With the unit roundoff η, each of the at most seven terms of F goes
through at most eight roundings (a difference, a product and six sums), and each coefficient,
computed from the given maps, is wrong by at most 6η of itself. So the result is wrong by at most

    14η / (1 − 14η) · m,    m = σ |u_i| + Σ κ |u_i − u_k| + |φ(u_i)| + |s_i|    (Higham 2002, §3.1),

and so is m itself, relatively. 16η times the computed m covers all of this, and the rounding of
the sum of the two.
"""

from collections.abc import Mapping
from functools import reduce

import numpy as np
import tensorflow as tf

from diffkeras.nn.equation.equations import Equations, Uptake, equations_of
from diffkeras.nn.equation.multigrid import Level
from diffkeras.physics import Medium
from diffkeras.tf_solver.bounds.multigrid_cg import levels_of
from diffkeras.tf_solver.images import Part, exact_numbers

ETA = float(np.finfo(np.float64).eps) / 2
ROUNDING = 16 * ETA  # see above
SLOPE = 1 - 32 * ETA  # slopes go through at most twelve roundings


class TissueEquations:
    """F of the free nodes of each image.

    Attributes:
        supply: s, (batch, rows, columns), or None.
        saturates: whether there is a φ.
        valid: whether all values of an image's maps are those of a medium, and float64 holds them,
            (batch, 1, 1).
    """

    def __init__(self, maps: Mapping[str, tf.Tensor], free: tf.Tensor, medium: Medium) -> None:
        """Of `maps`, (batch, rows, columns) each, as of `VaryingSolver.certify`."""
        unit = float(medium.diffusivities[0])
        rate = float(medium.step) ** 2 / unit
        given = {
            name: tf.fill(tf.shape(free), np.float64(getattr(medium, name)))
            for name in ("diffusivity", "decay")
        }
        exact = [tf.constant(True, shape=(1, 1, 1))]
        for name, values in maps.items():
            given[name], own = exact_numbers(Part(name, values))
            exact.append(own)
        self._equations = equations_of(
            given["diffusivity"] / unit,
            given["decay"] * rate,
            medium.names_of_axes("a certificate in TensorFlow"),
        )
        self.saturates = "uptake" in given
        if self.saturates:
            self._uptake = Uptake(given["uptake"] * rate, given["saturation"])
        self.supply = given["production"] * rate if "production" in given else None
        self.valid = reduce(tf.logical_and, exact, _valid(given))
        self._free = free
        self._levels = self._levels_at(0.0)

    def of(self, field: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """F(u), 0 on the fixed nodes, and the bound of its rounding."""
        missed, magnitude = self._equations.apply(field), self._equations.magnitude(field)
        if self.saturates:
            taken = self._uptake.rate(field)
            missed, magnitude = missed + taken, magnitude + tf.abs(taken)
        if self.supply is not None:
            missed, magnitude = missed - self.supply, magnitude + tf.abs(self.supply)
        return self._among_free(missed, magnitude)

    def apply(
        self, field: tf.Tensor, slope: tf.Tensor | float = 0.0
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(A + d) u of slopes d, 0 on the fixed nodes, and the bound of its rounding."""
        equations = self._steeper(slope)
        return self._among_free(equations.apply(field), equations.magnitude(field))

    def slope(self, field: tf.Tensor) -> tf.Tensor | float:
        """dφ/du, (batch, rows, columns); 0 without φ."""
        return self._uptake.slope(field) if self.saturates else 0.0

    def least_slope(self, upper: tf.Tensor) -> tf.Tensor | float:
        """At most the slopes of φ up to `upper`: the last one, as φ is concave."""
        return SLOPE * self.slope(upper)

    def levels(self, slope: tf.Tensor | float) -> list[Level]:
        """Of multigrid for A + d."""
        return self._levels_at(slope) if self.saturates else self._levels

    def _levels_at(self, slope: tf.Tensor | float) -> list[Level]:
        return levels_of(self._steeper(slope), self._free)

    def _steeper(self, slope: tf.Tensor | float) -> Equations:
        return self._equations._replace(drain=self._equations.drain + slope)

    def _among_free(self, values: tf.Tensor, magnitude: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        free = tf.cast(self._free, tf.float64)
        return free * values, ROUNDING * free * magnitude


def _valid(maps: Mapping[str, tf.Tensor]) -> tf.Tensor:
    positive = ("diffusivity", "saturation")
    right = [
        tf.math.is_finite(values) & (values > 0 if name in positive else values >= 0)
        for name, values in maps.items()
        if name != "production"
    ]
    return tf.reduce_all(tf.stack(right), [0, 2, 3])[:, None, None]
