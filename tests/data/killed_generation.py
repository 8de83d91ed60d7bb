"""Generate a tiny dataset, and kill the process at an event.

Usage: killed_generation.py DATA_DIR TRAIN_EXAMPLES MOMENT (0: never)

Events are what the process does to files of the directory, and each example it solves: their order
is the same in each process. Prints their number.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import diffkeras.data.stored
from diffkeras.data import generate, records
from tests.helpers.generation_tools import SHARD, tiny_config


def main(data_dir: str, train: int, moment: int) -> None:
    events, make_record = 0, records.make_record

    def count(event: str, arguments: Any) -> None:
        nonlocal events
        if data_dir in repr(arguments):
            events += 1
            if events == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    def make_audited_record(*arguments: Any) -> bytes:
        sys.audit("record", data_dir)
        return make_record(*arguments)

    diffkeras.data.stored.SHARD_EXAMPLES = SHARD
    records.make_record = make_audited_record
    sys.addaudithook(count)
    generate(tiny_config(train), Path(data_dir))
    print(events)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
