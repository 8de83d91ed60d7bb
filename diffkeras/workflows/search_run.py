"""Search for the images on which a surrogate is worst, starting from the worst test images."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.config import Config
from diffkeras.data import explain_damage, check_dataset
from diffkeras.evaluation.methods import choose_clock
from diffkeras.evaluation.worst_cases.certified import candidate_errors, certify_candidates
from diffkeras.evaluation.worst_cases.image_space import Candidate
from diffkeras.evaluation.worst_cases.results import (
    FILES,
    MARK,
    WorstCase,
    worst_cases_table,
    write_worst_cases,
)
from diffkeras.evaluation.worst_cases.search import Search, search_at_random, search_from
from diffkeras.evaluation.worst_cases.starts import (
    Start,
    check_searchable,
    choose_starts,
    largest_test_error,
    space_of,
    worst_test_images,
)
from diffkeras.reporting.html import Table
from diffkeras.studies.config import WorstCasesConfig
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.system.atomic_files import check_replaceable
from diffkeras.system.progress import progress_bar
from diffkeras.workflows.evaluate_run import check_physics

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorstCases:
    """The result of a number of searches.

    Attributes:
        path: the directory with `searches.csv`, `worst_cases.npz` and `worst_case.png`.
        cases: one for each search.
        table: for printing.
    """

    path: Path
    cases: list[WorstCase]
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
    counts = test_config.data.sources
    check_searchable(test_config)
    for count in counts:
        check_dataset(test_config, count, data_dir, ("test",))
    check_replaceable(path, MARK, FILES)
    with explain_damage(test_config, data_dir):
        worst = [
            worst_test_images(surrogate, test_config, n, data_dir, number=settings.starts)
            for n in counts
        ]
    starts = choose_starts(worst, settings.starts)
    largest = largest_test_error(worst)
    total = 2 * settings.evaluations * len(starts)
    with progress_bar(total, "Searching", "images", shown=show_progress) as bar:
        cases = [
            _search(surrogate, test_config, start, largest, settings, search, bar)
            for search, start in enumerate(starts)
        ]
    write_worst_cases(path, surrogate, cases)
    logger.info(f"searched for worst cases {len(cases)} times")
    return WorstCases(path, cases, worst_cases_table(cases))


def _search(
    surrogate: Surrogate,
    config: Config,
    start: Start,
    largest: float,
    settings: WorstCasesConfig,
    number: int,
    bar: Any,
) -> WorstCase:
    space = space_of(config, start.count)
    rngs = np.random.default_rng([settings.seed, number]).spawn(2)

    def new_search(evaluations: int) -> Search:
        return Search(
            lambda candidates: candidate_errors(surrogate, space, candidates),
            evaluations,
            bar.update,
        )

    clock = choose_clock()
    began = clock()
    evolved = search_from(start.candidate, space, new_search(settings.evaluations), rngs[0])
    seconds = clock() - began
    random = search_at_random(space, new_search(evolved.tried), rngs[1])
    assert evolved.found is not None
    certified: list[Candidate] = [evolved.found, start.candidate, *evolved.population]
    return WorstCase(
        start=start,
        test_max_error=largest,
        space=space,
        found=evolved.found,
        error=evolved.error,
        random_error=random.error,
        evaluations=evolved.tried,
        seconds=seconds,
        certified=certify_candidates(surrogate, space, certified),
    )
