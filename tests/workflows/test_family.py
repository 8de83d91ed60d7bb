"""A family through the commands: its dataset, its reduced basis, and a stream of its maps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import diffkeras as dk
from diffkeras.config import Config, parse_config
from diffkeras.data import raw_dataset
from diffkeras.data.reading.examples import problem_of_examples
from diffkeras.data.storage import dataset_path
from diffkeras.errors import ConfigurationError, DataError, ExportError, PhysicsError, RunError
from diffkeras.physics import maps_of
from diffkeras.physics.families.reduced_basis.barrier_arrays import FORMAT
from diffkeras.surrogates.family_barriers import read_barriers
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.workflows import evaluate, export, generate, preview, train, verify
from tests.helpers.export_tools import INSTALLED
from tests.helpers.generation_tools import dataset_hash
from tests.helpers.lean_runs import lean_training, quick_figures
from tests.helpers.stopped_training import stop_at

NAMES = ("values[vessels]", "uptake.maximum[cells_1]", "uptake.constant", "decay")
SIZES = {"train": 60, "validation": 4, "test": 6}
CONFIG = {
    "name": "tiny_family",
    "physics": {"lattice": 16, "boundary": "reflecting"},
    "data": {
        "family": {
            "random": {"vessels": 2, "vessel_radius": 2, "cells": 8},
            "parts": {
                "values[vessels]": [0.5, 1],
                "uptake.maximum[cells_1]": [0.005, 0.05],
                "uptake.constant": [0.05, 0.5],
                "decay": [5e-4, 5e-3],
            },
        },
        **{f"{split}_examples": number for split, number in SIZES.items()},
    },
    "model": {"architecture": "reduced_basis", "regression": "kernel", "modes": 12},
    "training": {"batch_size": 20, "epochs": 1, "optimizer": "adam", "warmup": 0},
    "evaluation": {"batch_size": 4, "bounds": 2, "cases": 1},
}
NETWORK = {
    "model.regression": "network",
    "model.width": 16,
    "model.depth": 2,
    "training.epochs": 3,
    "training.schedule": "constant",
}
ON_MAPS = {
    "model": {"architecture": "encoder_decoder", "width": 2, "depth": 1, "fixed_values": True}
}


@pytest.fixture(scope="module")
def config():
    return parse_config(CONFIG)


@pytest.fixture(scope="module")
def family_data(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("family")
    generate(config, path)
    return path


@pytest.fixture(scope="module")
def family_run(config, family_data, tmp_path_factory):
    with lean_training():
        return train(config, family_data, tmp_path_factory.mktemp("runs") / "kernel").path


@pytest.fixture(scope="module")
def surrogate(family_run):
    return load_surrogate(family_run)


def examples_of(config: Config, split: Any, data_dir: Path) -> list[dict[str, Any]]:
    return list(raw_dataset(config, 1, split, data_dir).as_numpy_iterator())


def test_records_hold_parameters_and_field_and_all_else_follows(config, family_data):
    recipe = config.kind.recipe(1)
    stored = tfds.builder_from_directory(str(dataset_path(config, 1, family_data)))
    assert {*stored.info.features} == {"parameters", "field"}
    assert stored.info.supervised_keys == ("parameters", "field")
    for k, example in enumerate(examples_of(config, "test", family_data)):
        own = recipe.example("test", k)
        np.testing.assert_array_equal(example["parameters"], own.parameters)
        np.testing.assert_array_equal(example["field"][..., 0], own.field)
        wanted = {**maps_of(own.problem, config.kind.maps), "source_image": own.source_image}
        for name, values in wanted.items():
            np.testing.assert_allclose(example[name][..., 0], values, rtol=1e-6, err_msg=name)
        problem = problem_of_examples(config, example)
        assert dk.certify(own.field.astype(float), problem).error_bound < 1e-6


def test_it_is_verified_and_what_is_lost_is_made_again(config, tmp_path, monkeypatch):
    few = {"data.train_examples": 12, "data.validation_examples": 2, "data.test_examples": 3}
    config = config.with_overrides(few)
    generate(config, tmp_path)
    before = dataset_hash(config, tmp_path, 1)
    file = next(dataset_path(config, 1, tmp_path).glob("*train*"))
    file.unlink()
    generate(config, tmp_path)
    assert dataset_hash(config, tmp_path, 1) == before
    assert verify(config, tmp_path, share=0.1) == []
    recipe = config.kind.recipe(1)
    monkeypatch.setattr(type(recipe), "point", lambda self, split, k: self.family.low.astype("f"))
    findings = verify(config, tmp_path, share=0.1)
    assert findings
    assert all("parameters differs" in finding for finding in findings)


def test_streams_have_the_same_validation(config, family_data, tmp_path):
    stream = parse_config({**config.model_dump(mode="json"), **ON_MAPS})
    stream = stream.with_overrides({"data.stream": True})
    stored = raw_dataset(config, 1, "validation", family_data)
    solved = raw_dataset(stream, 1, "validation", tmp_path)
    assert solved.element_spec == stored.element_spec
    for a, b in zip(stored.as_numpy_iterator(), solved.as_numpy_iterator(), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, a, b)


def test_a_fitted_kernel_predicts_proves_and_has_the_fixed_values(surrogate, log):
    family = surrogate.family
    assert family is not None
    assert family.names == NAMES
    point = family.draw(1, seed=5)[0].astype(np.float32).astype(float)
    problem = family.problem_at(point)
    exact = dk.solve(problem).field
    prediction = surrogate.predict(dict(zip(NAMES, point, strict=True)))
    assert np.abs(prediction.field - exact).max() < 0.02 * exact.max()
    assert prediction.error_bound >= np.abs(prediction.field - exact).max()
    np.testing.assert_allclose(prediction.field[problem.fixed], exact[problem.fixed], rtol=1e-6)
    np.testing.assert_array_equal(surrogate.predict(problem).field, prediction.field)
    for tolerance in (1e-1, 1e-4):
        proven = surrogate.predict(problem, tolerance=tolerance)
        assert np.abs(proven.field - exact).max() <= proven.error_bound <= tolerance * exact.max()
        assert not proven.solved  # the barriers of its family are enough
    points = family.draw(3, seed=6)
    batch = surrogate.predict(family.problem_at(points))
    assert batch.field.shape == (3, 16, 16)
    assert not log.records
    beyond = surrogate.predict(dict(zip(NAMES, 1.5 * family.high, strict=True)))
    assert "trained with values[vessels] from 0.5 to 1, and here it is out" in log.text
    assert beyond.error_bound < np.inf


def test_without_barriers_the_solver_proves_and_damaged_ones_are_refused(
    surrogate, family_run, tmp_path
):
    assert surrogate.family is not None
    file = tmp_path / "barriers.npz"
    assert read_barriers(file, surrogate.config) is None
    without = Surrogate(surrogate.model, surrogate.config)
    proven = without.predict(surrogate.family.problem, tolerance=1e-3)
    assert proven.solved
    assert proven.error_bound <= 1e-3 * proven.field.max()
    for content in (b"", (family_run / "model.keras").read_bytes()):
        file.write_bytes(content)
        with pytest.raises(RunError, match="is damaged"):
            read_barriers(file, surrogate.config)
    np.savez(file, typical=1.0)
    with pytest.raises(RunError, match=r"of an older version, .* --overwrite`, or remove"):
        read_barriers(file, surrogate.config)
    np.savez(file, format=FORMAT)
    with pytest.raises(RunError, match="has other arrays"):
        read_barriers(file, surrogate.config)


def test_problems_of_another_family_are_refused(surrogate):
    assert surrogate.family is not None
    problem = surrogate.family.problem
    other = dk.with_parts(problem, {"diffusivity": 2.0})
    with pytest.raises(PhysicsError, match=r"one family: .* another diffusivity than this family"):
        surrogate.predict(other)
    with pytest.raises(PhysicsError, match="this family has no parameter 'decoy'"):
        surrogate.predict({"decoy": 1.0})
    with pytest.raises(PhysicsError, match="no single medium"):
        surrogate.medium  # noqa: B018


def test_it_is_evaluated_with_a_picture_of_its_parameters(family_run, family_data, tmp_path):
    with quick_figures():
        found = evaluate(family_run, family_data, output=tmp_path / "evaluation")
    errors = found.metrics["surrogate"]["all"]
    assert errors["mae"] < 0.1 * found.metrics["zero field"]["all"]["mae"]
    assert (found.path / "figures" / "error_per_parameter.png").is_file()
    header = (found.path / "examples.csv").read_text().splitlines()[0]
    assert all(name in header for name in NAMES)
    report = (found.path / "report.html").read_text()
    assert "6 test problems of one family of 16×16 nodes, within its ranges" in report


def test_a_test_set_out_of_the_ranges_has_no_other_splits(config, family_run, tmp_path):
    beyond = config.with_overrides({"data.family.beyond": 0.2, "data.test_examples": 3})
    (path,) = generate(beyond, tmp_path)
    assert [
        info["name"] for info in json.loads((path / "dataset_info.json").read_text())["splits"]
    ] == ["test"]
    evaluate(family_run, tmp_path, config=beyond, output=tmp_path / "evaluation", report=False)
    with pytest.raises(ConfigurationError, match=r"data\.family\.beyond: .* choose 0"):
        train(beyond, tmp_path, tmp_path / "run")
    other = beyond.with_overrides({"data.family.random.seed": 1})
    with pytest.raises(DataError, match=r"data\.family: one there, another one here"):
        evaluate(family_run, tmp_path, config=other, output=tmp_path / "other", report=False)


@pytest.mark.parametrize("format", ["saved_model", pytest.param("onnx", marks=pytest.mark.slow)])
def test_exports_take_parameters(surrogate, family_run, format, tmp_path):
    if format not in INSTALLED:
        pytest.skip("needs the extra `export`")
    path = tmp_path / {"saved_model": "saved", "onnx": "model.onnx"}[format]
    made = export(family_run, format, path)
    assert made.difference < 1e-5
    if format == "saved_model":
        description = json.loads((path / "diffkeras.json").read_text())
        assert list(description["physics"]["parameters"]) == list(NAMES)
        assert description["functions"] == {"serve": ["parameters"]}
        assert surrogate.family is not None
        loaded = tf.saved_model.load(str(path))
        serve = loaded.serve
        assert serve(tf.constant(surrogate.family.high[None], tf.float32)).shape == (1, 16, 16, 1)
        with pytest.raises(tf.errors.InvalidArgumentError, match="must lie within"):
            serve(tf.constant(2 * surrogate.family.high[None], tf.float32))
    else:
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        assert session.get_inputs()[0].shape == ["batch", len(NAMES)]
        assert session.get_outputs()[0].shape == ["batch", 16, 16, 1]
    with pytest.raises(ExportError, match="the family of this surrogate has the lattice 16×16"):
        export(family_run, format, path, lattice=(32, 32))


def test_the_command_predicts_at_parameters(family_run, tmp_path, diffkeras, refused, surrogate):
    assert surrogate.family is not None
    point = dict(zip(NAMES, surrogate.family.low.tolist(), strict=True))
    options = [word for name, value in point.items() for word in ("--parameter", f"{name}={value}")]
    file = tmp_path / "field.npy"
    result = diffkeras("predict", family_run, *options, "-o", file, "--certify")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(np.load(file), surrogate.predict(point).field)
    assert "needs 'decay'" in refused("predict", family_run, *options[:-2], "-o", file)
    negative = ["--parameter", f"{NAMES[0]}=-3", *options[2:]]
    message = refused("predict", family_run, *negative, "-o", file)
    assert f"at the parameters {NAMES[0]} -3, " in message
    assert "choose ones within the ranges" in message
    solved = diffkeras("predict", family_run, *negative, "-o", file, "--tolerance", "1e-3")
    assert solved.exit_code == 0, solved.output
    for words, message in (
        (("--parameter", "decay"), "'decay' is not NAME=VALUE"),
        (("--parameter", "decay=fast"), "--parameter: decay: 'fast' is not a valid float"),
        ((*options[-2:], *options[-2:]), "decay occurs twice"),
        ((*options, "--decay", "0"), "leave out --decay"),
        ((), "Missing argument 'SOURCE_FILE'"),
    ):
        assert message in refused("predict", family_run, *words, "-o", file)
    assert "default has no parameters" in refused("predict", "default", *options, "-o", file)


@pytest.mark.usefixtures("quick_figures")
def test_the_preview_shows_fields_with_their_parameters(config, tmp_path):
    page = preview(config, tmp_path / "preview.html").read_text()
    assert "9 examples of one family" in page
    assert all(name in page for name in NAMES)


@pytest.mark.slow  # quick: the untrained network, and a kernel
def test_a_network_is_trained_and_goes_on_with_its_basis(config, family_data, tmp_path, family_run):
    network = config.with_overrides(NETWORK)
    with lean_training():
        whole = train(network, family_data, tmp_path / "whole")
        stop_at(4, lambda: train(network, family_data, tmp_path / "stopped"))
        resumed = train(network, family_data, tmp_path / "stopped")
    one, other = (load_surrogate(run.path).model for run in (whole, resumed))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    basis = load_surrogate(family_run).model.get_layer("basis").get_weights()
    np.testing.assert_array_equal(one.get_layer("basis").get_weights(), basis)
    losses = [row["loss"] for row in whole.history()]
    assert losses[-1] < losses[0]
