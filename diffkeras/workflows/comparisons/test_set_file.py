"""Public test sets as files: a `.npz` for any program, or the datasets that `evaluate` reads."""

import logging
from pathlib import Path

from diffkeras.config import Config
from diffkeras.errors import OutputError
from diffkeras.evaluation.test_sets.archive import write_archive
from diffkeras.evaluation.test_sets.test_set import get_test_set
from diffkeras.system.atomic_files import check_file
from diffkeras.system.progress import progress_bar
from diffkeras.workflows.generate_datasets import generate

logger = logging.getLogger(__name__)


def write_test_set(name: str, output: str | Path, *, show_progress: bool = False) -> Path:
    """Draw a public test set, solve it, and write it as a `.npz` for any program.

    The images are checked against the set's hash, and the fields are verified by their residuals.

    Args:
        name: of the test set, e.g. "fixed_values_64".
        output: the file.
        show_progress: whether to draw a progress bar.

    Returns:
        The file.

    Raises:
        ConfigurationError: there is no such test set.
        DataError: this machine draws other images, or a field isn't verified.
        OutputError: the file can't be written, or isn't named `.npz`.
    """
    test_set, path = get_test_set(name), Path(output)
    if path.suffix.lower() != ".npz":
        raise OutputError(f"{path} is of an unknown kind; a test set is written to a .npz")
    check_file(path)
    data = test_set.config().data
    total = data.test_examples * len(data.sources)
    with progress_bar(total, "Solving", "images", shown=show_progress) as bar:
        largest = write_archive(test_set, path, bar.update)
    logger.info(
        f"{test_set.name}: {total} images, SHA-256 {test_set.sha256}; the fields are proven to be "
        f"right within {largest:.1e} of the largest value"
    )
    return path


def generate_test_set(
    name: str, data_dir: str | Path, *, workers: int = 1, show_progress: bool = False
) -> Config:
    """Generate the datasets of a public test set where they are missing.

    Args:
        name: of the test set, e.g. "fixed_values_64".
        data_dir: where datasets are.
        workers: processes that solve.
        show_progress: whether to draw a progress bar.

    Returns:
        Its configuration, for `evaluate` and `evaluate_foreign`.

    Raises:
        ConfigurationError: there is no such test set.
        DataError: this machine draws other images.
        OutputError: `data_dir` can't be written.
    """
    test_set = get_test_set(name)
    test_set.check()
    config = test_set.config()
    generate(config, data_dir, workers=workers, show_progress=show_progress)
    return config
