"""Fields of a family with proven bounds, in a graph: from parameters, by any Keras model."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.physics import Family
from diffkeras.physics.families.family.rows import rows_of_maps
from diffkeras.physics.problem.maps import MAPS
from diffkeras.system.atomic_files import check_replaceable
from diffkeras.system.saved_models import SAVED_MODEL, named_function, write_saved_model
from diffkeras.tf_solver.checks import as_tensor, real_numbers
from diffkeras.tf_solver.description import describe_export
from diffkeras.tf_solver.results import TensorCertificate, TensorSolution
from diffkeras.tf_solver.saved_model import (
    TOLERANCE_INPUT,
    certificate_outputs,
    names_of_inputs,
    solution_outputs,
)
from diffkeras.tf_solver.solver import TensorSolver

EQUATION = "∇·(D∇u) − γu − φ(u) + s = 0 on the free nodes, with the family's parts"


class CertifiedFamily(tf.Module):
    """A model of a family whose fields have proven bounds, in TensorFlow graphs and SavedModels.

    The proof is that of `TensorSolver.certify` for the problem of the parameters, whatever the
    model predicts. It takes longer than that of `ReducedBasis.predict`, which has barriers that are
    made once for the family.

    Args:
        model: parameters (batch, p) to fields (batch, rows, columns), such as that of
            `nn.reduced_basis`.
        family: which one, of two dimensions. Parameters are in the order of its names. They are not
            checked; where they make no problem, bounds are infinite or an error is raised.

    Raises:
        PhysicsError: a family whose step, sides or diffusivities along the axes vary, or whose
            uptake saturates by another law than Michaelis–Menten's.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> from diffkeras.tf_solver import CertifiedFamily
        >>> family = dk.Family(dk.Problem(np.eye(16)), {"decay": (0.01, 0.1)})
        >>> model = dk.nn.reduced_basis(dk.ReducedBasis.train(family, 8))
        >>> certificate = CertifiedFamily(model, family).certify([[0.02], [0.05]])
        >>> certificate.field.shape, bool(certificate.error_bound[0] < 0.01)
        (TensorShape([2, 16, 16]), True)
    """

    def __init__(self, model: Any, family: Family) -> None:
        super().__init__(name="certified_family")
        if not isinstance(family, Family):
            raise PhysicsError(f"fields are certified of a Family, not of {family!r:.60}")
        known = {"values", *MAPS.values()}
        for parameter in family.parameters:
            if parameter.part not in known:
                raise PhysicsError(
                    f"in a graph, {parameter.name} can't vary; parameters are of "
                    f"{', '.join(sorted(known))}"
                )
        problem = family.problem
        parts = {parameter.part for parameter in family.parameters}
        names = ["decay"]
        if "diffusivity" in parts or isinstance(problem.medium.diffusivity, np.ndarray):
            names.append("diffusivity")
        if problem.uptake is not None:
            names += ["uptake", "saturation"]
        if problem.production is not None or "production" in parts:
            names.append("production")
        self._solver = TensorSolver(like=problem)
        self._family = family
        self.model = model
        # variables, so that the functions of a SavedModel share them
        self._rows = {
            name: tf.Variable(rows, trainable=False, name=name)
            for name, rows in rows_of_maps(family, names).items()
        }
        self._fixed = tf.Variable(problem.fixed[None], trainable=False, name="fixed")

    def certify(self, parameters: Any) -> TensorCertificate:
        """The model's fields with their bounds, and corrected ones (`TensorSolver.certify`).

        Args:
            parameters: (batch, p), float64 in the proof.

        Raises:
            PhysicsError: parameters of another shape, or no numbers.
        """
        values = self._values(parameters)
        return self._solver.certify(self._fields(values), **self._problem(values))

    def solve(self, parameters: Any, tolerance: float | tf.Tensor) -> TensorSolution:
        """Fields with bounds of at most the tolerance, which start from the model's fields.

        Args:
            parameters: (batch, p), float64 in the proof.
            tolerance: see `TensorSolver.solve`.

        Raises:
            PhysicsError: parameters of another shape, or no numbers.
        """
        values = self._values(parameters)
        problem = self._problem(values)
        return self._solver.solve(**problem, initial=self._fields(values), tolerance=tolerance)

    def export(self, path: Path | str) -> None:
        """Write a SavedModel with the functions `serve`, `certified` and `refined`.

        They take float64 parameters (batch, p), `refined` also a tolerance. Outputs are those of a
        surrogate's SavedModel. `diffkeras.json` has the names and ranges of the parameters.

        Raises:
            OutputError: the directory can't be written, or contains something other than a
                SavedModel.
        """
        check_replaceable(Path(path), SAVED_MODEL)
        family = self._family
        spec = tf.TensorSpec((None, len(family.names)), tf.float64, name="parameters")

        def serve(parameters: tf.Tensor) -> tf.Tensor:
            return self._fields(parameters)[..., None]

        def certified(parameters: tf.Tensor) -> dict[str, tf.Tensor]:
            return certificate_outputs(self.certify(parameters))

        def refined(parameters: tf.Tensor, tolerance: tf.Tensor) -> dict[str, tf.Tensor]:
            return solution_outputs(self.solve(parameters, tolerance))

        functions = {
            "serve": named_function(serve, [spec]),
            "certified": named_function(certified, [spec]),
            "refined": named_function(refined, [spec, TOLERANCE_INPUT]),
        }
        tracked = [self._fixed, *self._rows.values()]
        tracked += [variable.value for variable in self.model.variables]
        ranges = zip(family.low.tolist(), family.high.tolist(), strict=True)
        description = describe_export(
            "surrogate",
            physics={"parameters": dict(zip(family.names, map(list, ranges), strict=True))},
            equation=EQUATION,
            functions=names_of_inputs(functions),
            proof_lattice=family.problem.lattice,
            input=f"parameters, float64 (batch, {len(family.names)}), in that order",
            output="fields (batch, rows, columns, 1)",
            model=None,
            trained_on=None,
        )
        write_saved_model(Path(path), functions, tracked, description)

    def _values(self, parameters: Any) -> tf.Tensor:
        """Parameters (batch, p) in double precision."""
        names = self._family.names
        name = f"parameters ({', '.join(names)})"
        values = as_tensor(parameters, name, in_double=True)
        return tf.cast(real_numbers(values, (len(names),), name)[0], tf.float64)

    def _fields(self, values: tf.Tensor) -> tf.Tensor:
        """The model's fields, (batch, rows, columns)."""
        fields = self.model(values, training=False)
        return tf.reshape(fields, (-1, *self._family.problem.lattice))

    def _problem(self, values: tf.Tensor) -> dict[str, tf.Tensor]:
        """The arguments of the solver; each node's number is a parameter or the family's own."""
        factors = tf.concat([values, tf.ones_like(values[:, :1])], axis=1)
        lattice = self._family.problem.lattice
        maps = {
            name: tf.reshape(tf.matmul(factors, rows), (-1, *lattice))
            for name, rows in self._rows.items()
        }
        images = maps.pop("source_image")
        fixed = tf.broadcast_to(self._fixed, tf.shape(images))
        return {"source_images": images, "fixed": fixed, **maps}
