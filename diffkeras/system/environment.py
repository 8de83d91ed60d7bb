"""The machine and the versions that results depend on."""

import contextlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from diffkeras._version import __version__

PACKAGES = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scipy")


def versions() -> dict[str, str]:
    """Versions of diffkeras, Python and the packages that results depend on."""
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"diffkeras": __version__, "python": platform.python_version(), **packages}


@cache
def source_commit() -> str | None:
    """The Git commit of the checkout that this package is in, with "-dirty" if files differ.

    None if it is not in one, or Git is missing.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ("git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40")
    try:
        done = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def machine() -> str:
    """Processor and operating system, in words."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [x for x in cpuinfo.read_text().splitlines() if x.startswith("model name")]
        if names:
            processor = f"{names[0].partition(':')[2].strip()}, {len(names)} cores"
    return f"{processor}, {platform.system()} {platform.machine()}"


def available_memory(root: Path = Path("/")) -> int:
    """Bytes of memory that this process can still allocate, also within a container."""
    import psutil  # here, as only training needs it

    return max(0, min([psutil.virtual_memory().available, *_left_in_cgroups(root)]))


def _left_in_cgroups(root: Path) -> Iterator[int]:
    """Bytes left below the limit of each control group of this process (version 2)."""
    file = root / "proc/self/cgroup"
    names = re.findall(r"^0::/(.*)$", file.read_text(), re.M) if file.is_file() else ()
    for name in names:
        top = root / "sys/fs/cgroup"
        # a container may see its own group at the top, under a name from outside
        for group in {top, top / name, *(top / parent for parent in Path(name).parents)}:
            with contextlib.suppress(OSError, ValueError):  # "max": no limit
                limit, used = (
                    int((group / f"memory.{kind}").read_text()) for kind in ("max", "current")
                )
                statistics = (group / "memory.stat").read_text()
                cache = re.search(r"^inactive_file (\d+)$", statistics, re.M)
                yield limit - used + int(cache[1] if cache else 0)


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
