"""Measure training and prediction with diffkeras, as a child process of `benchmarks.training`."""

import json
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.shared.children import answer
from benchmarks.shared.measures import timed_for
from diffkeras.config import load_config
from diffkeras.data import generate
from diffkeras.nn import unpack_target
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.tensorflow_setup import limit_threads
from diffkeras.training.batches import TrainingBatches
from diffkeras.training.compiled_model import compile_model
from diffkeras.training.process_group import join_process_group

WARM_UP = 3  # steps; the first ones build the graph and allocate memory


class Clock(keras.callbacks.Callback):
    """Measures all steps except the first."""

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if batch == 0:
            self.begun, self.used = time.perf_counter(), time.process_time()
            return
        wall = time.perf_counter() - self.begun
        self.result = {
            "seconds": wall / batch,
            "processor": (time.process_time() - self.used) / batch,
        }


class Rates:
    """The configuration `paper` with another lattice and batch size, on its tf.data pipeline."""

    def __init__(self, case: dict) -> None:
        use_first_gpu(case["threads"])
        directory = Path(case["directory"])
        self.config = load_config(
            "paper",
            {
                "physics.lattice": case["side"],
                "data.sources": case["sources"],
                "data.train_examples": case["examples"],
                "data.validation_examples": 1,
                "data.test_examples": 1,
                "training.batch_size": case["batch"],
            },
        )
        generate(self.config, directory)
        group = join_process_group()
        self.batches = TrainingBatches(self.config, directory, group)
        self.compiled = compile_model(self.config, group, 1000, self.batches.at_once)
        self.fit(WARM_UP)
        self.prepare(directory)

    def prepare(self, directory: Path) -> None:
        """Export the trained network, and write the weights and data that PyTorch needs."""
        self.surrogate = Surrogate(self.compiled.model, self.config)
        export_saved_model(self.surrogate, directory / "saved_model")
        self.loaded = tf.saved_model.load(str(directory / "saved_model"))
        x, y = next(iter(self.batches.training(0, 0)))
        self.images = x
        weights = [array for layer in self.compiled.model.layers for array in layer.get_weights()]
        np.savez(
            directory / "shared.npz",
            image=x,
            field=unpack_target(y).field[..., None],
            prediction=self.loaded.serve(x),
            weights=len(weights),
            **{f"weight_{k}": array for k, array in enumerate(weights)},
        )

    def fit(self, steps: int) -> dict:
        clock = Clock()
        self.compiled.model.fit(
            self.batches.training(0, 0), steps_per_epoch=steps + 1, verbose=0, callbacks=[clock]
        )
        return clock.result

    def measure(self, what: str, seconds: float) -> dict:
        if what == "training":
            number = max(2, round(seconds / self.fit(1)["seconds"]))
            return self.fit(number)
        step = {
            "SavedModel": lambda: self.loaded.serve(self.images).numpy(),
            "Surrogate.fields": lambda: self.surrogate.fields(self.images[..., 0]),
        }[what]
        step()
        return timed_for(step, seconds)

    def about(self) -> dict:
        gpus = tf.config.list_physical_devices("GPU")
        names = {tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus}
        return {"gpus": sorted(map(str, names)), "parameters": self.compiled.parameters}


def use_first_gpu(threads: int) -> None:
    """The first GPU, or the CPU if there is none."""
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # other programs take turns
    limit_threads(threads)
    if gpus := tf.config.list_physical_devices("GPU"):
        tf.config.set_visible_devices(gpus[:1], "GPU")


if __name__ == "__main__":
    rates = Rates(json.loads(sys.argv[1]))
    answer({"about": rates.about, "measure": rates.measure})
