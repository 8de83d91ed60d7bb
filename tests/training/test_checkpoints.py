import json
import logging
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from diffkeras import train
from diffkeras.errors import ConfigurationError, Interrupted, InUseError, RunError
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.system.file_lock import locked
from diffkeras.training import loop
from diffkeras.training.checkpoints import STATE, Checkpoints, position, read_state, write_state
from tests.helpers.new_process import NewProcess
from tests.helpers.refusals import files_below, flip_a_bit
from tests.helpers.stopped_training import hit_at, stop_at
from tests.helpers.tables import read_history

SCRIPT = Path(__file__).parents[1] / "helpers" / "training_process.py"

SETTINGS = {
    "training.epochs": 3,
    "training.deterministic": True,
    "training.ema": 0.9,
    "training.schedule": "cosine",
    "training.checkpoint_minutes": 1e-6,  # a checkpoint at every step
    "training.loss": {
        "error": "alternating",
        "first": "squared",
        "second": {"error": "huber", "delta": 0.02, "weight": "tanh"},
        "schedule": "random",
        "every": "batch",
    },
    "data.cache": True,
}


@pytest.fixture(scope="module")
def config(tiny):
    return tiny.with_overrides(SETTINGS)


@pytest.fixture(scope="module")
def train_in_process(config, data_dir, tmp_path_factory):
    """`train_in_process(run_dir, signal, step, point)` in a process of its own, which has ended."""
    place = tmp_path_factory.mktemp("config")
    file = place / "config.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")

    def run(run_dir: Path, *interruption: object) -> NewProcess:
        words = (file, data_dir, run_dir, *interruption)
        process = NewProcess(SCRIPT, *words, output=place / "output")
        process.wait()
        return process

    return run


@pytest.fixture(scope="module")
def uninterrupted(config, data_dir, tmp_path_factory):
    return train(config, data_dir, tmp_path_factory.mktemp("runs") / "uninterrupted").path


@pytest.fixture(scope="module")
def preempted(config, data_dir, train_in_process, tmp_path_factory):
    """A run that was killed in its first epoch, and stopped by SIGTERM in its third."""
    run_dir = tmp_path_factory.mktemp("runs") / "preempted"
    assert train_in_process(run_dir, "SIGKILL", 4).poll() == -9
    with pytest.MonkeyPatch.context() as patch:
        hit_at("step", 14, signal.SIGTERM, patch.setattr)
        with pytest.raises(Interrupted, match="stopped by SIGTERM at epoch 3, step 2") as caught:
            train(config, data_dir, run_dir)
    assert caught.value.exit_code == 143
    return run_dir


@pytest.fixture
def unfinished(preempted, tmp_path):
    """A copy that a test may damage."""
    return Path(shutil.copytree(preempted, tmp_path / "unfinished"))


def assert_equal_runs(one: Path, other: Path) -> None:
    first, second = (read_history(run) for run in (one, other))
    assert first.dtype.names == second.dtype.names
    assert first["epoch"].tolist() == second["epoch"].tolist() == [1, 2, 3]
    for name in set(first.dtype.names) - {"seconds"}:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-6, err_msg=name)
    weights = [load_surrogate(run).model.get_weights() for run in (one, other)]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    states = [json.loads((run / "run.json").read_text()) for run in (one, other)]
    assert states[0]["best_epoch"] == states[1]["best_epoch"]


@pytest.mark.slow
def test_a_stopped_run_on_a_stream_equals_one_that_was_not(config, tmp_path, log):
    stream = config.with_overrides(
        {
            "data.stream": True,
            "data.cache": False,
            "data.diffusion_length": [1, 20],
            "physics.decay": 1 / 400,
        }
    )
    train(stream, tmp_path / "no data", tmp_path / "uninterrupted")
    stop_at(9, lambda: train(stream, tmp_path / "no data", tmp_path / "stopped"))
    train(stream, tmp_path / "no data", tmp_path / "stopped")
    assert "resuming at epoch 2, step 2 of 6" in log.messages
    assert_equal_runs(tmp_path / "stopped", tmp_path / "uninterrupted")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "point", "step", "resumed_at"),
    [
        ("SIGKILL", "step", 1, None),  # before the first checkpoint
        ("SIGKILL", "step", 6, "epoch 1, step 5"),
        ("SIGKILL", "validation", 1, "epoch 1, step 5"),
        ("SIGTERM", "validation", 1, "epoch 2, step 0"),
        ("SIGKILL", "best", 2, "epoch 2, step 5"),
        ("SIGKILL", "checkpoint", 10, "epoch 2, step 2"),
        ("SIGINT", "step", 18, "epoch 4, step 0"),  # all epochs done, not yet written
    ],
)
def test_hit_at_any_point(train_in_process, uninterrupted, tmp_path, name, point, step, resumed_at):
    run_dir = tmp_path / "run"
    assert train_in_process(run_dir, name, step, point).poll() != 0
    finished = train_in_process(run_dir).succeed()
    assert (f"resuming at {resumed_at} of 6" in finished) == (resumed_at is not None)
    assert_equal_runs(run_dir, uninterrupted)


