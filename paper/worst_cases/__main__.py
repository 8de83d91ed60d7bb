"""Search for the images on which a surrogate is worst, starting from the worst test images."""

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diffkeras.config import Config
from diffkeras.data import check_dataset
from diffkeras.data.reading.examples import explain_damage
from diffkeras.evaluation.stored_images import read_image
from diffkeras.evaluation.worst_cases.certified import (
    candidate_errors,
    certify_candidates,
    check_searchable,
    choose_starts,
    measure_test_images,
    space_of,
)
from diffkeras.evaluation.worst_cases.config import WorstCasesConfig
from diffkeras.evaluation.worst_cases.image_space import Candidate, ImageSpace
from diffkeras.evaluation.worst_cases.results import (
    FILES,
    SEARCHES_FILE,
    discs_as_json,
    worst_cases_table,
    write_worst_cases,
)
from diffkeras.evaluation.worst_cases.search import Search, search_at_random, search_from
from diffkeras.reporting.tables import Table
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.system.progress import progress_bar
from diffkeras.system.result_folders import check_replaceable
from diffkeras.workflows.evaluate_run import check_physics

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorstCases:
    """The result of a number of searches.

    Attributes:
        path: the directory with `searches.csv`, `worst_cases.npz` and `worst_case.png`.
        searches: the rows of `searches.csv`.
        table: for printing.
    """

    path: Path
    searches: pd.DataFrame
    table: Table


def search_worst_cases(
    run_dir: str | Path,
    data_dir: str | Path,
    test_config: Config,
    settings: WorstCasesConfig,
    *,
    output: str | Path,
    show_progress: bool = False,
) -> WorstCases:
    """Maximise a surrogate's largest error over the images of the data's distribution.

    Args:
        run_dir: a finished run, or the name of a shipped surrogate.
        data_dir: where the datasets are.
        test_config: the test data; they decide the distribution. Its physics must be the run's.
        settings: starts, evaluations and seed. With the same ones, the result is the same.
        output: directory of the results.
        show_progress: whether to draw a progress bar.

    Raises:
        RunError: the run directory is missing, unfinished or damaged.
        DataError: test images are missing, damaged, or of other physics than the run's.
        ConfigurationError: clustered sources, or none.
        OutputError: `output` can't be written, or holds other files.
    """
    data_dir, path = Path(data_dir), Path(output)
    surrogate = load_surrogate(run_dir)
    check_physics(surrogate.config, test_config, Path(run_dir))
    check_searchable(test_config)
    for count in test_config.data.sources:
        check_dataset(test_config, count, data_dir, ("test",))
    check_replaceable(path, SEARCHES_FILE, FILES)
    rows: list[dict[str, Any]] = []
    worst_images: list[tuple[ImageSpace, Candidate]] = []
    with explain_damage(test_config, data_dir):
        errors = measure_test_images(surrogate, test_config, data_dir)
        starts: list[Any] = choose_starts(errors, settings.starts).to_dict("records")
        images = [
            _test_image(test_config, row["sources"], row["start_example"], data_dir)
            for row in starts
        ]
    total = 2 * settings.evaluations * len(starts)
    with progress_bar(total, "Searching", "images", shown=show_progress) as bar:
        for number, (start, image) in enumerate(zip(starts, images, strict=True)):
            space = space_of(test_config, start["sources"])
            row, candidate = _search(surrogate, space, image, settings, number, bar)
            rows.append({"search": number, **start, **row})
            worst_images.append((space, candidate))
    searches = pd.DataFrame(rows)
    searches["ratio"] = searches["found_error"] / searches["test_max_error"]
    write_worst_cases(path, surrogate, searches, worst_images)
    logger.info(f"searched for worst cases {len(rows)} times")
    return WorstCases(path, searches, worst_cases_table(searches))


def _test_image(config: Config, count: int, number: int, data_dir: Path) -> Candidate:
    batch = read_image(config, count, number, data_dir)
    lattice, overlap = config.physics.lattice, config.data.placement.overlap
    sources = replace(batch.sources[0], lattice=lattice, overlap=overlap)
    return Candidate(sources, None if batch.lengths is None else float(batch.lengths[0]))


def _search(
    surrogate: Surrogate,
    space: ImageSpace,
    start: Candidate,
    settings: WorstCasesConfig,
    number: int,
    bar: Any,
) -> tuple[dict[str, Any], Candidate]:
    """What a search found, as columns of `searches.csv`, and the image."""
    rngs = np.random.default_rng([settings.seed, number]).spawn(2)

    def new_search(evaluations: int) -> Search:
        return Search(
            lambda candidates: candidate_errors(surrogate, space, candidates),
            evaluations,
            bar.update,
        )

    began = time.perf_counter()
    evolved = search_from(start, space, new_search(settings.evaluations), rngs[0])
    seconds = time.perf_counter() - began
    random = search_at_random(space, new_search(evolved.tried), rngs[1])
    assert evolved.worst is not None
    certified = certify_candidates(surrogate, space, [evolved.worst, start, *evolved.population])
    row = {
        "found_error": evolved.error,
        "random_error": random.error,
        "evaluations": evolved.tried,
        "seconds": round(seconds, 2),
        **certified,
        "discs": discs_as_json(evolved.worst),
    }
    return row, evolved.worst
