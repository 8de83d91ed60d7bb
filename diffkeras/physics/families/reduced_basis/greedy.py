"""Candidates for snapshots: the points at which the proven error is largest.

That is the greedy method of certified reduced bases (Veroy, Prud'homme, Rovas & Patera 2003).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from diffkeras.physics.families.family.family import Family


class Candidates:
    """Points of a family, with what is known of their errors.

    Attributes:
        bounds: (n,), the last proven error of each.
    """

    def __init__(self, family: Family, points: NDArray[np.float64], worst: float) -> None:
        """Of points (n, p), until no bound exceeds `worst`."""
        self.bounds = np.full(len(points), np.inf)
        self._points, self._worst = points, worst
        self._is_new = np.ones(len(points), bool)
        inputs = family.scaling.inputs(points)
        self._normal = inputs / np.where(inputs.std(axis=0) > 0, inputs.std(axis=0), 1.0)

    def prove(self, bound: Callable[[NDArray[np.float64]], float]) -> float:
        """The largest bound by a new basis.

        Bounds that were too large before come first; while some still are, the others are left out.
        """
        for part in (self.bounds > self._worst, self.bounds <= self._worst):
            self.bounds[part] = [bound(point) for point in self._points[part]]
            if (self.bounds > self._worst).any():
                break
        return float(self.bounds.max())

    def chosen(self, number: int) -> NDArray[np.float64]:
        """New points with large bounds that are not next to each other, at most so many.

        The first has the largest bound. Each further one has the largest product of its bound and
        its distance to those before it. Where all points with large bounds are snapshots already,
        their inverse distance from the others takes the place of these bounds.
        """
        is_large = self.bounds > self._worst
        is_open = self._is_new & is_large
        known = self.bounds[np.isfinite(self.bounds)]
        largest = 2.0 * known.max(initial=self._worst)  # in place of an infinite one
        weights = np.where(is_open, np.minimum(self.bounds, largest), 0.0)
        if not is_open.any():
            near, _ = KDTree(self._normal[is_large]).query(self._normal)
            weights = np.divide(1.0, near, out=weights, where=self._is_new & (near > 0))
        places: list[int] = []
        scores, distance = weights, np.full(len(weights), np.inf)
        # 0 is the score of all that are left if they are points that were chosen
        while len(places) < number and scores.max() > 0:
            places.append(int(np.argmax(scores)))
            apart = np.linalg.norm(self._normal - self._normal[places[-1]], axis=1)
            distance = np.minimum(distance, apart)
            scores = weights * distance
        self._is_new[places] = False
        return self._points[places]
