"""The exact solver in TensorFlow: batched, differentiable, for CPU and GPU.

The method is that of `diffkeras.solve` (`physics.solvers.ring_field`): find the source rims,
solve a dense symmetric system for the densities on them, and spread these over the lattice. The
field of production is one transform pair.
"""

from copy import copy
from pathlib import Path
from typing import Unpack, get_args

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium
from diffkeras.physics.arguments import check_lattice
from diffkeras.physics.medium import MediumParts, as_medium
from diffkeras.tf_solver.images import check_images, checked, powers_of_two
from diffkeras.tf_solver.operator import Precision, TensorOperator
from diffkeras.tf_solver.ring import OwnMedia, RingSystem, find_rings
from diffkeras.tf_solver.saved_model import write_solver

ANISOTROPIC = 10.0  # ratio of diffusivities above which float32 loses digits
MOST_RATE = 1e25  # of D/h² in float32, whose largest number is 3e38


class TensorSolver:
    """Fields of batches of source images in a uniform medium, in any TensorFlow graph.

    In float32, fields of discs differ from `diffkeras.solve` by at most 2e-6 of the largest value,
    and those of production by at most 3e-6. In 25,000 problems with random fixed nodes it was at
    most 1e-5; if the diffusivities along the axes differ by a factor of 100 or 1000, it was up to
    1e-4 or 2e-3. Fields are differentiable with respect to the source values and production. A NaN
    in a source image or in production makes its field NaN.

    Args:
        lattice: (rows, columns), or one number for a square lattice.
        medium: a uniform medium with any boundary; by default `Medium()`.
        precision: of the computation. The default is float32, but float64 if the diffusivities
            along the axes differ by a factor above 10, or if TensorFlow would round float32
            products to ten bits, as on GPUs with TensorFloat-32 enabled. Give "float32" for a
            tf.data pipeline, which always runs on CPUs.
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`.

    Raises:
        PhysicsError: a medium that varies over the lattice or is out of range, or an argument of a
            wrong type.

    Example:
        >>> import tensorflow as tf
        >>> from diffkeras.tf_solver import TensorSolver
        >>> solver = TensorSolver(64, decay=0.01)
        >>> images = tf.Variable(tf.scatter_nd([[0, 20, 30]], [1.0], [1, 64, 64]))
        >>> with tf.GradientTape() as tape:
        ...     field = solver.solve(images)
        ...     there = field[0, 40, 30]
        >>> gradient = tape.gradient(there, images)[0, 20, 30]
        >>> bool(abs(gradient - there) < 1e-6)  # the field is linear in the source's value, 1
        True
    """

    def __init__(
        self,
        lattice: int | tuple[int, int],
        medium: Medium | None = None,
        precision: Precision | None = None,
        **parts: Unpack[MediumParts],
    ) -> None:
        self.lattice = check_lattice(lattice)
        self.medium = as_medium(medium, parts)
        self.medium.require_uniform("TensorSolver")
        diffusivities = [float(value) for value in self.medium.diffusivities]
        if precision is None:
            is_anisotropic = max(diffusivities) > ANISOTROPIC * min(diffusivities)
            precision = "float64" if is_anisotropic or _products_are_rounded() else "float32"
        if precision not in get_args(Precision):
            raise PhysicsError(
                f"precision must be one of {', '.join(get_args(Precision))}, not {precision!r}"
            )
        rate = max(diffusivities) / self.medium.step / self.medium.step
        if precision == "float32" and not 1 / MOST_RATE <= rate <= MOST_RATE:
            raise PhysicsError(
                f"diffusivity / step² is {rate:.0e}, too far from 1 for float32; choose other "
                'units, or precision "float64"'
            )
        self._rate = float(rate)
        self._operator = TensorOperator(self.lattice, self.medium, precision)

    def solve(
        self,
        source_images: tf.Tensor | None = None,
        fixed: tf.Tensor | None = None,
        media: OwnMedia | None = None,
        production: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The steady states of a batch: u = source image on the fixed nodes, Au = s on the others.

        A = −D∇² + γ, and s is production. Without source images no node is fixed, and the graph is
        one transform and its inverse.

        An image takes about 40m² + O(rows · columns) bytes in float32, where m is the largest
        number of ring nodes in the batch, about 28 for a disc of radius 5.

        Args:
            source_images: (batch, rows, columns), real.
            fixed: (batch, rows, columns) bool; by default the nodes whose value is not 0.
            media: of each image, if they differ from the solver's.
            production: (batch, rows, columns), real, of any sign [concentration/time]; by default
                0. On fixed nodes it is ignored.

        Returns:
            (batch, rows, columns), of the source images' type (or, without them, production's) if
            they are floats, else of the solver's precision.

        Raises:
            PhysicsError: source images, mask or production of another shape or type; neither source
                images nor production; own media without tables though nodes are fixed.
            tf.errors.InvalidArgumentError: when it runs, if a problem has no unique solution (decay
                0, no absorbing boundary and no fixed node), or the values of an image and its
                production are so small that parts of its field would underflow: their largest is
                below 1e-32 in float32, also if production is divided by D/h².
        """
        if production is not None:
            production, dtype = check_images(
                production, self.lattice, self._operator.dtype, "production"
            )
        if source_images is None:
            if production is None or fixed is not None:
                raise PhysicsError("give source images, which fixed nodes need, or production")
            return tf.cast(self._produced_field(production, media), dtype)
        images, dtype = check_images(source_images, self.lattice, self._operator.dtype)
        fixed = self._check_fixed(fixed, images, media)
        if production is not None:
            production = tf.where(fixed, tf.zeros_like(images), _of_batch(production, images))
        field = self._field(images, fixed, media, production)
        return self._finish(field, images, fixed, dtype)

    def _produced_field(self, production: tf.Tensor, media: OwnMedia | None) -> tf.Tensor:
        """The field of production without fixed nodes."""
        operator = self._operator
        decays = None if media is None else media.decays
        production = self._check_unique(production, tf.constant(False), decays)
        power = powers_of_two((production, self._rate))
        field = operator.inverse(production / power, decays)
        if operator.deflated:
            constants = operator.total(production / power) / operator.inverse_factor(decays)
            field += constants[:, None, None]
        return tf.ensure_shape(power * field, (None, *self.lattice))

    def _field(
        self,
        images: tf.Tensor,
        fixed: tf.Tensor,
        media: OwnMedia | None,
        production: tf.Tensor | None,
    ) -> tf.Tensor:
        """The field on the free nodes. Production is 0 on the fixed ones.

        It is the field of the production and of point sources on the ring, with which the ring has
        its values. If many nodes are fixed, both may be far larger than their sum, so the rounding
        that this leaves on the ring is corrected.
        """
        operator = self._operator
        decays = None if media is None else media.decays
        rings = find_rings(fixed, operator.axes)
        system = RingSystem(operator, rings, media)
        if production is None:
            power = powers_of_two((images, 1.0))
            values = tf.gather_nd(images / power, rings.nodes)
            densities, constants = system.solve(values)
            field = operator.spread(rings.nodes, densities, tf.shape(images)[0], decays)
            return power * (field + constants)
        power = powers_of_two((images, 1.0), (production, self._rate))
        values = tf.gather_nd(images / power, rings.nodes)
        production /= power
        missing = values - tf.gather_nd(operator.inverse(production, decays), rings.nodes)
        densities, constants = system.solve(missing, operator.total(production))
        production = tf.tensor_scatter_nd_add(production, rings.nodes, densities)
        field = operator.inverse(production, decays) + constants
        densities, constants = system.solve(values - tf.gather_nd(field, rings.nodes))
        field += operator.spread(rings.nodes, densities, tf.shape(images)[0], decays)
        return power * (field + constants)

    def restore(
        self, source_images: tf.Tensor, densities: tf.Tensor, decays: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The fields that belong to known ring densities, as `solve` returns them.

        Args:
            source_images: as for `solve`; a node is fixed if its value is not 0.
            densities: (batch, m) float32, in the order of `physics.operators.ring.find_ring`, row
                by row; entries after an image's own ring nodes are ignored.
            decays: (batch,), γ of each image [1/time], if they are larger than the medium's.
        """
        images, dtype = check_images(source_images, self.lattice, self._operator.dtype)
        fixed = tf.not_equal(images, 0)
        rings = find_rings(fixed, self._operator.axes)
        batch = tf.shape(images)[0]
        power = powers_of_two((images, 1.0))
        densities = tf.cast(densities, self._operator.dtype) / power[:, 0]
        stored = tf.gather_nd(densities, rings.places)
        field = self._operator.spread(rings.nodes, stored, batch, decays)
        if self._operator.deflated:
            # rounding has cancelled the sum of the densities, so it can't give the missing
            # constant; the known values on the ring can
            missing = tf.gather_nd(images / power - field, rings.nodes)
            constants = tf.math.unsorted_segment_mean(missing, rings.places[:, 0], batch)
            field += constants[:, None, None]
        return self._finish(power * field, images, fixed, dtype)

    def tables(self, decays: NDArray[np.floating]) -> NDArray[np.floating]:
        """Tables for `OwnMedia` of decays (batch,) [1/time], none smaller than the medium's."""
        return self._operator.tables(decays)

    def export(self, path: Path | str) -> None:
        """Write the solver as a SavedModel, which TensorFlow loads and runs without diffkeras.

        Its function `serve`, also the signature "serving_default", has the contract of a
        surrogate's SavedModel: float32 source images (batch, rows, columns, 1) of any batch size
        → float32 fields of the same shape. Nodes whose value is not 0 are fixed. The others are:

        - `serve_fixed(source_images, fixed)`: the fixed nodes are an input, bool, with the same
          shape or with a batch of 1 for all images, so that nodes can be fixed at 0.
        - `serve_production(production)`: no node is fixed. Production is float32 and has the shape
          of source images.
        - `serve_general(source_images, fixed, production)`: both. Production on fixed nodes is
          ignored.

        All raise `tf.errors.InvalidArgumentError` for another lattice. (XLA drops this check.)
        `diffkeras.json` in the directory says which medium the solver stands for. An earlier
        SavedModel at the same place is replaced. Construct the solver with precision "float64" if
        the SavedModel will run on GPUs with TensorFloat-32 enabled.

        Args:
            path: the directory.

        Raises:
            OutputError: the directory can't be written, or contains something other than a
                SavedModel.

        Example:
            >>> import tempfile
            >>> import tensorflow as tf
            >>> path = tempfile.mkdtemp()
            >>> TensorSolver((16, 20), decay=0.05).export(path)
            >>> solver = tf.saved_model.load(path)
            >>> solver.serve(tf.zeros((2, 16, 20, 1))).shape
            TensorShape([2, 16, 20, 1])
        """
        solver = copy(self)
        solver._operator, arrays = self._operator.with_shared_arrays()
        write_solver(Path(path), solver.solve, self.lattice, self.medium, arrays)

    def _check_fixed(
        self, fixed: tf.Tensor | None, images: tf.Tensor, media: OwnMedia | None
    ) -> tf.Tensor:
        """The fixed nodes, (batch, rows, columns) bool."""
        if media is not None and media.tables is None:
            raise PhysicsError("own media need tables where nodes are fixed: TensorSolver.tables")
        if fixed is None:
            fixed = tf.not_equal(images, 0)
        else:
            fixed = tf.cast(fixed, tf.bool)
            if not fixed.shape.is_compatible_with(images.shape):
                raise PhysicsError(
                    f"the fixed mask has shape {fixed.shape}, the source images {images.shape}"
                )
        some = tf.reduce_any(fixed, axis=[1, 2])
        return self._check_unique(fixed, some, None if media is None else media.decays)

    def _check_unique(
        self, tensor: tf.Tensor, some_fixed: tf.Tensor, decays: tf.Tensor | None
    ) -> tf.Tensor:
        """The tensor; an InvalidArgumentError if an image can have no or many solutions."""
        if not self._operator.deflated or self._operator.decay:
            return tensor
        loses = some_fixed if decays is None else some_fixed | (tf.convert_to_tensor(decays) > 0)
        message = (
            "no node is fixed, and with decay 0 and no absorbing boundary every constant solves "
            "the problem, or with a net production nothing does"
        )
        return checked(tensor, tf.reduce_all(loses), message)

    def _finish(
        self, field: tf.Tensor, images: tf.Tensor, fixed: tf.Tensor, dtype: tf.DType
    ) -> tf.Tensor:
        """The field with the fixed nodes' values, in its final type."""
        field = tf.where(fixed, images, field)
        return tf.cast(tf.ensure_shape(field, (None, *self.lattice)), dtype)


def _of_batch(production: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """The production, unless it is that of another number of images, which is an error."""
    if not production.shape.is_compatible_with(images.shape):
        raise PhysicsError(
            f"production has shape {production.shape}, the source images {images.shape}"
        )
    shapes = [tf.shape(production), tf.shape(images)]
    message = "production and source images have different shapes:"
    return checked(production, tf.reduce_all(shapes[0] == shapes[1]), message, *shapes)


def _products_are_rounded() -> bool:
    """Whether TensorFlow rounds float32 products to ten bits."""
    gpus = tf.config.list_physical_devices("GPU")
    return bool(gpus) and tf.config.experimental.tensor_float_32_execution_enabled()
