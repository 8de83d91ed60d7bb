"""Memory of freed arrays, which the next arrays take again."""

import numpy as np

# glibc's largest threshold, less what it adds to a block (mallopt(3), M_MMAP_THRESHOLD)
LARGEST_BLOCK = 32 * 2**20 - 2**16


def keep_freed_memory() -> None:
    """Let glibc keep up to 64 MB of freed memory instead of giving it back to the system.

    Solving one problem after another frees and allocates arrays of the same sizes again and again.
    Memory that was given back has to be mapped page by page each time, which takes a third of a
    solve on 512×512 nodes. glibc learns from the largest block that was freed, so one is allocated
    and freed here; no page of it is touched. Other C libraries don't change, nor does one whose
    thresholds were set by hand.
    """
    np.empty(LARGEST_BLOCK, np.uint8)
