"""The exact solver in TensorFlow: batched, differentiable, for CPU and GPU."""

from copy import copy
from functools import partial
from pathlib import Path
from typing import Unpack, get_args

import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium
from diffkeras.physics.arguments import check_lattice
from diffkeras.physics.keywords import MediumKeywords, as_medium, show_keywords
from diffkeras.tf_solver.bounds.certificate import Correction, TensorCertificate, certify
from diffkeras.tf_solver.bounds.refinement import TensorRefinement, refine, solve_rings
from diffkeras.tf_solver.fields import field_of_fixed_values, produced_field, restored_field
from diffkeras.tf_solver.images import in_precision, not_zero, real_numbers
from diffkeras.tf_solver.operator import Precision, TensorOperator
from diffkeras.tf_solver.problem import TensorProblem, same_shape
from diffkeras.tf_solver.proofs import Sources, check_sources
from diffkeras.tf_solver.saved_model import write_solver

ANISOTROPIC = 10.0  # ratio of diffusivities above which float32 loses digits
MOST_NODES = 16384  # a side, whose matrix takes 0.5 GB in float32
MOST_RATE = 1e25  # of D/h² in float32, whose largest number is 3e38


class TensorSolver:
    """Fields of batches of source images in a uniform medium, in any TensorFlow graph.

    In float32, fields of discs differ from `diffkeras.solve` by at most 2e-6 of the largest value,
    and those of production by at most 3e-6. In 25,000 problems with random fixed nodes it was at
    most 1e-5; if the diffusivities along the axes differ by a factor of 100 or 1000, it was up to
    1e-4 or 2e-3. Fields are differentiable with respect to the source values and production.

    Values that can't be used raise an error. XLA, which compiles what needs no ring systems, drops
    such checks: then the field of the image is NaN, and its bounds are infinite.

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

    @show_keywords
    def __init__(
        self,
        lattice: int | tuple[int, int],
        medium: Medium | None = None,
        precision: Precision | None = None,
        **parts: Unpack[MediumKeywords],
    ) -> None:
        self.lattice = check_lattice(lattice)
        if max(self.lattice) > MOST_NODES:
            raise PhysicsError(
                f"TensorSolver multiplies dense matrices, so a side has at most {MOST_NODES} "
                f"nodes, not {max(self.lattice)}; use diffkeras.solve"
            )
        self.medium = as_medium(medium, parts)
        self.medium.require_uniform("TensorSolver")
        self.medium.require_plane("TensorSolver")
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
        self._operator = TensorOperator(self.lattice, self.medium, precision)

    def solve(
        self,
        source_images: tf.Tensor | None = None,
        fixed: tf.Tensor | None = None,
        production: tf.Tensor | None = None,
        decays: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The steady states of a batch: u = source image on the fixed nodes, Au = s on the others.

        A = −D∇² + γ, and s is production. Without source images no node is fixed, and the graph is
        one transform and its inverse.

        An image takes about 40m² + O(rows · columns) bytes in float32, where m is the largest
        number of ring nodes in the batch, about 28 for a disc of radius 5.

        Args:
            source_images: (batch, rows, columns), real; read on the fixed nodes.
            fixed: (batch, rows, columns) bool; by default the nodes whose value is not 0.
            production: (batch, rows, columns), real, of any sign [concentration/time]; by default
                0. On fixed nodes it is ignored.
            decays: γ of each image [1/time], (batch,) or (1,) for all, none smaller than the
                medium's, which is the default.

        Returns:
            (batch, rows, columns), of the source images' type (or, without them, production's) if
            they are floats, else of the solver's precision.

        Raises:
            PhysicsError: source images, mask, production or decays of another shape or type;
                neither source images nor production.
            tf.errors.InvalidArgumentError: when it runs, for values that are not finite (the first
                one is named), decays out of range, a problem without a unique solution (decay 0, no
                absorbing boundary and no fixed node), or values of an image and its production that
                are so small that parts of its field would underflow: their largest is below 1e-32
                in float32, also if production is divided by D/h². Where XLA must compile it and
                nodes are fixed, the error names `XLA_cannot_compile_ring_systems`.
        """
        problem = TensorProblem.check(self._operator, source_images, fixed, production, decays)
        if problem.images is None:
            field = tf.ensure_shape(produced_field(self._operator, problem), (None, *self.lattice))
            return tf.cast(field, problem.dtype)
        field = field_of_fixed_values(self._operator, problem)
        return self._finish(field, problem.images, problem.fixed, problem.dtype)

    def certify(
        self,
        prediction: tf.Tensor,
        source_images: tf.Tensor | None = None,
        fixed: tf.Tensor | None = None,
        production: tf.Tensor | None = None,
        decays: tf.Tensor | None = None,
    ) -> TensorCertificate:
        """Correct predicted fields and bound the errors of both, as `diffkeras.certify` does.

        The bounds are proofs also where transforms run in float32: the corrected field's residual
        and its mismatch on the fixed nodes are computed in float64, with an allowance for rounding,
        and all bounds are rounded up. It is one transform pair (two with production, or if the
        boundary is closed and decay slow). XLA compiles it. Fields and bounds are differentiable
        with respect to the prediction, the source values and production.

        Args:
            prediction: (batch, rows, columns), any numbers. The bound is infinite on nodes where it
                is not finite.
            source_images: as for `solve`.
            fixed: as for `solve`.
            production: as for `solve`.
            decays: as for `solve`.

        Returns:
            `field` (the corrected one), `error_bound` and `node_bound` (of the prediction), float64
            for float64 predictions and float32 for all others.

        Raises:
            PhysicsError: as for `solve`, and for a prediction of another shape or type.
            tf.errors.InvalidArgumentError: when it runs, for values that are not finite or
                subnormal (which TensorFlow takes for 0), integers above 2^53, decays out of range,
                or a problem without a unique solution.

        Example:
            >>> import numpy as np
            >>> solver = TensorSolver(64, decay=0.01)
            >>> images = np.zeros((1, 64, 64), np.float32)
            >>> images[0, 30:34, 30:34] = 1.0
            >>> certificate = solver.certify(solver.solve(images), images)
            >>> float(certificate.error_bound[0]) < 1e-5
            True
        """
        problem, predicted, dtype = self._predicted(
            prediction, source_images, fixed, production, decays
        )
        return certify(Correction(self._operator, problem), predicted, dtype)

    def refine(
        self,
        prediction: tf.Tensor,
        source_images: tf.Tensor | None = None,
        fixed: tf.Tensor | None = None,
        production: tf.Tensor | None = None,
        decays: tf.Tensor | None = None,
        *,
        tolerance: float | tf.Tensor,
    ) -> TensorRefinement:
        """Correct predicted fields until their proven error bounds are at most the tolerance.

        Images whose tolerance the correction of `certify` doesn't meet go through rounds, the
        others stay as they are. A round solves the dense systems of all sources' rims, as `solve`
        does, for what the field still misses, and is one transform pair. So the first round is
        about as expensive as `solve`, and needs as much memory. XLA can't compile it, because the
        size of the systems depends on the images (operations `Where` and `RaggedRange`). Without
        fixed nodes a round is another correction.

        Args:
            prediction: as for `certify`.
            source_images: as for `solve`.
            fixed: as for `solve`.
            production: as for `solve`.
            decays: as for `solve`.
            tolerance: the largest error to be allowed anywhere, relative to the largest |value| of
                the field; one number, or (batch,).

        Returns:
            `field`, `error_bound` and `rounds`, of the types of `certify`'s results.

        Raises:
            PhysicsError: as for `certify`.
            tf.errors.InvalidArgumentError: when it runs, for a tolerance that is not positive or
                below what rounding permits (the message has the smallest that can be promised for
                these images; for float32 fields it is some 1e-7), and as for `certify`.

        Example:
            >>> import numpy as np
            >>> solver = TensorSolver(64, decay=0.01)
            >>> images = np.zeros((1, 64, 64), np.float32)
            >>> images[0, 30:34, 30:34] = 1.0
            >>> refinement = solver.refine(np.zeros_like(images), images, tolerance=1e-5)
            >>> float(refinement.error_bound[0]) <= 1e-5
            True
        """
        problem, predicted, dtype = self._predicted(
            prediction, source_images, fixed, production, decays
        )
        correction, prepare = Correction(self._operator, problem), None
        if problem.fixed is not None:
            prepare = partial(solve_rings, self._operator, problem, correction)
        return refine(correction, predicted, dtype, tolerance, prepare)

    def _predicted(
        self,
        prediction: tf.Tensor,
        source_images: tf.Tensor | None,
        fixed: tf.Tensor | None,
        production: tf.Tensor | None,
        decays: tf.Tensor | None,
    ) -> tuple[TensorProblem, tf.Tensor, tf.DType]:
        """The problem, the prediction in float64, and the type of what is proven about it."""
        checked = TensorProblem.check(
            self._operator, source_images, fixed, production, decays, exact=True
        )
        predicted, dtype = real_numbers(prediction, self.lattice, "the prediction")
        given = checked.production if checked.images is None else checked.images
        predicted = same_shape("the prediction", tf.cast(predicted, tf.float64), given)
        return checked, predicted, tf.float64 if dtype == tf.float64 else tf.float32

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
        images, dtype = real_numbers(source_images, self.lattice)
        fixed, images = not_zero(images), in_precision(images, self._operator.dtype)
        field = restored_field(self._operator, images, fixed, densities, decays)
        return self._finish(field, images, fixed, dtype or self._operator.dtype)

    def export(self, path: Path | str, *, sources: Sources = "fixed_value") -> None:
        """Write the solver as a SavedModel, which TensorFlow loads and runs without diffkeras.

        Its functions, also signatures, take float32 source images (batch, rows, columns, 1) of any
        batch size. `serve`, `certified` and `refined` are those of a surrogate's SavedModel, with
        the results of `solve`, `certify` and `refine`. Nodes whose value is not 0 are fixed, or,
        with sources "production", nodes produce γ times their value. `serve_fixed`,
        `serve_production` and `serve_general` also take the fixed nodes, production, or both;
        `docs/savedmodel.md` describes them.

        All raise `tf.errors.InvalidArgumentError` for another lattice and for values that are not
        finite, of which it names the first. (Where XLA drops these checks, fields are NaN.)
        `diffkeras.json` in the directory says which medium the solver stands for. An earlier
        SavedModel at the same place is replaced. Construct the solver with precision "float64" if
        the SavedModel will run on GPUs with TensorFloat-32 enabled.

        Args:
            path: the directory.
            sources: what source images stand for, "fixed_value" or "production".

        Raises:
            PhysicsError: sources of another name, or that produce 0 because the decay is 0.
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
        check_sources(sources, self.medium)
        solver, arrays = self.with_shared_arrays()
        write_solver(Path(path), solver, sources, arrays)

    def with_shared_arrays(self) -> tuple["TensorSolver", list[tf.Tensor]]:
        """A copy whose graphs share its arrays, and these; a SavedModel has to track them."""
        solver = copy(self)
        solver._operator, arrays = self._operator.with_shared_arrays()
        return solver, arrays

    def _finish(
        self, field: tf.Tensor, images: tf.Tensor, fixed: tf.Tensor, dtype: tf.DType
    ) -> tf.Tensor:
        """The field with the fixed nodes' values, in its final type."""
        field = tf.where(fixed, images, field)
        return tf.cast(tf.ensure_shape(field, (None, *self.lattice)), dtype)


def _products_are_rounded() -> bool:
    """Whether TensorFlow rounds float32 products to ten bits."""
    gpus = tf.config.list_physical_devices("GPU")
    return bool(gpus) and tf.config.experimental.tensor_float_32_execution_enabled()
