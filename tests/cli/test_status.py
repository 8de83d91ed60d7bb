import logging
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner, Result

from diffkeras.cli.command import DiffkerasGroup

logger = logging.getLogger("diffkeras.workflows.some")


@pytest.fixture
def command() -> click.Group:
    @click.group(cls=DiffkerasGroup, headings={})
    def main() -> None:
        pass

    @main.command()
    def work() -> None:
        logger.debug("detail")
        logger.info("progress")
        logger.warning("damage")

    return main


def test_progress_and_warnings_reach_standard_error_once(
    command: click.Group, runner: CliRunner
) -> None:
    for _ in range(2):
        done = runner.invoke(command, ["work"])
        assert done.stderr.splitlines() == ["progress", "warning: damage"]
        assert done.stdout == ""
    assert not logging.getLogger("diffkeras").handlers
    assert not logger.isEnabledFor(logging.INFO)


def test_an_error_leaves_no_handler(diffkeras: Callable[..., Result]) -> None:
    assert diffkeras("solve", "missing.npy", "-o", "field.npy").exit_code != 0
    assert not logging.getLogger("diffkeras").handlers
