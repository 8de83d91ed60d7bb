"""Signals that end a command: training between two of its steps, everything else at once."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


@contextmanager
def raising_sigterm() -> Iterator[None]:
    """Raise Terminated on SIGTERM within the block, so that files and processes end as they should.

    By default the signal ends Python at once: temporary files and shared memory stay.
    """

    def terminate(number: int, frame: FrameType | None) -> NoReturn:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.number and kind is None:
            signal.raise_signal(self.number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            signal.signal(number, self._before[number])
            signal.raise_signal(number)
        self.number = number
        logger.info(
            f"{signal.Signals(number).name}: stopping after this step with a checkpoint; a second "
            "signal stops at once"
        )
