"""Memory: how much is left, and that of freed arrays, which the next arrays take again."""

import contextlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

# glibc's largest threshold, less what it adds to a block (mallopt(3), M_MMAP_THRESHOLD)
LARGEST_BLOCK = 32 * 2**20 - 2**16


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Let glibc keep up to 64 MB of freed memory instead of giving it back to the system.

    Solving one problem after another frees and allocates arrays of the same sizes again and again.
    Memory that was given back has to be mapped page by page each time, which takes a third of a
    solve on 512×512 nodes. glibc learns from the largest block that was freed, so one is allocated
    and freed here; no page of it is touched. Other C libraries don't change, nor does one whose
    thresholds were set by hand. Once for a process is enough: later calls do nothing.
    """
    np.empty(LARGEST_BLOCK, np.uint8)


def available_memory(root: Path = Path("/")) -> int:
    """Bytes of memory that this process can still allocate, also within a container."""
    import psutil  # here, as it is slow to import

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
