"""Train a configuration, and have a signal hit the process at a chosen point.

Usage: interrupted_run.py CONFIG DATA_DIR RUN_DIR [SIGNAL POINT STEP]
"""

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from diffkeras.config import load_config
from diffkeras.errors import DiffkerasError
from diffkeras.system.tensorflow_setup import load_tensorflow


def hit_at(point: str, step: int, number: int) -> None:
    """Patch the place named `point`: it sends the signal when the state is at `step` steps."""
    from diffkeras.training import checkpoints
    from diffkeras.training.callbacks import history, position

    owner, name = {
        "step": (position.CountSteps, "on_train_batch_end"),
        "validation": (history.RecordHistory, "on_test_batch_end"),  # step: 0, within validation
        "best": (history.RecordHistory, "on_epoch_end"),  # best model written, no checkpoint yet
        "checkpoint": (checkpoints, "digest"),  # weights written, not yet renamed
    }[point]
    original = getattr(owner, name)
    seen = {"steps": 0}

    def patched(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if point == "step":
            seen["steps"] = args[0].model.optimizer.iterations.numpy()
        else:
            seen["steps"] += 1
        if seen["steps"] == step:
            os.kill(os.getpid(), number)
        return result

    setattr(owner, name, patched)


def main() -> None:
    config_file, data_dir, run_dir, *interruption = sys.argv[1:]
    load_tensorflow()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s", force=True)
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(1)
    from diffkeras.training import results
    from diffkeras.workflows import train

    results.export_saved_model = lambda *_: None
    if interruption:
        name, point, step = interruption
        hit_at(point, int(step), signal.Signals[name])
    try:
        train(load_config(config_file), Path(data_dir), Path(run_dir))
    except DiffkerasError as error:
        print(error)
        sys.exit(getattr(error, "exit_code", 1))


main()
