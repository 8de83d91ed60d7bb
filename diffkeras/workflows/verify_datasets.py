"""Verify the datasets of a configuration."""

import logging
from pathlib import Path

import numpy as np

from diffkeras.config import Config
from diffkeras.data.writing.verify import plan_checks, run_checks
from diffkeras.errors import DataError
from diffkeras.system.progress import progress_bar

logger = logging.getLogger(__name__)


def verify(
    config: Config,
    data_dir: Path,
    *,
    share: float = 0.01,
    workers: int = 1,
    show_progress: bool = False,
) -> list[str]:
    """Read every record of the datasets, and solve a random share of the examples again.

    Args:
        config: physics, source counts and seed.
        data_dir: where datasets lie.
        share: share of the examples that are solved again, at least three of each split.
        workers: processes that read and solve.
        show_progress: whether to draw a progress bar.

    Returns:
        A line for each thing that is wrong, naming the file and the example.
    """
    findings, checks = [], []
    rng = np.random.default_rng()  # another share each time
    for count in config.data.sources:
        try:
            checks += plan_checks(config, count, data_dir, share, rng)
        except DataError as error:
            findings.append(str(error))
            logger.warning(str(error))
    again = sum(len(check.again) for check in checks)
    with progress_bar(again, "Solving again", "examples", shown=show_progress) as bar:
        for finding in run_checks(checks, workers, on_examples=bar.update):
            findings.append(finding)
            logger.warning(finding)
    examples = sum(check.shard.examples for check in checks)
    wrong = "1 thing is wrong" if len(findings) == 1 else f"{len(findings)} things are wrong"
    logger.info(
        f"read {examples} examples in {len(checks)} files, solved {again} again: "
        + (wrong if findings else "all as it should be")
    )
    return findings
