"""Checks that need two replicas, all in one process with two logical CPU devices.

Usage: two_replicas.py CONFIG DATA_DIR RUN_DIR CHECK …
"""

import sys
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from diffkeras import train
from diffkeras.config import Config, load_config, parse_config
from diffkeras.nn import encoder_decoder, get_loss
from diffkeras.training.optimizers import make_optimizer
from diffkeras.training.process_group import ProcessGroup, join_process_group
from tests.helpers.lean_runs import lean_training


def clips_and_averages_as_one(optimizer: str, group: ProcessGroup) -> None:
    """Two steps of two replicas, whose gradients differ, equal the steps of one device."""
    section = {"clip_norm": 0.01, "optimizer": optimizer, "weight_decay": 0.1}
    config = parse_config({"training": {**section, "learning_rate": 0.1, "ema": 0.5}})
    x = np.random.default_rng(0).random((4, 8, 8, 1)).astype("float32")
    x[2:] *= 9
    weights, norms = [], []
    for strategy in (tf.distribute.OneDeviceStrategy("CPU:0"), group.strategy):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = encoder_decoder(width=2, depth=1)
            model.compile(make_optimizer(config, 10), get_loss("squared"))
        batches = tf.data.Dataset.from_tensor_slices((x, x)).batch(4).repeat(2)
        model.fit(batches, verbose=0)
        weights.append(model.get_weights())
        norms.append(float(model.optimizer.gradient_norm.numpy()))
    assert norms[0] > 0.1, norms
    np.testing.assert_allclose(*norms, rtol=1e-4)
    for one, two in zip(*weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=2e-3, atol=1e-5)


def trains(config: Config, data_dir: str, run_dir: str) -> None:
    """The command trains under MirroredStrategy."""
    with lean_training():
        run = train(config, data_dir, run_dir)
    assert run.state()["replicas"] == 2


def main() -> None:
    tf.config.set_visible_devices([], "GPU")
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    group = join_process_group()
    config = load_config(sys.argv[1])
    checks = {
        "trains": partial(trains, config, *sys.argv[2:4]),
        "adamw": partial(clips_and_averages_as_one, "adamw", group),
        "muon": partial(clips_and_averages_as_one, "muon", group),
    }
    for name in sys.argv[4:]:
        checks[name]()


main()
