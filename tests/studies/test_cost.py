"""What studies cost, before anything starts, and whether their runs train equally long."""

import dataclasses

import pytest

from diffkeras.errors import ConfigurationError
from diffkeras.studies import cost
from diffkeras.studies.cost import budget_in_words, cost_in_words, cost_of
from diffkeras.studies.plan import plan
from diffkeras.studies.study_file import load_study
from diffkeras.studies.study_run import check_batches
from diffkeras.system.tensorflow_setup import visible_gpus

PARAMETERS = 1000


@pytest.fixture
def small_networks(monkeypatch):
    monkeypatch.setattr(cost, "_parameters", lambda config: PARAMETERS)


@pytest.fixture
def study(study_file):
    return load_study(str(study_file))


def test_parameters_are_those_of_the_built_network(study, tmp_path):
    from diffkeras.surrogates.build import build_model

    runs = plan(study, tmp_path / "runs")
    model = build_model(runs[0].config)
    found = cost_of([(study, runs)])
    assert found.parameters == (sum(int(v.numpy().size) for v in model.trainable_variables),) * 2
    lengths = {"physics.decay": 1 / 400, "data.diffusion_length": [1, 9]}
    varying = dataclasses.replace(study, base=study.base.with_overrides(lengths))
    with_channel = cost_of([(varying, plan(varying, tmp_path / "runs"))])
    assert with_channel.parameters[0] > found.parameters[0], "the length is an input of its own"


@pytest.mark.usefixtures("small_networks")
def test_costs_add_up(study, tmp_path):
    runs = plan(study, tmp_path / "runs")
    found = cost_of([(study, runs)])
    images = sum(run.config.steps * run.config.training.batch_size for run in runs)
    tested = study.test.data
    tests = 4 * tested.test_examples * len(tested.sources)
    assert (found.runs, found.images, found.test_images) == (4, images, tests)
    assert found.run_bytes == 4 * 2 * 4 * PARAMETERS
    nodes = study.base.physics.lattice[0] * study.base.physics.lattice[1]
    assert found.data_bytes == round(1.02 * 4 * nodes * found.examples)
    assert f"{found.runs} runs of 1,000 parameters" in cost_in_words(found)[0]


@pytest.mark.usefixtures("small_networks")
def test_what_is_shared_counts_once_and_what_is_done_not_at_all(study, tmp_path):
    runs = plan(study, tmp_path / "runs")
    once, twice = cost_of([(study, runs)]), cost_of([(study, runs)] * 2)
    assert once == twice
    done = [dataclasses.replace(run, trained=True, evaluated=frozenset(run.tests)) for run in runs]
    nothing = cost_of([(study, done)])
    assert (nothing.runs, nothing.data_bytes, nothing.run_bytes) == (0, 0, 0)


def test_batches_that_do_not_fit_are_refused_before_any_work(study, tmp_path):
    base = study.base.with_overrides({"training.batch_size": 6})
    runs = plan(dataclasses.replace(study, base=base), tmp_path / "runs")
    message = r"training fraction 0.5, absolute: .*divided evenly among 4 replicas.*--jobs"
    with pytest.raises(ConfigurationError, match=message):
        check_batches(runs, 4)


@pytest.mark.parametrize(
    ("named", "found", "names"),
    [("", 3, ["0", "1", "2"]), ("4, 7", 2, ["4", "7"]), ("4,7", 0, []), ("", 0, [])],
)
def test_gpus_have_the_names_of_the_environment(monkeypatch, named, found, names):
    import tensorflow as tf

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind] * found)
    assert visible_gpus() == names


NEITHER = "Neither equal steps nor equal epochs: runs train for"
HALF = {"data.train_fraction": 0.5}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Equal steps: every run trains for 12 steps of 4 examples."),
        ({**HALF, "training.epochs": 4}, "Equal steps: every run trains for 12 steps of 4"),
        (HALF, "Equal epochs: every run trains for 2 epochs, which are 6 to 12"),
        ({"training.epochs": 3}, f"{NEITHER} 12 to 18 steps"),
        ({"training.steps_per_epoch": 3}, f"{NEITHER} 6 to 12 steps"),
        ({"training.batch_size": 8}, "Equal epochs: every run trains for 2 epochs, which are 6"),
    ],
)
def test_the_budget_says_what_is_equal(tiny, changed, words):
    assert budget_in_words([tiny, tiny.with_overrides(changed)]).startswith(words)
