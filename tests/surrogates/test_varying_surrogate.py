"""A surrogate of several diffusion lengths: trained, saved and judged."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from lean_runs import quick_figures

import diffkeras as dk
from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.representation.network_input import network_input
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.workflows import evaluate, generate, train

RANGE = (1.0, 20.0)


@pytest.fixture(scope="module")
def varying(tiny: Config) -> Config:
    return tiny.with_overrides(
        {
            "physics.decay": 1 / 400,
            "data.diffusion_length": list(RANGE),
            "data.sources": "1,3",
            "data.radius": 1,
            "data.test_examples": 12,
        }
    )


@pytest.fixture(scope="module")
def varying_dir(varying: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("varying")
    generate(varying, path)
    return path


@pytest.fixture(scope="module")
def varying_run(
    varying: Config, varying_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return train(varying, varying_dir, tmp_path_factory.mktemp("runs") / "varying").path


@pytest.fixture(scope="module")
def found(varying_run: Path, varying_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with quick_figures():
        return evaluate(
            varying_run, varying_dir, output=tmp_path_factory.mktemp("out") / "evaluation"
        )


@pytest.fixture(scope="module")
def stored(varying: Config, varying_dir: Path) -> tuple[np.ndarray, ...]:
    """Source images, fields and diffusion lengths of the test split, for three sources."""
    examples = list(raw_dataset(varying, 3, "test", varying_dir).as_numpy_iterator())
    images, fields = (
        np.stack([e[name][..., 0] for e in examples]) for name in ("source_image", "field")
    )
    return images, fields, np.array([e["diffusion_length"] for e in examples])


def problems(surrogate: Surrogate, images: np.ndarray, lengths: np.ndarray) -> dk.Problem:
    pairs = zip(images, map(float, lengths), strict=True)
    return dk.Problem.batch([surrogate.problem(x, diffusion_length=n) for x, n in pairs])


def test_predictions_are_those_of_the_network_on_both_channels(varying_run: Path, stored: Any):
    images, _, lengths = stored
    surrogate = load_surrogate(varying_run)
    assert surrogate.model.input_shape == (None, None, None, 2)
    x = network_input(images[..., None], surrogate.transform, lengths, RANGE)
    expected = surrogate.transform.inverse(surrogate.model.predict(x, verbose=0)[..., 0])
    problem = problems(surrogate, images, lengths)
    for size in (None, 5):
        predicted = surrogate.predict(problem, batch_size=size).field
        np.testing.assert_allclose(predicted, expected, atol=1e-6)
    one = surrogate.predict(images[1], diffusion_length=float(lengths[1])).field
    np.testing.assert_allclose(one, expected[1], atol=1e-6)
    alike = surrogate.predict(images, diffusion_length=5.0).field
    assert np.abs(alike - predicted).max() > 1e-4


def test_a_padded_network_takes_the_channel_too(varying: Config) -> None:
    config = varying.with_overrides(
        {"physics.lattice": [18, 13], "model.depth": 2, "model.pad": True}
    )
    surrogate = Surrogate(build_model(config), config)
    fields = surrogate.predict(np.ones((2, 18, 13)), diffusion_length=3.0).field
    assert fields.shape == (2, 18, 13)


def test_the_saved_model_takes_lengths_and_checks_them(varying_run: Path, stored: Any) -> None:
    images, _, lengths = stored
    loaded = tf.saved_model.load(str(varying_run / "saved_model"))
    served, stack = loaded.signatures["serving_default"], tf.constant(images[..., None])
    fields = loaded.serve(stack, lengths)[..., 0]
    surrogate = load_surrogate(varying_run)
    predicted = surrogate.predict(problems(surrogate, images, lengths)).field
    np.testing.assert_allclose(fields, predicted, rtol=0, atol=1e-5)
    one = loaded.serve(stack, lengths[:1])[..., 0]  # one for all
    np.testing.assert_allclose(one[0], fields[0], rtol=0, atol=1e-5)
    for length in (0.5, 21.0, float("nan")):
        wrong = np.full_like(lengths, length)
        with pytest.raises(tf.errors.InvalidArgumentError, match="must lie within 1 to 20, not"):
            loaded.serve(stack, wrong)
        with pytest.raises(tf.errors.InvalidArgumentError, match="must lie within 1 to 20, not"):
            served(source_images=stack, diffusion_length=tf.constant(wrong))
    for function in (loaded.serve, loaded.certified):
        with pytest.raises(tf.errors.InvalidArgumentError, match="one for each source image"):
            function(stack, np.concatenate([lengths, lengths]))
    alike = loaded.certified(stack, lengths[:1])  # one for all
    each = loaded.certified(stack, np.full_like(lengths, lengths[0]))
    np.testing.assert_allclose(alike["error_bound"], each["error_bound"], rtol=1e-3)
    contract = json.loads((varying_run / "saved_model" / "diffkeras.json").read_text())
    assert contract["physics"]["diffusion_length"] == list(RANGE)
    assert "decay" not in contract["physics"]
    assert "diffusion_length, float32 (batch,)" in contract["input"]


def test_each_baseline_and_bound_is_of_the_examples_medium(found: Any, varying: Config) -> None:
    # superposition is exact for one source in its own medium, and in no other
    assert found.metrics["superposition"]["1"]["max_error"] < 1e-6
    assert found.metrics["superposition"]["3"]["max_error"] > 1e-3
    bounds = json.loads((found.path / "metrics.json").read_text())["bounds"]["all"]
    for kind in ("prediction", "corrected"):
        bound, error = (bounds[f"{kind}_{what}"]["max"] for what in ("bound", "max_error"))
        assert error <= bound + 1e-6
    # the bound is attained, which that of another medium isn't
    assert bounds["corrected_max_error"]["max"] == pytest.approx(
        bounds["corrected_bound"]["max"], rel=1e-3
    )


def test_errors_against_the_diffusion_length(found: Any, stored: Any) -> None:
    with (found.path / "examples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found.metrics) * 24
    assert list(rows[0])[:4] == ["method", "sources", "example", "diffusion_length"]
    for method in found.metrics:
        written = [
            float(row["diffusion_length"])
            for row in rows
            if row["method"] == method and row["sources"] == "3"
        ]
        np.testing.assert_array_equal(np.float32(written), stored[2])
    assert (found.path / "figures" / "error_per_length.png").is_file()
    html = (found.path / "report.html").read_text()
    assert "against the diffusion length" in html
    assert "diffusion lengths of 1 to 20" in html


@pytest.mark.usefixtures("quick_figures")
def test_a_part_of_the_range_may_be_evaluated_and_nothing_else(
    varying: Config, varying_run: Path, varying_dir: Path, run_dir: Path, tmp_path: Path
) -> None:
    part = varying.with_overrides(
        {"data.diffusion_length": [2, 3], "data.sources": "1", "data.test_examples": 2}
    )
    generate(part.with_overrides({"data.train_examples": 1}), tmp_path)
    result = evaluate(varying_run, tmp_path, config=part, output=tmp_path / "out")
    assert result.metrics["surrogate"]["all"]["images"] == 2
    for run, other in (
        (varying_run, {"data.diffusion_length": [2, 21]}),
        (varying_run, {"data.diffusion_length": None}),
    ):
        with pytest.raises(DataError, match=r"data\.diffusion_length 1\.0,20\.0 there"):
            evaluate(run, varying_dir, config=varying.with_overrides(other), output=tmp_path / "o")
    fixed = load_surrogate(run_dir).config.with_overrides({"physics.decay": 1 / 400})
    with pytest.raises(DataError, match="other physics"):
        evaluate(run_dir, varying_dir, config=fixed, output=tmp_path / "o")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.diffusion_length": [5, 3]}, r"data\.diffusion_length: a range .* has to ascend"),
        ({"data.diffusion_length": [0, 5]}, r"data\.diffusion_length"),
        ({"data.diffusion_length": [1, 2e4]}, r"diffusion_length: 20000 is 2e\+04 lattice steps"),
        ({"physics.decay": 0.1}, r"diffusion_length: .* physics\.decay 0\.1 would have no effect"),
    ],
)
def test_ranges_that_cant_be_used(varying: Config, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        varying.with_overrides(changes)
