"""Train a configuration, and have a signal hit the process at a chosen point.

With TF_CONFIG it trains as one of several workers. At the end it prints a digest of the weights.

Usage: training_process.py CONFIG DATA_DIR RUN_DIR [SIGNAL STEP [POINT]]
"""

import hashlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from diffkeras.config import load_config
from diffkeras.errors import DiffkerasError
from diffkeras.system.tensorflow_setup import load_tensorflow
from tests.helpers.lean_runs import lean_training
from tests.helpers.stopped_training import hit_at


def main() -> None:
    config_file, data_dir, run_dir, *interruption = sys.argv[1:]
    load_tensorflow()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s", force=True)
    if "TF_CONFIG" not in os.environ:
        import tensorflow as tf

        tf.config.threading.set_inter_op_parallelism_threads(1)
    from diffkeras import train
    from diffkeras.training import loop

    original = loop.run_epochs

    def run_and_tell(session: Any) -> None:
        original(session)
        digest = hashlib.sha256()
        for weight in session.model.get_weights():
            digest.update(weight.tobytes())
        print("weights", digest.hexdigest(), flush=True)

    loop.run_epochs = run_and_tell
    if interruption:
        name, step, *point = interruption
        hit_at("".join(point) or "step", int(step), signal.Signals[name])
    try:
        config = load_config(config_file)
        with lean_training():
            train(config, Path(data_dir), Path(run_dir))
    except DiffkerasError as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        sys.exit(getattr(error, "exit_code", 1))


main()
