"""Signals that end a command: training between two of its steps, everything else at once."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


_raised: list[int] = []  # signals that have raised an exception, which has ended no block yet


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


@contextmanager
def raising_signals() -> Iterator[None]:
    """Raise Terminated on SIGTERM within the block, so that files and processes end as they should.

    By default the signal ends Python at once: temporary files and shared memory stay. Where the
    exception of SIGINT or SIGTERM is lost, `check_signals` and the end of the block raise it again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _raised.clear()
    # SIGINT is ignored in the background of a script, and stays so
    numbers = [n for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _raise) for number in numbers}
    try:
        yield
        check_signals()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _raised.clear()


def check_signals() -> None:
    """Raise the exception of a signal again that came within `raising_signals`, if any.

    A destructor, a weak reference's callback or C code may swallow what a signal handler raises
    while they run.
    """
    if _raised and threading.current_thread() is threading.main_thread():
        raise Terminated if _raised[-1] == signal.SIGTERM else KeyboardInterrupt


def _raise(number: int, frame: FrameType | None) -> None:
    _raised.append(number)
    check_signals()


class Interruption:
    """Remembers a signal instead of acting on it, within a `with` block.

    A second signal acts at once. So does the first one when the block ends and nothing has handled
    it by setting `number` to 0.

    Attributes:
        number: of the signal; 0 if there was none.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._restore()
        if self.number and kind is None:
            signal.raise_signal(self.number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            self._restore()
            signal.raise_signal(number)
        self.number = number
        logger.info(
            f"{signal.Signals(number).name}: stopping after this step with a checkpoint; a second "
            "signal stops at once"
        )

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
