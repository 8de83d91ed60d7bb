"""What a command prints about its progress, on standard error."""

import contextlib
import logging
import sys
from collections.abc import Iterator

import click


def echo_status(line: str) -> None:
    """Print a line about the command's progress on standard error.

    Standard output holds results alone.
    """
    from tqdm import tqdm

    # RuntimeError: a signal handler prints while another line is being printed
    with contextlib.suppress(RuntimeError, OSError):
        # tqdm moves a progress bar that is being drawn out of the line's way
        tqdm.write(line, file=sys.stderr)


class StatusHandler(logging.Handler):
    """Prints log records by `echo_status`; warnings are marked."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        line = self.format(record)
        if record.levelno >= logging.WARNING:
            mark = "warning:"
            line = f"{click.style(mark, fg='yellow') if sys.stderr.isatty() else mark} {line}"
        echo_status(line)


@contextlib.contextmanager
def printed_log() -> Iterator[None]:
    """Print what diffkeras logs while a command runs, from INFO on."""
    package = logging.getLogger("diffkeras")
    handler, level = StatusHandler(), package.level
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    package.propagate = False  # other packages may have given the root logger a handler
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
        package.propagate = True
