"""One group of runs against another, on the same images and with the same seeds."""

from typing import Any

import numpy as np
import pandas as pd

from diffkeras.studies.statistics.bootstrap import Floats, Ratio, seed_ratio
from diffkeras.studies.statistics.image_errors import (
    FEWEST_IMAGES,
    FEWEST_SEEDS,
    common_seeds,
)
from diffkeras.studies.statistics.paired_tests import signed_rank


def compare(
    values: Floats, statistic: tuple[Floats, Floats], first: pd.Series, second: pd.Series
) -> dict[str, Any]:
    """Compare the errors of two groups over the seeds that both have.

    Args:
        values: (runs, images), an error.
        statistic: what `resampled` returns for it.
        first: seed → row of `values`, of the first group.
        second: the same of the second one.

    Returns:
        `error` and `reference_error`, the means over seeds and images of the first and second
        group; `ratio`, `low`, `high`, `seeds` and `seeds_agree` of `Ratio`; `rank_biserial` and `p`
        of `signed_rank`, of the images' errors averaged over the seeds; `images`. NaN where there
        are too few seeds or images.
    """
    one, other = common_seeds(first, second)
    images = values.shape[1]
    enough = one.size >= FEWEST_SEEDS and images >= FEWEST_IMAGES
    exact, drawn = statistic
    ratio = (
        seed_ratio((exact[one], drawn[:, one]), (exact[other], drawn[:, other]), images)
        if enough
        else Ratio(np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, one.size, 0)
    )
    names = ("ratio", "low", "high", "seeds", "seeds_agree")
    numbers = {name: getattr(ratio, name) for name in names}
    p, rank_biserial = np.nan, np.nan
    if enough:
        p, rank_biserial = signed_rank(values[one].mean(axis=0), values[other].mean(axis=0))
    errors = {
        "error": exact[one].mean() if one.size else np.nan,
        "reference_error": exact[other].mean() if one.size else np.nan,
    }
    return {**errors, **numbers, "images": images, "rank_biserial": rank_biserial, "p": p}
