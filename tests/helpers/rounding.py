"""Comparisons of what two computations give.

Sums are rounded in another order for another shape, alignment, number of threads, library or
processor. So results are equal to the last bit only where nothing is summed: copies, selections,
values that are put in, random numbers of one seed, the same operations on single elements. All
else is compared by these functions.
"""

from typing import Any

import numpy as np

# Of the largest |value|. A sum of n terms of random signs is off by about √n roundings (Higham
# 2002, §3.1), and the longest here have 10,000 terms, in a dozen layers of a network.
ROUNDINGS = 1000


def same_to_rounding(found: Any, expected: Any) -> bool:
    """Whether arrays of one shape differ by rounding only, in the coarser one of their types."""
    found, expected = np.asarray(found), np.asarray(expected)
    types = [a.dtype for a in (found, expected) if a.dtype.kind == "f"]
    share = ROUNDINGS * max((float(np.finfo(dtype).eps) for dtype in types), default=0.0)
    return found.shape == expected.shape and _are_near(found, expected, share)


def same_solutions(found: Any, expected: Any, tolerance: float = 1e-10) -> bool:
    """Whether two fields may be solutions of one problem to this tolerance.

    Each is within the tolerance of the exact field, relative to the largest |value|. Rounding
    may end the iterations of one of them a step earlier.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    single = any(a.dtype == np.float32 for a in (found, expected))
    share = 2 * (tolerance + (float(np.finfo(np.float32).eps) if single else 0.0))
    return found.shape == expected.shape and _are_near(found, expected, share)


def _are_near(found: np.ndarray, expected: np.ndarray, share: float) -> bool:
    """Whether the finite values differ by at most this share of the largest; others are equal."""
    known = np.isfinite(expected)
    if not np.array_equal(found[~known], expected[~known], equal_nan=True):
        return False
    one, other = (array[known].astype(np.float64) for array in (found, expected))
    most = share * np.abs(other).max(initial=0.0)
    return bool((np.abs(one - other) <= most).all())
