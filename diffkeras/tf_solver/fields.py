"""Fields of the TensorFlow solver: of production, of fixed values, and of known ring densities.

The method is that of `diffkeras.solve` (`physics.solvers.ring_field`): find the source rims,
solve a dense symmetric system for the densities on them, and spread these over the lattice. The
field of production is one transform pair.
"""

import tensorflow as tf

from diffkeras.tf_solver.images import Part, powers_of_two
from diffkeras.tf_solver.operator import TensorOperator
from diffkeras.tf_solver.problem import TensorProblem
from diffkeras.tf_solver.ring import RingSystem, find_rings


def produced_field(operator: TensorOperator, problem: TensorProblem) -> tf.Tensor:
    """The field of production without fixed nodes."""
    decays = problem.decays
    produced = Part("production", problem.production, operator.rate)
    power = powers_of_two(produced, usable=problem.usable)
    production = problem.production / power
    field = operator.inverse(production, decays)
    if operator.deflated:
        constants = operator.total(production) / operator.inverse_factor(decays)
        field += constants[:, None, None]
    return power * field


def field_of_fixed_values(operator: TensorOperator, problem: TensorProblem) -> tf.Tensor:
    """The field on the free nodes. Production is 0 on the fixed ones.

    It is the field of the production and of point sources on the ring, with which the ring has its
    values. If many nodes are fixed, both may be far larger than their sum, so the rounding that
    this leaves on the ring is corrected.
    """
    images, production, decays = problem.images, problem.production, problem.decays
    rings = find_rings(problem.fixed, operator.axes)
    system = RingSystem(operator, rings, decays)
    held, usable = Part("source images", images), problem.usable
    if production is None:
        power = powers_of_two(held, usable=usable)
        values = tf.gather_nd(images / power, rings.nodes)
        densities, constants = system.solve(values)
        field = operator.spread(rings.nodes, densities, tf.shape(images)[0], decays)
        return power * (field + constants)
    power = powers_of_two(held, Part("production", production, operator.rate), usable=usable)
    values = tf.gather_nd(images / power, rings.nodes)
    production /= power
    missing = values - tf.gather_nd(operator.inverse(production, decays), rings.nodes)
    densities, constants = system.solve(missing, operator.total(production))
    production = tf.tensor_scatter_nd_add(production, rings.nodes, densities)
    field = operator.inverse(production, decays) + constants
    densities, constants = system.solve(values - tf.gather_nd(field, rings.nodes))
    field += operator.spread(rings.nodes, densities, tf.shape(images)[0], decays)
    return power * (field + constants)


def restored_field(
    operator: TensorOperator,
    images: tf.Tensor,
    fixed: tf.Tensor,
    densities: tf.Tensor,
    decays: tf.Tensor | None,
) -> tf.Tensor:
    """The field on the free nodes of densities, which `TensorSolver.restore` describes."""
    rings = find_rings(fixed, operator.axes)
    batch = tf.shape(images)[0]
    power = powers_of_two(Part("source images", images))
    densities = tf.cast(densities, operator.dtype) / power[:, 0]
    stored = tf.gather_nd(densities, rings.places)
    field = operator.spread(rings.nodes, stored, batch, decays)
    if operator.deflated:
        # rounding has cancelled the sum of the densities, so it can't give the missing constant;
        # the known values on the ring can
        missing = tf.gather_nd(images / power - field, rings.nodes)
        constants = tf.math.unsorted_segment_mean(missing, rings.places[:, 0], batch)
        field += constants[:, None, None]
    return power * field
