"""The fit of a law to the errors of runs.

Seeds change the error by a factor rather than by a summand, so a law is fitted to the logarithm of
the error.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import curve_fit
from scipy.stats import f as f_distribution

from diffkeras.studies.statistics.laws.law import Array, Law
from diffkeras.studies.statistics.laws.resampled_fits import Samples, criterion


@dataclass(frozen=True)
class LawFit:
    """A law fitted to errors.

    Attributes:
        law: the law.
        parameters: those of the usual formula, by name.
        aicc: Akaike's information criterion with the correction for small samples.
        lack_of_fit: p of the F test of the sizes' mean ln errors against the fit, with the scatter
            within sizes as the yardstick.
    """

    law: Law
    parameters: dict[str, float]
    aicc: float
    lack_of_fit: float


def fit_law(law: Law, ln_errors: Mapping[int, Array]) -> LawFit:
    """The least-squares fit of a law to ln errors by size.

    The test of lack of fit is in Draper and Smith, Applied Regression Analysis, 1998, section 2.1;
    for a law that is not linear in its parameters it holds approximately.
    """
    sizes = np.concatenate([np.full(len(v), float(n)) for n, v in ln_errors.items()])
    values = np.concatenate(list(ln_errors.values()))
    x = sizes / sizes.max()

    def model(x: Array, level: float, *shape: float) -> Array:
        return level + np.log(law.shape(x, *shape))

    measured = Samples.measured(ln_errors)
    start = measured.fit(law)
    limits = (-np.inf, *np.zeros(len(law.upper))), (np.inf, *law.upper)
    first = (start.levels[0], *start.shapes[0])
    found, _ = curve_fit(model, x, values, p0=first, bounds=limits)
    residual = np.sum((values - model(x, *found)) ** 2)
    parameters = law.parameters(np.exp(found[0]), sizes.max(), *found[1:])
    return LawFit(
        law,
        {name: float(value) for name, value in parameters.items()},
        float(criterion(np.asarray(residual), len(values), len(found))),
        _lack_of_fit(float(residual), float(measured.within[0]), ln_errors, len(found)),
    )


def _lack_of_fit(
    residual: float, within: float, ln_errors: Mapping[int, Array], parameters: int
) -> float:
    runs, sizes = sum(map(len, ln_errors.values())), len(ln_errors)
    if not within:
        return np.nan
    ratio = (residual - within) / (sizes - parameters) / (within / (runs - sizes))
    return float(f_distribution.sf(ratio, sizes - parameters, runs - sizes))
