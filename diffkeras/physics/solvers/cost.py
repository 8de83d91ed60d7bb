"""What the ways to solve a problem cost, in seconds measured on one core.

Only their ratios matter: functions use them to choose the cheaper way.
"""

import math

CG_PRODUCTS = 5  # of conjugate gradients on the ring, as a rule
CUT_PER_ROUND = 20.0  # what a round of refinement divides the bound by, cautiously


def transform_pairs(nodes: int, count: int = 1) -> float:
    """`count` transforms back and forth of a lattice."""
    return count * 2.7e-8 * nodes


def dense_ring(ring_nodes: int) -> float:
    """The entries of the ring matrix, and Cholesky's method."""
    return 6e-9 * ring_nodes**2 + 7e-12 * ring_nodes**3


def ring_iteration(ring_nodes: int, nodes: int) -> float:
    """The preconditioner of the ring system, and conjugate gradients."""
    return 1.5e-5 * ring_nodes + transform_pairs(nodes, CG_PRODUCTS)


def refinement_rounds(ring_nodes: int, nodes: int, reduction: float) -> float:
    """The preconditioner, and as many rounds as divide the bound by `reduction`.

    Measured in two dimensions. In three it is a guess, as the blocks of the preconditioner are
    larger; a wrong guess costs time only.
    """
    rounds = math.ceil(math.log(reduction) / math.log(CUT_PER_ROUND))
    return 1.5e-5 * ring_nodes + transform_pairs(nodes, rounds)


def newton(nodes: int) -> float:
    """Newton's steps, and conjugate gradients for each and for the bound."""
    return 4e-6 * nodes
