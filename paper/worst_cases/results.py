"""What searches leave: a table of them, the worst images, and a picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diffkeras.evaluation.images import joined
from diffkeras.evaluation.worst_cases.image_space import Candidate, ImageSpace
from diffkeras.reporting.figures import Case, case_figure
from diffkeras.reporting.style import to_png
from diffkeras.reporting.tables import Table, number
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.array_files import write_arrays
from diffkeras.system.atomic_files import write_bytes, write_csv
from diffkeras.system.result_folders import replacing_files

SEARCHES_FILE = "searches.csv"
FILES = (SEARCHES_FILE, "worst_cases.npz", "worst_case.png")
PRINTED = {  # column → heading
    "sources": "sources",
    "start_error": "start",
    "test_max_error": "test maximum",
    "random_error": "random",
    "found_error": "found",
    "ratio": "found / test",
    "bound_of_prediction": "bound",
    "certified_images": "certified",
    "violations": "violated bounds",
}


def write_worst_cases(
    directory: Path,
    surrogate: Surrogate,
    searches: pd.DataFrame,
    images: Sequence[tuple[ImageSpace, Candidate]],
) -> None:
    """Write `FILES` into a directory, in place of those of an earlier search.

    Args:
        directory: of the results.
        surrogate: that was searched.
        searches: a row for each search.
        images: the image of each search, and its space.
    """
    batch = joined([space.solve([candidate]) for space, candidate in images])
    predictions = surrogate.network_fields(batch.problem)
    worst = int(searches["found_error"].argmax())
    count, error = searches.iloc[worst][["sources", "found_error"]]
    title = f"n = {count:.0f}\nlargest error {error:.2g}"
    case: Case = (title, batch.images[worst], batch.fields[worst], predictions[worst])
    with replacing_files(directory, last=SEARCHES_FILE) as partial:
        arrays = {
            "source_images": batch.images,
            "fields": batch.fields.astype(np.float32),
            "predictions": predictions,
        }
        write_arrays(partial / "worst_cases.npz", arrays, compressed=True)
        write_bytes(partial / "worst_case.png", to_png(case_figure([case])))
        rows = searches.itertuples(index=False, name=None)
        write_csv(partial / SEARCHES_FILE, searches.columns.tolist(), rows)


def worst_cases_table(searches: pd.DataFrame) -> Table:
    """A row for each search, for printing."""
    rows = [list(map(number, row)) for row in searches[list(PRINTED)].to_numpy(float)]
    return Table(list(PRINTED.values()), rows)


def discs_as_json(candidate: Candidate) -> str:
    """Rows, columns, radii and values of an image's discs, and its diffusion length if any."""
    arrays = candidate.sources.arrays()
    discs: dict[str, Any] = {name: array.tolist() for name, array in arrays.items()}
    if candidate.diffusion_length is not None:
        discs["diffusion_length"] = candidate.diffusion_length
    return json.dumps(discs)
