"""Benchmark programs in separate processes that take turns: while one measures, the others wait."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

MARK = "@answer "  # marks lines for the parent


class Child:
    """A module of this folder that runs in its own process during a `with` block.

    Args:
        module: name of the module, which must call `answer`.
        case: its input, passed as JSON.
        threads: number of threads of its libraries.
    """

    def __init__(self, module: str, case: dict[str, Any], threads: int) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed by __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", json.dumps(case)],
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def ask(self, command: str, **arguments: Any) -> Any:
        """Call the child's function of that name and return its result.

        Raises:
            RuntimeError: the function failed; the message is the last line that it wrote.
        """
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        with suppress(BrokenPipeError):  # the child has ended already, and its log says why
            questions.write(json.dumps([command, arguments]) + "\n")
            questions.flush()
        for line in answers:
            if line.startswith(MARK):
                return json.loads(line.removeprefix(MARK))
        self._log.seek(0)
        raise RuntimeError((self._log.read().strip().splitlines() or ["it said nothing"])[-1])


def answer(functions: dict[str, Callable[..., Any]]) -> None:
    """In a child process: call the functions that the parent asks for, until the parent is done."""
    for line in sys.stdin:
        command, arguments = json.loads(line)
        print(MARK + json.dumps(functions[command](**arguments)), flush=True)


def timed(step: Callable[[], object], number: int) -> tuple[float, float]:
    """Mean seconds and CPU seconds per call, over a number of calls."""
    begun, used = time.perf_counter(), time.process_time()
    for _ in range(number):
        step()
    return (time.perf_counter() - begun) / number, (time.process_time() - used) / number