@pytest.mark.slow
def test_a_run_that_stopped_early_stays_stopped(tiny, data_dir, tmp_path, monkeypatch):
    rough = {"training.learning_rate": 0.05, "training.early_stopping": 1, "training.epochs": 30}
    config = tiny.with_overrides({**rough, "training.deterministic": True})

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "write_results", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(config, data_dir, tmp_path / "run")
    resumed = train(config, data_dir, tmp_path / "run").state()
    other = train(config, data_dir, tmp_path / "uninterrupted").state()
    assert resumed["epochs"] == other["epochs"] == other["best_epoch"] + 1 < 30
    assert resumed["best_epoch"] == other["best_epoch"]


@pytest.mark.parametrize(
    "name", ["weights.weights.h5", pytest.param("state.json", marks=pytest.mark.slow)]
)
def test_a_killed_stopped_and_damaged_run_equals_one_that_was_not(
    name, config, data_dir, unfinished, uninterrupted, log
):
    state = json.loads((unfinished / "run.json").read_text())
    assert state["state"] == "interrupted"
    assert state["reason"].startswith("stopped by SIGTERM at epoch 3, step 2")
    newest = max((unfinished / "checkpoints").glob("0*"))
    assert position(newest) == (2, 2)
    flip_a_bit(newest / name)
    train(config, data_dir, unfinished)
    [warning] = [
        record
        for record in log.records
        if record.levelno == logging.WARNING and record.name.startswith("diffkeras")
    ]
    assert str(newest) in warning.message
    assert "damaged" in warning.message
    assert "resuming at epoch 3, step 1 of 6" in log.messages
    assert not (unfinished / "checkpoints").exists()
    assert_equal_runs(unfinished, uninterrupted)


def test_a_damaged_best_model_is_not_kept(config, data_dir, unfinished, caplog):
    [best] = (unfinished / "checkpoints").glob("best-*")
    flip_a_bit(best)
    with pytest.raises(RunError, match=r"all checkpoints .* damaged; .* --restart or delete"):
        train(config, data_dir, unfinished)
    warnings = [r.message for r in caplog.records if r.name.startswith("diffkeras")]
    assert warnings
    assert all(f"{best.name} has another checksum" in message for message in warnings)
    assert not (unfinished / "weights.npz").exists()


def test_fewer_epochs_than_are_done_are_refused(config, data_dir, unfinished):
    constant = config.with_overrides({"training.schedule": "constant"})
    (unfinished / "config.yaml").write_text(constant.to_yaml(), encoding="utf-8")
    before = files_below(unfinished)
    with pytest.raises(ConfigurationError, match="epochs: 1, but 2 epochs are done already"):
        train(constant.with_overrides({"training.epochs": 1}), data_dir, unfinished)
    assert files_below(unfinished) == before


def test_files_of_the_user_among_the_checkpoints_stay(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    own = ["000001-0000000000/state.json", ".partial/state.json", "best-000001.weights.h5"]
    theirs = ["000001-0000000000/notes.txt", "best-mine.weights.h5", "2026/state.json"]
    for name in (*own, *theirs):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    checkpoints.remove()
    left = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {*theirs}


@pytest.mark.slow
def test_more_epochs_may_be_asked_for_under_a_constant_learning_rate(tiny, data_dir, tmp_path):
    stop_at(7, lambda: train(tiny, data_dir, tmp_path / "run"))
    longer = tiny.with_overrides({"training.epochs": 4})
    assert train(longer, data_dir, tmp_path / "run").state()["epochs"] == 4


def test_a_run_directory_in_use_is_refused(config, data_dir, unfinished):
    with (
        locked(unfinished.with_name(f".{unfinished.name}.lock"), "the run"),
        pytest.raises(InUseError, match=r"process \d+ on \S+, since"),
    ):
        train(config, data_dir, unfinished)


def test_an_epoch_that_is_shorter_with_other_replicas_is_finished(
    config, data_dir, unfinished, log
):
    checkpoints = Checkpoints(unfinished / "checkpoints")
    newest = checkpoints.places()[-1]
    assert position(newest) == (2, 2)
    state = read_state(newest / STATE)
    state.step = 7  # of more steps than an epoch has now
    write_state(newest / STATE, state)
    newest.rename(checkpoints.place(2, 7))
    run = train(config, data_dir, unfinished)
    assert "resuming at epoch 3, step 5 of 6" in log.messages
    assert run.state()["epochs"] == 3
