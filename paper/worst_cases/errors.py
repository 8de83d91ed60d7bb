"""The errors of a surrogate on images that a search tries, and what is proven of some of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras import Sources, solve
from diffkeras.config import Config
from diffkeras.surrogates.surrogate import Surrogate
from paper.worst_cases.image_space import ImageSpace

BATCH = 64  # images that are predicted at once
EXACT = 1e-12  # tolerance of the fields that bounds are checked against


def candidate_errors(
    surrogate: Surrogate, space: ImageSpace, candidates: Sequence[Sources]
) -> NDArray[np.float64]:
    """(candidates,) max |prediction − field| over the nodes, on the scale of the dataset's fields.

    Raises:
        RunError: predictions that are not finite.
    """
    problems = [space.problem(candidate) for candidate in candidates]
    return _largest(surrogate.fields(problems, divided=True), space.solve(candidates))


def _largest(predictions: NDArray, fields: NDArray) -> NDArray[np.float64]:
    return np.abs(predictions - fields.astype(np.float64)).max(axis=(1, 2))


def measure_test_images(
    surrogate: Surrogate, config: Config
) -> tuple[pd.DataFrame, dict[tuple[int, int], Sources]]:
    """The errors of all test images, and the images by source count and number.

    Returns:
        A row for each image: `sources`, `start_example`, `start_error`, and the largest errors of
        its source count and of all, `count_max_error` and `test_max_error`; and the images.
    """
    parts, images = [], {}
    for count in config.data.sources:
        space = ImageSpace(config.recipe(count))
        numbers = range(config.data.test_examples)
        for number, example in zip(numbers, space.recipe.examples("test", numbers), strict=True):
            images[count, number] = space.given(example)
        own = [images[count, number] for number in numbers]
        found = [candidate_errors(surrogate, space, own[k : k + BATCH]) for k in numbers[::BATCH]]
        table = pd.DataFrame({"start_example": numbers, "start_error": np.concatenate(found)})
        parts.append(table.assign(sources=count))
    errors = pd.concat(parts, ignore_index=True)
    largest = errors.groupby("sources")["start_error"].transform("max")
    return errors.assign(count_max_error=largest, test_max_error=largest.max()), images


def choose_starts(errors: pd.DataFrame, number: int) -> pd.DataFrame:
    """Up to `number` of the worst test images.

    The worst of every source count come first, the largest error leading, then the second worst of
    every count, and so on.
    """
    ranks = errors.groupby("sources")["start_error"].rank(method="first", ascending=False)
    ordered = errors.assign(rank=ranks).sort_values(
        ["rank", "start_error"], ascending=[True, False], kind="stable"
    )
    return ordered.drop(columns="rank").head(number)


def certify_candidates(
    surrogate: Surrogate, space: ImageSpace, candidates: Sequence[Sources]
) -> dict[str, Any]:
    """Bound the errors on one or more images, and compare the bounds with the true errors.

    True errors are against the exact solver, and the bounds get its own uncertainty added before
    they are compared. Errors and bounds are on the scale of the dataset's fields.

    Returns:
        "certified_images", their number; "violations", the number of images of which a true error
        exceeds its bound on any node; and the largest errors and bounds of the predictions (what
        `Surrogate.predict` returns), "error_of_prediction" and "bound_of_prediction", and of the
        corrected fields, "error_of_corrected" and "bound_of_corrected".
    """
    rows = pd.DataFrame([_certify(surrogate, space, candidate) for candidate in candidates])
    violations = int(rows.pop("violated").sum())
    largest: dict[Any, Any] = rows.max().to_dict()
    return {"certified_images": len(rows), "violations": violations, **largest}


def _certify(surrogate: Surrogate, space: ImageSpace, candidate: Sources) -> dict[str, Any]:
    problem = space.problem(candidate)
    exact = solve(problem, tolerance=EXACT)
    maximum = float(exact.field.max()) if space.recipe.divide_by_maximum else 1.0
    prediction = surrogate.predict(problem)
    row: dict[str, Any] = {"violated": False}
    for name, proven in (
        ("prediction", prediction),
        ("corrected", prediction.corrected),
    ):
        error = np.abs(proven.field - exact.field)
        row["violated"] |= bool((error > proven.node_bound + exact.error_bound).any())
        row[f"error_of_{name}"] = float(error.max()) / maximum
        row[f"bound_of_{name}"] = proven.error_bound / maximum
    return row
