"""Rounding, which every proof includes: unit roundoffs, and how many of them occur where.

With the unit roundoff η of a precision, a sum of terms that go through n roundings each is wrong by
at most nη / (1 − nη) times the sum of their |values| (Higham 2002, §3.1). As n is below 100 here,
one more roundoff covers the denominator.
"""

import numpy as np
from numpy.typing import DTypeLike

EPSILON = float(np.finfo(np.float64).eps)  # 2η of double precision

# Roundings of each term of A u, κ (u_i − u_k) and σ u_i. Eight: difference, product, and the sums
# of up to six neighbours. In a uniform medium two more are those of κ = D/h²; σ, whose term has no
# difference, has up to six of the sides: 14, and two for the denominator and for the sizes of the
# terms, which are computed and rounded, too.
STENCIL = 16

# Roundings of each term of F, without those of φ: 14 of A u as above, two of the sums with φ and s,
# one of the sum of |F| and its rounding, and one for the denominator and the products of roundings.
EQUATION = 18

# The same in a graph (`tf_solver.equations`), where coefficients are computed from the medium and
# its sides: each of the at most seven terms goes through at most eight roundings (a difference, a
# product and six sums), each coefficient through twelve, and four more cover the denominator, the
# computed sizes and the sum of |F| and its rounding. Slopes of uptake go through at most twelve.
GRAPH_EQUATION = 24
GRAPH_SLOPE = 1 - 16 * EPSILON

# What a bound is multiplied by for its last operations: a few differences, quotients, products and
# sums, none of which cancels, and conversions to double precision. They are fewer than 16.
SLACK = 1 + 8 * EPSILON


def rounding_of(number: float, precision: DTypeLike) -> float:
    """So many unit roundoffs of a precision."""
    return number * float(np.finfo(precision).eps) / 2
