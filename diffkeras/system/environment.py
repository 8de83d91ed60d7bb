"""The machine and the versions that results depend on: packages, cores, threads."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from scipy.fft import set_workers
from threadpoolctl import LibController, ThreadpoolController

from diffkeras._version import __version__

# glibc's largest threshold, less what it adds to a block (mallopt(3), M_MMAP_THRESHOLD)
LARGEST_BLOCK = 32 * 2**20 - 2**16
PACKAGES = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scipy")

_blas_lock = threading.Lock()


def versions() -> dict[str, str]:
    """Versions of diffkeras, Python and the packages that results depend on."""
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"diffkeras": __version__, "python": platform.python_version(), **packages}


@cache
def source_commit() -> str | None:
    """The Git commit of the checkout of this package, with "-dirty" if files differ, or None."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    words = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    command = ("git", "-C", str(root), *words)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
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


@contextlib.contextmanager
def blas_threads(number: int = 1) -> Iterator[None]:
    """Limit BLAS and SciPy's transforms to `number` threads, and restore that; also a decorator.

    A solve calls BLAS thousands of times for small products. With more than one thread each call
    waits for all of them, which takes ten times as long when another program keeps a core busy.
    All threads of a process share the setting of BLAS. Of solves that run at the same time, the
    first one sets and restores it: OpenBLAS obeys only the thread that was the first to set it.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(set_workers(number))
        if _blas_lock.acquire(blocking=False):
            stack.callback(_blas_lock.release)
            for blas in _libraries():
                if (before := blas.num_threads) != number:
                    stack.callback(blas.set_num_threads, before)
                    blas.set_num_threads(number)
        yield


@cache
def _libraries() -> list[LibController]:
    # finding them takes milliseconds, changing their setting microseconds
    return ThreadpoolController().select(user_api="blas").lib_controllers


@cache
def keep_freed_memory() -> None:
    """Let glibc keep up to 64 MB of freed memory instead of giving it back to the system.

    Otherwise mapping the same pages again for each problem takes a third of a solve on 512×512
    nodes. glibc learns from the largest block that was freed; no page of this one is touched.
    """
    np.empty(LARGEST_BLOCK, np.uint8)
