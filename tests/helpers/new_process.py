"""Python programs in processes of their own that need not load TensorFlow each time.

They are forked from a process that has imported TensorFlow, and neither used it nor imported
diffkeras. It is started by the first program of each pytest process.
"""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["tensorflow", "tensorflow_datasets", "scipy.sparse.linalg", "scipy.stats", "pandas"]
)


class NewProcess:
    """A script (file or code) with its `sys.argv`, used like `subprocess.Popen`.

    Its output and errors go to the file `output`.
    """

    def __init__(
        self,
        script: Path | str,
        *words: object,
        output: Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._output = output
        self.returncode: int | None = None
        arguments = (script, [*map(str, words)], str(output), dict(environment or {}), cwd)
        self._process = _CONTEXT.Process(target=_run, args=arguments)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while the process runs."""
        self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout: float = 300) -> int:
        """Wait for the process to end, and return its exit status."""
        self._process.join(timeout)
        status = self.poll()
        assert status is not None, f"it still runs after {timeout} s: {self.output}"
        return status

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """Wait for the process to end, and return its output; its errors are part of it."""
        self.wait(timeout)
        return self.output, ""

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    @property
    def output(self) -> str:
        """What the process has printed so far."""
        return self._output.read_text() if self._output.exists() else ""

    def succeed(self) -> str:
        """The output of a process that must end well."""
        assert self.wait() == 0, f"exit status {self.returncode}: {self.output[-4000:]}"
        return self.output


def _run(
    script: Path | str, words: list[str], output: str, environment: dict[str, str], cwd: Any
) -> None:
    os.setsid()  # signals to its group reach its own processes only
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ.update(environment)
    if cwd is not None:
        os.chdir(cwd)
    sys.argv = [str(script), *words]
    if isinstance(script, Path):
        runpy.run_path(str(script), run_name="__main__")
    else:
        exec(script, {"__name__": "__main__"})
