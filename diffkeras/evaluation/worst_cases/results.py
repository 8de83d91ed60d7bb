"""What searches leave: a table of them, the images that they found, and a picture."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.evaluation.worst_cases.certified import CertifiedErrors, solve_images
from diffkeras.evaluation.worst_cases.image_space import Candidate, ImageSpace
from diffkeras.evaluation.worst_cases.starts import Start
from diffkeras.reporting.figures import Case, case_figure, to_png
from diffkeras.reporting.html import Table, number
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.atomic_files import replacing_files, write_bytes, write_csv

MARK = "searches.csv"
FILES = (MARK, "worst_cases.npz", "worst_case.png")


@dataclass(frozen=True)
class WorstCase:
    """The result of one search.

    Attributes:
        start: the test image that it started from.
        test_max_error: largest error over the test images of all source counts.
        space: the images that it could visit.
        found: the image with the largest error.
        error: its error.
        random_error: the largest error of as many random images.
        evaluations: images that the search tried.
        seconds: what the search took, without the random images and the proofs, see `timing`.
        certified: what is proven on the found image, the start and the search's last images.
    """

    start: Start
    test_max_error: float
    space: ImageSpace
    found: Candidate
    error: float
    random_error: float
    evaluations: int
    seconds: float
    certified: CertifiedErrors

    @property
    def ratio(self) -> float:
        """The found error divided by the largest one of the test set."""
        return self.error / self.test_max_error if self.test_max_error else float("nan")

    def row(self, search: int) -> dict[str, Any]:
        """The row of `searches.csv`, by its columns."""
        certified = asdict(self.certified)
        return {
            "search": search,
            "sources": self.start.count,
            "start_example": self.start.example,
            "start_error": self.start.error,
            "count_max_error": self.start.count_max_error,
            "test_max_error": self.test_max_error,
            "found_error": self.error,
            "ratio": self.ratio,
            "random_error": self.random_error,
            "evaluations": self.evaluations,
            "seconds": round(self.seconds, 2),
            "certified_images": certified.pop("images"),
            **certified,
            "discs": _as_json(self.found),
        }


def write_worst_cases(directory: Path, surrogate: Surrogate, cases: Sequence[WorstCase]) -> None:
    """Write `FILES` into a directory, in place of those of an earlier search."""
    solved = [solve_images(case.space, [case.found]) for case in cases]
    images = np.concatenate([one.images for one in solved])
    fields = np.concatenate([one.dataset_fields for one in solved])
    predictions = np.concatenate(
        [surrogate.network_fields(one.images, diffusion_length=one.lengths) for one in solved]
    )
    titles = [f"n = {case.start.count}\nlargest error {case.error:.2g}" for case in cases]
    pictures: list[Case] = list(zip(titles, images, fields, predictions, strict=True))
    worst = int(np.argmax([case.error for case in cases]))
    with replacing_files(directory, FILES, last=MARK) as partial:
        np.savez_compressed(
            partial / "worst_cases.npz",
            source_images=images,
            fields=fields.astype(np.float32),
            predictions=predictions,
        )
        write_bytes(partial / "worst_case.png", to_png(case_figure([pictures[worst]])))
        rows = [case.row(search) for search, case in enumerate(cases)]
        write_csv(partial / MARK, list(rows[0]), [list(row.values()) for row in rows])


def worst_cases_table(cases: Sequence[WorstCase]) -> Table:
    """A row for each search, for printing."""
    rows = [
        [
            str(case.start.count),
            number(case.start.error),
            number(case.test_max_error),
            number(case.random_error),
            number(case.error),
            f"{case.ratio:.2f}",
            number(case.certified.bound_of_prediction),
            number(case.certified.bound_of_refined),
            f"{case.certified.violations} of {case.certified.images}",
        ]
        for case in cases
    ]
    columns = "sources,start,test maximum,random,found,found / test,bound,refined,violated bounds"
    return Table(columns.split(","), rows)


def _as_json(candidate: Candidate) -> str:
    sources = candidate.sources
    discs: dict[str, Any] = {
        "rows": sources.rows.tolist(),
        "columns": sources.columns.tolist(),
        "radii": sources.radii.tolist(),
        "values": sources.values.tolist(),
    }
    if candidate.diffusion_length is not None:
        discs["diffusion_length"] = candidate.diffusion_length
    return json.dumps(discs)
