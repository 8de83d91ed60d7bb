"""The machine and the versions that results depend on."""

import importlib.metadata
import os
import platform
import subprocess
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
    cores = f", {len(names)} cores" if (names := _model_names()) else ""
    return f"{processor()}{cores}, {platform.system()} {platform.machine()}"


def processor() -> str:
    """Model of the processor, in words."""
    return next(iter(_model_names()), platform.processor() or platform.machine())


def _model_names() -> list[str]:
    """The model of each core, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else ()
    return [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
