"""Tables of an evaluation's report."""

import numpy as np

from diffkeras.evaluation.errors import image_errors, summarise
from diffkeras.evaluation.report import maxima_table


def test_a_region_that_no_field_reaches_has_a_dash() -> None:
    image = np.zeros((1, 2, 4))
    image[0, 0, 0] = 1.0
    # production that isn't divided by its maximum, far below 0.05
    errors = image_errors(0.011 * np.ones_like(image), 0.01 * np.ones_like(image), image)
    (row,) = maxima_table({"surrogate": {"all": summarise(errors)}}).rows
    assert row == ["surrogate", *3 * ["0.001 (0.001)"], *3 * ["–"]]
