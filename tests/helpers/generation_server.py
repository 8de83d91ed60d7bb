"""Runs `generate` in a forked process for each line it reads: TensorFlow is loaded once only.

A line holds a data directory, a number of training examples, and at which event the process kills
itself (0: never). Events are what it does to files of the directory, and each example it solves:
their order is the same in each process. It answers with the exit status and the number of events.
"""

import os
import signal
import sys
from pathlib import Path

from generation_tools import SHARD, tiny_config

import diffkeras.data.shards
from diffkeras.data.writing import shard_writer
from diffkeras.workflows import generate

diffkeras.data.shards.SHARD_EXAMPLES = SHARD


def generate_and_die(data_dir: str, train: int, moment: int) -> int:
    """Generate a dataset, and return the number of events if none was that of death."""
    events, make_record = 0, shard_writer.make_record

    def count(event, arguments):
        nonlocal events
        if data_dir in repr(arguments):
            events += 1
            if events == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    def make_audited_record(*arguments):
        sys.audit("record", data_dir)
        return make_record(*arguments)

    shard_writer.make_record = make_audited_record
    sys.addaudithook(count)
    generate(tiny_config(train), Path(data_dir))
    return events


print("ready", flush=True)
for line in sys.stdin:
    data_dir, train, moment = line.split()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            events = generate_and_die(data_dir, int(train), int(moment))
            os.write(writer, str(events).encode())
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - forked: never on
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    os.close(writer)
    events = os.read(reader, 100).decode() or moment
    os.close(reader)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), events, flush=True)
