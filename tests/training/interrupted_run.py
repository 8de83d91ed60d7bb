"""Train a configuration, and have a signal hit the process at a chosen point.

Usage: interrupted_run.py CONFIG DATA_DIR RUN_DIR [SIGNAL POINT STEP]
"""

import logging
import signal
import sys
from pathlib import Path

from diffkeras.config import load_config
from diffkeras.errors import DiffkerasError
from diffkeras.system.tensorflow_setup import load_tensorflow
from tests.helpers.lean_runs import lean_training
from tests.helpers.stopped_training import hit_at


def main() -> None:
    config_file, data_dir, run_dir, *interruption = sys.argv[1:]
    load_tensorflow()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s", force=True)
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(1)
    from diffkeras.workflows import train

    if interruption:
        name, point, step = interruption
        hit_at(point, int(step), signal.Signals[name])
    try:
        with lean_training():
            train(load_config(config_file), Path(data_dir), Path(run_dir))
    except DiffkerasError as error:
        print(error)
        sys.exit(getattr(error, "exit_code", 1))


main()
