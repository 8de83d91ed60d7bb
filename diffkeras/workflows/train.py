"""Train a surrogate on the datasets of a configuration."""

import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from diffkeras import nn
from diffkeras.config import Config
from diffkeras.data import mixed_dataset, raw_dataset, reading
from diffkeras.errors import ConfigurationError, ConvergenceError
from diffkeras.nn.losses import AlternateWeights, AlternatingWeight
from diffkeras.workflows.callbacks import Pictures, TrainingProgress
from diffkeras.workflows.files import replace_directory
from diffkeras.workflows.runs import Run
from diffkeras.workflows.surrogate import Surrogate, build_model, export_saved_model

MONITOR = "val_mae"  # on the linear scale, over the whole lattice, whatever the loss
PICTURES = 4  # examples shown in TensorBoard
PICTURE_SETS = 20  # times they are shown over a run


def train(
    config: Config,
    data_dir: Path,
    run_dir: Path,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    show_progress: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> Run:
    """Fit the configuration's network; keep the best model by the validation split.

    Runs under MirroredStrategy over every visible GPU, and on one device without.

    Args:
        config: data, network, loss and optimizer.
        data_dir: where `generate` put the datasets.
        run_dir: where the run goes.
        workers: threads that read data; by default as many as tf.data finds best.
        overwrite: set a finished run that lies there aside.
        show_progress: whether to draw a progress bar.
        report: is told what happens, line by line.

    Returns:
        The finished run.

    Raises:
        ConfigurationError: an unknown loss.
        DataError: missing, damaged or foreign datasets.
        RunError: the run directory can't be used.
        ConvergenceError: training diverged from the first epoch on.
    """
    loss = make_loss(config)
    keras.utils.set_random_seed(config.training.seed)
    strategy = make_strategy()
    replicas = strategy.num_replicas_in_sync
    if config.training.batch_size % replicas:
        raise ConfigurationError(
            f"training.batch_size: {config.training.batch_size} examples can't be shared evenly by "
            f"{replicas} replicas; choose a multiple of {replicas}"
        )
    # Keras averages the replicas' means, which is the batch's mean for equal shares alone
    training = mixed_dataset(
        config, "train", data_dir, workers=workers, drop_remainder=replicas > 1
    )
    if not len(training):
        raise ConfigurationError(
            f"training.batch_size: {config.training.batch_size} is more than all training examples"
        )
    validation = mixed_dataset(config, "validation", data_dir, workers=workers)
    run = Run.create(run_dir, config, overwrite=overwrite)
    started = time.time()
    with strategy.scope():
        model = build_model(config)
        model.compile(
            optimizer=keras.optimizers.Adam(config.training.learning_rate),
            loss=make_loss(config),
            metrics=nn.default_metrics(config.model.transform),
        )
    parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    report(
        f"{parameters:,} trainable parameters, {len(training)} steps an epoch, "
        f"{replicas} replica(s); follow with "
        f"`tensorboard --logdir {run.logs}`"
    )
    best = run.path / "checkpoints" / "best.keras"
    best.parent.mkdir(exist_ok=True)
    epochs = config.training.epochs
    callbacks = [
        TrainingProgress(epochs, len(training), shown=show_progress),
        keras.callbacks.ModelCheckpoint(best, monitor=MONITOR, mode="min", save_best_only=True),
        keras.callbacks.CSVLogger(run.path / "history.csv"),
        keras.callbacks.TensorBoard(run.logs, write_graph=False),
    ]
    if isinstance(getattr(loss, "weight", None), AlternatingWeight):
        callbacks.append(AlternateWeights())
    with reading(config, data_dir):
        callbacks.append(_pictures(config, data_dir, Surrogate(model, config), run))
        history = model.fit(
            training,
            validation_data=validation,
            epochs=epochs,
            shuffle=False,  # the pipeline shuffles
            verbose=0,
            callbacks=callbacks,
        ).history
    if not np.isfinite(history[MONITOR]).any():
        raise ConvergenceError(
            f"training diverged: the validation MAE was finite in none of {epochs} epochs; choose "
            f"a smaller training.learning_rate than {config.training.learning_rate:g}"
        )
    best_model = keras.saving.load_model(best, compile=False)
    surrogate = Surrogate(best_model, config)
    replace_directory(run.saved_model, lambda path: export_saved_model(surrogate, path))
    # the checkpoint holds the optimizer as well, which is twice the size of the network
    keras.saving.save_model(best_model, best)
    best.rename(run.model_file)
    best.parent.rmdir()
    best_epoch = int(np.nanargmin(history[MONITOR]))
    summary = {
        "seed": config.training.seed,
        "trainable_parameters": parameters,
        "replicas": replicas,
        "seconds": round(time.time() - started, 1),
        "best_epoch": best_epoch + 1,
        "validation": {k[4:]: v[best_epoch] for k, v in history.items() if k.startswith("val_")},
    }
    run.write_state("finished", **summary)
    report(
        f"best epoch {best_epoch + 1} of {epochs}: validation MAE "
        f"{history[MONITOR][best_epoch]:.3g}; {summary['seconds']:.0f} s; {run.path}"
    )
    return run


@lru_cache(maxsize=1)
def make_strategy() -> tf.distribute.Strategy:
    """MirroredStrategy over all visible GPUs (or logical CPUs), or the default one.

    One object a process: a second MirroredStrategy on the same devices fails in its first
    collective (TensorFlow issue 62790), which a study of several runs would meet.
    """
    for kind in ("GPU", "CPU"):
        devices = tf.config.list_logical_devices(kind)
        if len(devices) > 1:
            return tf.distribute.MirroredStrategy([device.name for device in devices])
        if devices:
            break
    return tf.distribute.get_strategy()


def make_loss(config: Config) -> keras.losses.Loss:
    """The configuration's loss.

    Raises:
        ConfigurationError: an unknown error or weight, or a parameter out of its range.
    """
    try:
        return nn.get_loss(config.training.loss)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"training.loss: {error}") from None


def _pictures(config: Config, data_dir: Path, surrogate: Surrogate, run: Run) -> Pictures:
    counts = config.data.sources
    chosen = sorted({counts[i] for i in np.linspace(0, len(counts) - 1, PICTURES).astype(int)})
    examples = [
        next(raw_dataset(config, count, "validation", data_dir).take(1).as_numpy_iterator())
        for count in chosen
    ]
    return Pictures(
        surrogate,
        np.stack([example["source_image"][..., 0] for example in examples]),
        np.stack([example["field"][..., 0] for example in examples]),
        [f"{count} source" + "s" * (count > 1) for count in chosen],
        run.logs,
        every=max(1, config.training.epochs // PICTURE_SETS),
        epochs=config.training.epochs,
    )
