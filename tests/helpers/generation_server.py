"""Starts `generate` in a forked process for each line it reads: TensorFlow is loaded once only.

A line holds a data directory and a number of training examples. It answers with the process id,
and with the exit status once the process has ended.
"""

import os
import sys
from pathlib import Path

from generation_tools import SHARD, tiny_config

import diffkeras.data.shards
from diffkeras.workflows import generate

diffkeras.data.shards.SHARD_EXAMPLES = SHARD
print("ready", flush=True)
for line in sys.stdin:
    data_dir, train = line.split()
    child = os.fork()
    if not child:
        try:
            generate(tiny_config(int(train)), Path(data_dir))
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - forked: never on
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
