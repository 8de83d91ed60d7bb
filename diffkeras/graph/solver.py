"""The exact solver in TensorFlow: batched, differentiable, for CPU and GPU."""

from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack, get_args

import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.graph.checks import real_numbers
from diffkeras.graph.export import SourceMeaning, write_solver
from diffkeras.graph.fields import UniformFields
from diffkeras.graph.operator import Precision, TensorOperator
from diffkeras.graph.problem import ProblemTensors, same_shape
from diffkeras.graph.proofs import TensorCertificate, TensorRun, TensorSolution, proof_type
from diffkeras.physics import Medium
from diffkeras.physics.arguments import check_choice, check_lattice
from diffkeras.physics.problem.medium import MediumKeywords, show_keywords

ANISOTROPIC = 10.0  # float32 loses digits where diffusivities differ by a larger factor
MOST_NODES = 16384  # longer sides have matrices of more than 0.5 GB in float32
TOLERANCE = 1e-6  # where none is given


class TensorSolver:
    """Fields of batches of problems in a uniform medium with proven bounds, in any graph.

    It uses the methods of `diffkeras.solve`: transforms and ring systems, with the maximum
    principle as the proof. In a `tf.function`, bounds that aren't used aren't computed.

    Fields of discs or of production differ from `diffkeras.solve` by at most 2e-6 of the largest
    value, and fields of random fixed nodes by at most 6e-6. They are differentiable with respect to
    the source values, production and decays. Values that can't be used raise an error. XLA, which
    compiles what needs no ring systems, drops such checks: then the field of the image is NaN, and
    its bounds are infinite.

    Args:
        lattice: (rows, columns), or one number for a square lattice.
        medium: uniform, of two dimensions, with the same boundary at both sides of each axis; by
            default `Medium()`.
        precision: of transforms. The default is float32, but float64 if the diffusivities along the
            axes differ by a factor above 10, or on GPUs with TensorFloat-32 enabled. Give "float32"
            for a tf.data pipeline, which always runs on CPUs.
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`.

    Raises:
        PhysicsError: a medium that is out of range or of another kind, or an argument of a wrong
            type.

    Example:
        >>> import tensorflow as tf
        >>> from diffkeras.graph import TensorSolver
        >>> solver = TensorSolver(64, decay=0.01)
        >>> images = tf.Variable(tf.scatter_nd([[0, 20, 30]], [1.0], [1, 64, 64]))
        >>> with tf.GradientTape() as tape:
        ...     solution = solver.solve(images)
        ...     there = solution.field[0, 40, 30]
        >>> gradient = tape.gradient(there, images)[0, 20, 30]
        >>> bool(abs(gradient - there) < 1e-6)  # the field is linear in the source's value, 1
        True
        >>> bool(solution.error_bound[0] < 1e-5)
        True
    """

    @show_keywords
    def __init__(
        self,
        lattice: int | tuple[int, int] | None = None,
        medium: Medium | None = None,
        precision: Precision | None = None,
        **parts: Unpack[MediumKeywords],
    ) -> None:
        self.lattice = check_lattice(lattice)
        self.medium = Medium.of(medium, parts)
        self.medium.require("TensorSolver", "plane")
        if not is_solved_by_transforms(self.medium):
            raise PhysicsError(
                "TensorSolver needs a uniform medium with the same boundary at both sides of each "
                "axis; in any other medium take diffkeras.tensorflow.solve"
            )
        if max(self.lattice) > MOST_NODES:
            raise PhysicsError(
                "TensorSolver multiplies dense matrices, so a side has at most "
                f"{MOST_NODES} nodes, not {max(self.lattice)}; use diffkeras.solve"
            )
        self.precision = _checked_precision(self.medium, precision)

    def solve(
        self,
        source_images: tf.Tensor | None = None,
        fixed: tf.Tensor | None = None,
        production: tf.Tensor | None = None,
        *,
        initial: tf.Tensor | None = None,
        tolerance: float | tf.Tensor | None = None,
        decay: Any = None,
    ) -> TensorSolution:
        """The steady states of a batch: u = source image on the fixed nodes, Au = s on the others.

        A = −D∇² + γ, and s is production. Without source images no node is fixed, and the graph of
        the field is one transform and its inverse.

        With a tolerance, fields are improved until their proven bounds meet it. An image whose
        initial field meets it after one correction costs no ring system. Without a tolerance,
        fields are solved directly in the solver's precision. An image takes about 40m² + O(rows ·
        columns) bytes in float32, where m is the largest number of ring nodes in the batch, about
        28 for a disc of radius 5.

        Args:
            source_images: (batch, rows, columns), real; read on the fixed nodes.
            fixed: (batch, rows, columns) bool; by default the nodes whose value is not 0.
            production: (batch, rows, columns), real, of any sign [concentration/time]; by default
                0. On fixed nodes it is ignored.
            initial: (batch, rows, columns), any numbers, from which the solution starts.
            tolerance: the largest error to be allowed anywhere, relative to the largest |value| of
                the field; one number, or (batch,).
            decay: γ [1/time] of each image, where decays differ, (batch,) or (1,), in the range of
                `Medium` and none smaller than the medium's own.

        Returns:
            Fields with `error_bound` and `node_bound`. Without a tolerance, fields have the source
            images' type (or, without them, production's) if they are floats, else the solver's
            precision. Bounds, and fields with a tolerance, are float64 if that type is, and float32
            for all others.

        Raises:
            PhysicsError: tensors of another shape or type; neither source images nor production.
            tf.errors.InvalidArgumentError: when it runs, for values that are not finite (the first
                one is named), decays out of range, a problem without a unique solution (decay 0, no
                absorbing boundary and no fixed node), and a tolerance that is not positive or below
                what rounding permits: the message has the smallest that can be promised for these
                images, some 1e-7 for float32 fields. Where XLA must compile it and nodes are fixed,
                the error names `XLA_cannot_compile_ring_systems`.

        Example:
            >>> import numpy as np
            >>> solver = TensorSolver(16, diffusivity=(1.0, 2.0), boundary="reflecting")
            >>> images = np.zeros((1, 16, 16), np.float32)
            >>> images[0, 6:10, 6:10] = 1.0
            >>> solution = solver.solve(images, tolerance=1e-5)
            >>> float(solution.error_bound[0]) <= 1e-5
            True
        """
        proven = initial is not None or tolerance is not None
        problem = self._problem(source_images, fixed, production, decay, proven=proven)
        run, dtype = self._run(problem), problem.dtype or tf.as_dtype(self.precision)
        if not proven:
            return run.solution(dtype)
        if initial is not None:
            initial, _ = self._field(initial, problem, "the initial field")
        wanted = TOLERANCE if tolerance is None else tolerance
        return run.solve(initial, wanted, proof_type(dtype), raises=tolerance is not None)

    def certify(
        self,
        field: tf.Tensor,
        source_images: tf.Tensor | None = None,
        fixed: tf.Tensor | None = None,
        production: tf.Tensor | None = None,
        *,
        decay: Any = None,
    ) -> TensorCertificate:
        """Bound the errors of fields, and correct them, as `diffkeras.certify` does.

        The bounds are proofs also where transforms and ring systems are float32 (`fields.py` in
        this package has the method). A batch whose ring systems would take more than about 1 GB
        gets valid bounds without them, which are a few times as large. Fields and bounds are
        differentiable with respect to the input field and the problem.

        Args:
            field: (batch, rows, columns), any numbers. The bound is infinite on nodes where it is
                not finite.
            source_images, fixed, production, decay: as for `solve`.

        Returns:
            `error_bound` and `node_bound` of the input field, and the `corrected` one with its own;
            float64 for float64 fields and float32 for all others.

        Raises:
            PhysicsError: as for `solve`, and for a field of another shape or type.
            tf.errors.InvalidArgumentError: as for `solve`, and for values that have no proof:
                subnormal ones (which TensorFlow takes for 0), images whose largest |value| is below
                1e-200, and integers above 2^53.

        Example:
            >>> import tensorflow as tf
            >>> solver, images = TensorSolver(16, decay=0.01), tf.eye(16)[None]
            >>> certificate = solver.certify(0.9 * images, images)
            >>> bool(certificate.corrected.error_bound[0] < certificate.error_bound[0])
            True
        """
        problem = self._problem(source_images, fixed, production, decay, proven=True)
        prediction, dtype = self._field(field, problem, "the field")
        return self._run(problem).certify(prediction, proof_type(dtype))

    def export(self, path: Path | str, *, sources: SourceMeaning = "fixed_value") -> None:
        """Write the solver as a SavedModel, which TensorFlow loads and runs without diffkeras.

        Its functions, also signatures, take float32 source images (batch, rows, columns, 1) of any
        batch size: `serve`, `certified` and `refined` as in the SavedModel of a surrogate, and
        `serve_general` with fixed nodes and production (`docs/savedmodel.md`). All raise
        `tf.errors.InvalidArgumentError` for another lattice and for values that are not finite, of
        which it names the first; where XLA drops these checks, fields are NaN. `diffkeras.json` in
        the directory describes the medium. An earlier SavedModel at the same place is replaced.

        Construct the solver with precision "float64" if the SavedModel will run on GPUs with
        TensorFloat-32 enabled.

        Args:
            path: the directory.
            sources: what source images stand for: nodes whose value is not 0 are fixed
                ("fixed_value"), or nodes produce γ times their value ("production").

        Raises:
            PhysicsError: sources of another name, or that produce 0 because the decay is 0.
            OutputError: the directory can't be written, or contains something other than a
                SavedModel.

        Example:
            >>> import tempfile
            >>> import tensorflow as tf
            >>> path = tempfile.mkdtemp()
            >>> TensorSolver((16, 20), decay=0.05).export(path)
            >>> tf.saved_model.load(path).serve(tf.zeros((2, 16, 20, 1))).shape
            TensorShape([2, 16, 20, 1])
        """
        write_solver(Path(path), *self.with_shared_arrays(), sources)

    def with_shared_arrays(self) -> tuple["TensorSolver", list[tf.Tensor]]:
        """A copy whose graphs share its arrays, and these; a SavedModel has to track them."""
        solver = copy(self)
        solver._operator, arrays = self._operator.with_shared_arrays()
        return solver, arrays

    @cached_property
    def _operator(self) -> TensorOperator:
        return TensorOperator(self.lattice, self.medium, self.precision)

    def _problem(self, *arguments: Any, proven: bool) -> ProblemTensors:
        return ProblemTensors.from_arguments(self.lattice, self.medium, *arguments, proven=proven)

    def _run(self, problem: ProblemTensors) -> TensorRun:
        return TensorRun(UniformFields(self._operator, problem))

    def _field(
        self, field: Any, problem: ProblemTensors, name: str
    ) -> tuple[tf.Tensor, tf.DType | None]:
        """A field of the problems in float64, and its type if it is a float."""
        field, dtype = real_numbers(field, self.lattice, name)
        return same_shape(name, tf.cast(field, tf.float64), problem.values), dtype


def is_solved_by_transforms(medium: Medium) -> bool:
    """Whether `TensorSolver` takes a medium."""
    return medium.is_uniform and medium.has_equal_sides


def _checked_precision(medium: Medium, precision: Precision | None) -> Precision:
    """The precision of transforms: the given one, or one that is precise enough."""
    if precision is not None:
        check_choice("precision", precision, get_args(Precision))
        return precision
    # on GPUs TensorFlow may round float32 products to ten bits
    gpus = tf.config.list_physical_devices("GPU")
    rounds = bool(gpus) and tf.config.experimental.tensor_float_32_execution_enabled()
    low, high = sorted(map(float, medium.diffusivities))
    return "float64" if high > ANISOTROPIC * low or rounds else "float32"
