"""Benchmark programs in processes of their own.

Either several take turns, so that while one measures, the others wait (`Child`), or one process
measures one case and ends (`in_own_process`). The module of a child calls `answer`, or, if it has a
command as well, `run`.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

MARK = "@answer "  # marks lines for the parent
NO_CASE = "{}"  # the argument of a child that needs no input


class Child:
    """A benchmark that runs in its own process during a `with` block.

    Args:
        module: name of the module in `benchmarks`, which must call `answer` or `run`.
        case: its input, passed as JSON.
        threads: number of threads of its libraries.
    """

    def __init__(self, module: str, case: dict[str, Any], threads: int) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed by __exit__
        libraries = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        limits = dict.fromkeys(libraries, str(threads))
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", json.dumps(case)],
            env={**os.environ, **limits},
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

    def ask(self, command: str, *, limit: float | None = None, **arguments: Any) -> Any:
        """Call the child's function of that name and return its result.

        Args:
            command: name of the function.
            limit: seconds after which the child is ended.
            arguments: of the function.

        Raises:
            RuntimeError: the function failed, and the message is the last line that it wrote, of
                which all is printed; or it took too long.
        """
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        with suppress(BrokenPipeError):  # the child has ended already, and its log says why
            questions.write(json.dumps([command, arguments]) + "\n")
            questions.flush()
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(limit or 0.0, end)
        if limit is not None:
            timer.start()
        try:
            for line in answers:
                if line.startswith(MARK):
                    return json.loads(line.removeprefix(MARK))
        finally:
            timer.cancel()
        if late.is_set():
            raise RuntimeError(f"given up after {limit:g} s")
        self._log.seek(0)
        log = self._log.read().strip()
        print(log, file=sys.stderr)
        raise RuntimeError((log.splitlines() or ["it said nothing"])[-1])


def in_own_process(module: str, command: str, limit: float | None = None, **arguments: Any) -> Any:
    """The result of a function of a module, by a process with one thread.

    Raises:
        RuntimeError: as `Child.ask`.
    """
    with Child(module, {}, threads=1) as child:
        return child.ask(command, limit=limit, **arguments)


def answer(functions: Mapping[str, Callable[..., Any]]) -> None:
    """In a child process: call the functions that the parent asks for, until the parent is done."""
    for line in sys.stdin:
        command, arguments = json.loads(line)
        print(MARK + json.dumps(functions[command](**arguments)), flush=True)


def run(main: Callable[[], object], functions: Mapping[str, Callable[..., Any]]) -> None:
    """The command of a module, or its functions in a child of `in_own_process`."""
    if sys.argv[1:] == [NO_CASE]:
        answer(functions)
    else:
        main()
