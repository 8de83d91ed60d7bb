"""The errors of a surrogate on images that a search tries, and what is proven of some of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError
from diffkeras.evaluation.errors import image_maxima, node_errors
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.stored_images import read_batches
from diffkeras.evaluation.worst_cases.image_space import Candidate, ImageSpace
from diffkeras.physics import solve
from diffkeras.surrogates.surrogate import Surrogate

EXACT = 1e-12  # tolerance of the fields that bounds are checked against


def space_of(config: Config, count: int) -> ImageSpace:
    """The images of one source count that the data of a configuration are drawn from.

    Raises:
        ConfigurationError: media that vary, or as `ImageSpace`.
    """
    if config.kind.varies:
        raise ConfigurationError(
            f"{config.kind.section}: a search for worst cases varies random sources alone, no "
            "tissues; leave out --worst-cases"
        )
    return ImageSpace(config.kind.recipe(count))


def check_searchable(config: Config) -> None:
    """Raise an error if the images of a configuration can't be searched, see `ImageSpace`."""
    for count in config.data.sources:
        space_of(config, count)


def largest_errors(surrogate: Surrogate, batch: ImageBatch) -> NDArray[np.float64]:
    """(images,) max |prediction − field| over the nodes, on the scale of the dataset's fields.

    Raises:
        RunError: predictions that are not finite.
    """
    return image_maxima(node_errors(surrogate.network_fields(batch.problem), batch.fields))


def candidate_errors(
    surrogate: Surrogate, space: ImageSpace, candidates: Sequence[Candidate]
) -> NDArray[np.float64]:
    """(candidates,) the largest error on each image, against the exact solver."""
    return largest_errors(surrogate, space.solve(candidates))


def measure_test_images(surrogate: Surrogate, config: Config, data_dir: Path) -> pd.DataFrame:
    """A row for each test image: `sources`, `start_example`, `start_error`, and the largest errors
    of its source count and of all, `count_max_error` and `test_max_error`."""
    parts = [
        pd.DataFrame(
            {
                "sources": count,
                "start_example": batch.numbers,
                "start_error": largest_errors(surrogate, batch),
            }
        )
        for count in config.data.sources
        for batch in read_batches(config, count, data_dir)
    ]
    errors = pd.concat(parts, ignore_index=True)
    largest = errors.groupby("sources")["start_error"].transform("max")
    return errors.assign(count_max_error=largest, test_max_error=largest.max())


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
    surrogate: Surrogate, space: ImageSpace, candidates: Sequence[Candidate]
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


def _certify(surrogate: Surrogate, space: ImageSpace, candidate: Candidate) -> dict[str, Any]:
    problem = space.problem(candidate)
    exact = solve(problem, tolerance=EXACT)
    maximum = float(exact.field.max()) if space.recipe.divide_by_maximum else 1.0
    prediction = surrogate.predict(problem)
    row: dict[str, Any] = {"violated": False}
    for name, proven in (
        ("prediction", prediction),
        ("corrected", prediction.corrected),
    ):
        error = node_errors(proven.field, exact.field)
        row["violated"] |= bool((error > proven.node_bound + exact.error_bound).any())
        row[f"error_of_{name}"] = float(error.max()) / maximum
        row[f"bound_of_{name}"] = proven.error_bound / maximum
    return row
