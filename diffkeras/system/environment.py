"""The machine and the versions that results depend on."""

import contextlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from diffkeras._version import __version__

PACKAGES = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scipy")


def versions() -> dict[str, str]:
    """Versions of diffkeras, Python and the packages that results depend on."""
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"diffkeras": __version__, "python": platform.python_version(), **packages}


def machine() -> str:
    """Processor and operating system, in words."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        if names:
            processor = f"{names[0].partition(':')[2].strip()}, {len(names)} cores"
    return f"{processor}, {platform.system()} {platform.machine()}"


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Discard what is written to standard error: for imports whose C++ code prints at its start.

    C++ writes to the file descriptor, which replacing `sys.stderr` doesn't affect. An exception is
    still printed: Python does that after the descriptor is restored.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
