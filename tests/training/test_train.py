import errno
import importlib.metadata
import json
import os
import signal

import numpy as np
import pytest
from tensorflow.errors import OutOfRangeError, ResourceExhaustedError

from diffkeras import train
from diffkeras.config import load_config
from diffkeras.errors import ConfigurationError, DataError, OutOfMemoryError, OutputError, RunError
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.training import loop
from diffkeras.training.session import TrainingSession
from tests.helpers.refusals import files_below
from tests.helpers.stopped_training import session_at_start
from tests.helpers.tables import read_csv


def test_the_run_directory_is_complete(run_dir, tiny):
    names = {"config.yaml", "run.json", "history.csv", "weights.npz", "saved_model", "logs"}
    assert names <= {file.name for file in run_dir.iterdir()}
    assert load_config(run_dir / "config.yaml") == tiny
    state = json.loads((run_dir / "run.json").read_text())
    assert (state["state"], state["seed"]) == ("finished", tiny.training.seed)
    for package in ("tensorflow", "keras", "numpy", "scipy"):
        assert state["versions"][package] == importlib.metadata.version(package)
    weights = load_surrogate(run_dir).model.trainable_variables
    assert state["trainable_parameters"] == sum(int(np.prod(v.shape)) for v in weights)
    rows = read_csv(run_dir / "history.csv")
    assert [int(row["epoch"]) for row in rows] == [1, 2]
    for name in ("loss", "val_loss", "val_mae", "val_mae_sources", "val_mae_r1", "val_max_error"):
        assert all(np.isfinite(float(row[name])) for row in rows)


def test_the_kept_model_is_the_best_on_the_validation_split(
    tiny, data_dir, tmp_path, validation_errors
):
    # such a learning rate makes the error go up and down
    config = tiny.with_overrides({"training.learning_rate": 0.3, "training.epochs": 3})
    run = train(config, data_dir, tmp_path / "run")
    errors = [float(row["val_mae"]) for row in read_csv(run.path / "history.csv")]
    kept = np.mean(validation_errors(run.path, config, data_dir))
    assert kept == pytest.approx(min(errors), rel=1e-4)
    assert run.state()["best_epoch"] == int(np.argmin(errors)) + 1


def test_training_again_is_the_same_without_the_test_split_and_sets_the_run_aside(
    tiny, run_dir, own_run, own_data
):
    for file in own_data.rglob("*-test.tfrecord*"):
        file.write_bytes(bytes(file.stat().st_size))
    before = (own_run / "weights.npz").read_bytes()
    run = train(tiny.with_overrides({"training.epochs": 1}), own_data, own_run, overwrite=True)
    assert (own_run.with_name("run.previous") / "weights.npz").read_bytes() == before
    assert Run.open(own_run).config().training.epochs == 1
    [row] = read_csv(run.path / "history.csv")
    first = read_csv(run_dir / "history.csv")[0]
    for name in ("loss", "val_loss", "val_mae"):
        assert float(row[name]) == pytest.approx(float(first[name]), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"training.loss": {"error": "huber", "delta": -1}}, ConfigurationError, "loss: delta"),
        ({"data.train_examples": 13}, DataError, "and 13 are needed"),
        ({"physics.decay": 0.3}, DataError, "it has sources_01"),
    ],
)
def test_what_cant_be_trained_is_refused_before_a_directory_is_made(
    tiny, data_dir, tmp_path, change, error, message
):
    with pytest.raises(error, match=message):
        train(tiny.with_overrides(change), data_dir, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_directory_is_checked_before_the_data(tiny, own_run, tmp_path):
    other = tiny.with_overrides({"training.epochs": 5})
    for restart in (False, True):
        with pytest.raises(RunError, match=r"a finished run of another .*epochs 2.*--overwrite"):
            train(other, tmp_path / "no_data", own_run, restart=restart)


def test_a_finished_run_is_returned_to_who_asks_for_it_again(tiny, own_run, tmp_path, diffkeras):
    # as a process leaves it that is killed just after the end
    (own_run / "checkpoints" / "000002-0000000000").mkdir(parents=True)
    (own_run / "checkpoints" / "000002-0000000000" / "state.json").touch()
    before = files_below(own_run)
    config = tmp_path / "tiny.yaml"
    config.write_text(tiny.to_yaml())
    result = diffkeras("train", "--config", config, "--data-dir", "none", "--run-dir", own_run)
    assert result.exit_code == 0
    assert result.stdout.split() == [str(own_run)]
    assert result.stderr.count("\n") == 1
    assert "holds this run, finished; --overwrite trains it again" in result.stderr
    before.pop("checkpoints/000002-0000000000/state.json")
    assert files_below(own_run) == before


def test_the_seeds_of_the_weights_and_of_the_order_are_two(tiny, data_dir, tmp_path):
    def start_of(**seeds: int) -> tuple[bytes, bytes]:
        """The first weights and the first batch of a run."""
        config = tiny.with_overrides({f"training.{name}": seed for name, seed in seeds.items()})
        session = session_at_start(lambda: train(config, data_dir, tmp_path / "run"))
        x, _ = next(iter(session.batches.training(0, 0)))
        return session.model.get_weights()[0].tobytes(), x.numpy().tobytes()

    weights, batch = start_of(seed=1)
    other_weights, same_batch = start_of(seed=2, order_seed=1)
    assert (other_weights != weights, same_batch == batch) == (True, True)
    same_weights, other_batch = start_of(seed=1, order_seed=2)
    assert (same_weights == weights, other_batch != batch) == (True, True)


def test_a_signal_after_the_last_epoch_is_seen_once_the_run_is_finished(
    tiny, data_dir, tmp_path, monkeypatch
):
    def hit(session: TrainingSession) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        write_results(session)

    write_results = loop.write_results
    monkeypatch.setattr(loop, "write_results", hit)
    config = tiny.with_overrides({"data.sources": "1", "training.epochs": 1})
    with pytest.raises(KeyboardInterrupt):
        train(config, data_dir, tmp_path / "run")
    assert Run.open(tmp_path / "run").state()["state"] == "finished"
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("kind", "text", "error", "message"),
    [
        (ResourceExhaustedError, "OOM when allocating", OutOfMemoryError, "4 examples of 16×16 n"),
        (ResourceExhaustedError, os.strerror(errno.ENOSPC), OutputError, "No space left"),
        (ResourceExhaustedError, os.strerror(errno.EDQUOT), OutputError, "quota"),
        (OutOfRangeError, os.strerror(errno.EFBIG), OutputError, "too large"),
        (OutOfRangeError, "End of sequence", OutOfRangeError, "End of sequence"),
    ],
)
def test_a_full_disk_is_not_taken_for_a_lack_of_memory(
    kind, text, error, message, tiny, data_dir, tmp_path, monkeypatch
):
    def fail(session: TrainingSession) -> None:
        raise kind(None, None, f"logs/a.v2; {text}")

    monkeypatch.setattr(loop, "run_epochs", fail)
    with pytest.raises(error, match=message):
        train(tiny, data_dir, tmp_path / "run")
