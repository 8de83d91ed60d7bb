"""A second stage of training, in which examples join that the first stage chooses."""

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stopped_training import stop_at

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.errors import ConfigurationError, DataError, RunError
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.training.hard_examples import choose, joined_numbers
from diffkeras.training.session import TrainingSession
from diffkeras.workflows import train, train_run

HARD = {"number": 2, "choice": "hardest", "epochs": 2}


@pytest.fixture(scope="module")
def half(tiny: Config) -> Config:
    """The first stage, of 6 of 12 examples per source count."""
    return tiny.with_overrides(
        {
            "data.train_fraction": 0.5,
            "training.epochs": 1,
            "training.schedule": "cosine",
            "training.deterministic": True,
            "training.checkpoint_minutes": 1e-6,
        }
    )


@pytest.fixture(scope="module")
def config(half: Config) -> Config:
    return half.with_overrides({"training.hard_examples": HARD})


@pytest.fixture(scope="module")
def stage(half: Config, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished first stage; never write to it."""
    return train(half, data_dir, tmp_path_factory.mktemp("runs") / "stage").path


@pytest.fixture(scope="module")
def errors(tiny: Config, data_dir: Path, stage: Path) -> dict[int, np.ndarray]:
    """Source count → error of the first stage on each of the 12 training examples."""
    surrogate = load_surrogate(stage)
    return {
        count: np.array(
            [
                np.abs(
                    surrogate.predict(e["source_image"][..., 0]).field - e["field"][..., 0]
                ).mean()
                for e in raw_dataset(tiny, count, "train", data_dir).as_numpy_iterator()
            ]
        )
        for count in (1, 2)
    }


@pytest.mark.parametrize(
    ("fraction", "part", "left"),
    [(0.5, 0, range(6, 12)), (0.5, 1, range(6)), (0.25, 1, [*range(3), *range(6, 12)])],
)
def test_those_with_the_largest_errors_are_chosen(
    config: Config,
    data_dir: Path,
    stage: Path,
    errors: dict[int, np.ndarray],
    fraction: float,
    part: int,
    left: Any,
) -> None:
    part_of = {"data.train_fraction": fraction, "data.train_part": part}
    chosen = choose(config.with_overrides(part_of), load_surrogate(stage), data_dir)
    assert [*chosen] == [1, 2]
    for count, examples in chosen.items():
        ranked = sorted(left, key=lambda k: -errors[count][k])
        assert examples.numbers == ranked[:2]
        np.testing.assert_allclose(examples.errors, errors[count][ranked[:2]], rtol=1e-5)
        assert examples.left == len(left)
        assert examples.mean_error == pytest.approx(errors[count][list(left)].mean(), rel=1e-5)
    assert chosen[1].numbers != chosen[2].numbers or part


def test_random_ones_follow_from_the_seed_of_the_order(
    config: Config, data_dir: Path, stage: Path, errors: dict[int, np.ndarray]
) -> None:
    surrogate = load_surrogate(stage)
    random = {"training.hard_examples.choice": "random", "training.hard_examples.number": 3}

    def numbers(**seeds: int) -> dict[int, list[int]]:
        settings = {f"training.{name}": seed for name, seed in seeds.items()}
        chosen = choose(config.with_overrides({**random, **settings}), surrogate, data_dir)
        for count, examples in chosen.items():
            assert len(set(examples.numbers)) == 3
            assert set(examples.numbers) <= set(range(6, 12))
            found = errors[count][examples.numbers]
            np.testing.assert_allclose(examples.errors, found, rtol=1e-5)
            assert examples.errors == sorted(examples.errors, reverse=True)
        return {count: sorted(examples.numbers) for count, examples in chosen.items()}

    assert numbers(seed=1) == numbers(seed=2, order_seed=1)
    drawn = [numbers(order_seed=seed) for seed in range(3)]
    assert len({str(one) for one in drawn}) > 1
    assert any(one[1] != one[2] for one in drawn)


class Started(Exception):
    """Training would begin now."""


@pytest.mark.parametrize("cache", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_second_stage_begins_at_the_best_model_with_all_examples(
    config: Config,
    data_dir: Path,
    tmp_path: Path,
    stage: Path,
    errors: dict[int, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    cache: bool,
) -> None:
    begun: list[TrainingSession] = []

    def start(session: TrainingSession) -> None:
        begun.append(session)
        raise Started

    monkeypatch.setattr(train_run, "run_epochs", start)
    cached = config.with_overrides({"data.cache": cache})
    with pytest.raises(Started):
        train(cached, data_dir, tmp_path / "run", first_stage=stage)
    [session] = begun
    for weight, best in zip(
        session.model.get_weights(), load_surrogate(stage).model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(weight, best)
    assert (session.epochs, session.steps, session.steps_done) == (2, 4, 0)
    assert int(session.model.optimizer.iterations.numpy()) == 0
    schedule = session.model.optimizer._learning_rate
    assert float(schedule(7)) > 1e-4
    assert float(schedule(8)) < 1e-9

    batches = itertools.islice(session.batches.training(0, 0), 4)
    read = [x.tobytes() for xs, _ in batches for x in xs.numpy()]
    wanted = []
    for count in (1, 2):
        hardest = sorted(range(6, 12), key=lambda k: -errors[count][k])[:2]
        stored = raw_dataset(config, count, "train", data_dir, numbers=range(12))
        images = [e["source_image"] for e in stored.as_numpy_iterator()]
        forward = config.model.get_transform().forward
        wanted += [forward(images[k]).tobytes() for k in [*range(6), *hardest]]
    assert sorted(read) == sorted(wanted)


@pytest.fixture(scope="module")
def finished(config: Config, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that trained its first stage itself; never write to it."""
    return train(config, data_dir, tmp_path_factory.mktemp("runs") / "run").path


def test_a_run_trains_its_first_stage_itself(
    config: Config, half: Config, finished: Path, stage: Path
) -> None:
    own = Run.open(finished.with_name("run-first_stage"))
    assert own.config() == half
    for one, other in zip(
        *(load_surrogate(path).model.get_weights() for path in (own.path, stage)), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    run = Run.open(finished)
    assert run.config() == config
    assert [row["epoch"] for row in run.history()] == [1, 2]
    assert run.state()["epochs"] == 2


def test_what_was_chosen_is_in_the_run_directory(
    config: Config, finished: Path, errors: dict[int, np.ndarray]
) -> None:
    content = json.loads((finished / "hard_examples.json").read_text())
    assert content["choice"] == "hardest"
    for count in (1, 2):
        own = content["examples"][str(count)]
        assert own["numbers"] == sorted(range(6, 12), key=lambda k: -errors[count][k])[:2]
        assert own["errors"] == sorted(own["errors"], reverse=True)
        assert min(own["errors"]) > own["mean_error"]
        joined = joined_numbers(finished / "hard_examples.json", config)[count]
        assert joined == sorted([*range(6), *own["numbers"]])


def assert_equal_histories(one: Path, other: Path) -> None:
    for first, second in zip(Run(one).history(), Run(other).history(), strict=True):
        for name in first.keys() - {"seconds"}:
            assert first[name] == pytest.approx(second[name], rel=1e-5), name


@pytest.mark.slow
def test_a_stopped_second_stage_continues_with_what_was_chosen(
    config: Config, data_dir: Path, finished: Path, stage: Path, tmp_path: Path
) -> None:
    own_stage = Path(shutil.copytree(stage, tmp_path / "stage"))
    run = tmp_path / "run"
    stop_at(6, lambda: train(config, data_dir, run, first_stage=own_stage))
    chosen = (run / "hard_examples.json").read_bytes()
    shutil.rmtree(own_stage)
    train(config, data_dir, run)
    assert not run.with_name("run-first_stage").exists()
    assert (run / "hard_examples.json").read_bytes() == chosen
    assert_equal_histories(run, finished)


@pytest.mark.slow
def test_a_stopped_first_stage_continues_too(
    config: Config, data_dir: Path, finished: Path, tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    stop_at(2, lambda: train(config, data_dir, run))
    assert Run(run).state()["state"] == "failed"
    train(config, data_dir, run)
    assert "resuming at epoch 1, step 1 of 3" in log.messages
    assert_equal_histories(run, finished)
    assert_equal_histories(run.with_name("run-first_stage"), finished.with_name("run-first_stage"))


def test_a_finished_first_stage_is_not_trained_again(
    config: Config, data_dir: Path, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copytree(stage, tmp_path / "run-first_stage"))
    before = (own / "model.keras").stat().st_mtime_ns

    def start(session: TrainingSession) -> None:
        assert session.run.path == tmp_path / "run"
        raise Started

    monkeypatch.setattr(train_run, "run_epochs", start)
    with pytest.raises(Started):
        train(config, data_dir, tmp_path / "run")
    assert (own / "model.keras").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.width": 4}, r"can't be the first stage.*: model\.width 2 there, 4 here"),
        ({"training.early_stopping": 1}, r"first stage.*: training\.early_stopping None there, 1"),
        ({"training.hard_examples": None}, r"training\.hard_examples: it is null"),
    ],
)
def test_a_first_stage_of_another_run_is_refused(
    config: Config,
    data_dir: Path,
    stage: Path,
    tmp_path: Path,
    changes: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises((RunError, ConfigurationError), match=message):
        train(config.with_overrides(changes), data_dir, tmp_path / "run", first_stage=stage)
    assert not (tmp_path / "run").exists()


def test_a_first_stage_on_another_split_is_refused(
    config: Config, data_dir: Path, stage: Path, tmp_path: Path
) -> None:
    old = Path(shutil.copytree(stage, tmp_path / "old"))
    state = json.loads((old / "run.json").read_text())
    (old / "run.json").write_text(json.dumps(state | {"dataset_versions": {"1": "2.0.0"}}))
    with pytest.raises(DataError, match=r"version 2\.0\.0 .*`diffkeras train`.*--overwrite$"):
        train(config, data_dir, tmp_path / "run", first_stage=old)
    assert not (tmp_path / "run").exists()


def test_a_first_stage_that_is_missing_or_not_finished_is_refused(
    config: Config, half: Config, data_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="there is no run directory"):
        train(config, data_dir, tmp_path / "run", first_stage=tmp_path / "missing")
    Run.begin(tmp_path / "begun", half)
    with pytest.raises(RunError, match="not finished"):
        train(config, data_dir, tmp_path / "run", first_stage=tmp_path / "begun")
    assert not (tmp_path / "run").exists()


def test_several_processes_are_refused(
    config: Config, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = {"cluster": {"worker": ["localhost:12345", "localhost:12346"]}}
    task = {"task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps({**cluster, **task}))
    with pytest.raises(ConfigurationError, match="hard examples runs in one process"):
        train(config, data_dir, tmp_path / "run")


@pytest.mark.parametrize("content", ["{}", "[]", '{"examples": {"1": 3}}', "short", "long"])
def test_a_damaged_choice_is_refused(
    config: Config, finished: Path, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "hard_examples.json"
    known = json.loads((finished / "hard_examples.json").read_text())
    if content in ("short", "long"):
        known["examples"]["2"]["numbers"] = [7] if content == "short" else [7, 8, 9]
        content = json.dumps(known)
    file.write_text(content)
    with pytest.raises(RunError, match=r"hard_examples\.json is damaged"):
        joined_numbers(file, config)
