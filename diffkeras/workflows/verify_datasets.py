"""Verify the datasets of a configuration."""

import logging
from pathlib import Path

import numpy as np

from diffkeras.config import Config
from diffkeras.data.writing.verify import plan_checks, run_checks
from diffkeras.errors import ConfigurationError
from diffkeras.system.progress import progress_bar

logger = logging.getLogger(__name__)


def verify(
    config: Config,
    data_dir: str | Path,
    *,
    share: float = 0.01,
    workers: int = 1,
    show_progress: bool = False,
) -> list[str]:
    """Read every record of the datasets, and solve a random share of the examples again.

    Args:
        config: physics, source counts and seed.
        data_dir: the directory of all datasets.
        share: share of the examples that are solved again, at least three of each split.
        workers: processes that read and solve.
        show_progress: whether to draw a progress bar.

    Raises:
        ConfigurationError: `share` is not from 0 to 1.

    Returns:
        A line for each thing that is wrong, naming the file and the example.
    """
    if not 0 <= share <= 1:
        raise ConfigurationError(f"the share of examples must be from 0 to 1, not {share}")
    findings, checks = [], []
    rng = np.random.default_rng()  # Without a seed, each call chooses other examples.
    for count in config.data.sources:
        planned, wrong = plan_checks(config, count, Path(data_dir), share, rng)
        checks += planned
        for finding in wrong:
            findings.append(finding)
            logger.warning(finding)
    again = sum(len(check.again) for check in checks)
    with progress_bar(again, "Solving again", "examples", shown=show_progress) as bar:
        for finding in run_checks(checks, workers, on_examples=bar.update):
            findings.append(finding)
            logger.warning(finding)
    examples = sum(check.shard.examples for check in checks)
    number = "1 error" if len(findings) == 1 else f"{len(findings) or 'no'} errors"
    logger.info(
        "read %d examples in %d files, solved %d again: %s", examples, len(checks), again, number
    )
    return findings
