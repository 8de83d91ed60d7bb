"""Models of other programs and files of predictions are judged like surrogates."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import Result

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.errors import ConfigurationError, RunError
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.workflows import evaluate_foreign

pytestmark = pytest.mark.usefixtures("quick_figures")


@pytest.fixture(scope="module")
def quick(tiny: Config) -> Config:
    return tiny.with_overrides({"evaluation.baselines": ["zero_field"], "evaluation.bounds": 2})


@pytest.fixture(scope="module")
def predicted(tiny: Config, run_dir: Path, data_dir: Path) -> dict[str, np.ndarray]:
    """The fields of the tiny run, as another program would write them."""
    surrogate = load_surrogate(run_dir)
    found = {}
    for count in tiny.data.sources:
        examples = raw_dataset(tiny, count, "test", data_dir).as_numpy_iterator()
        images = np.stack([example["source_image"][..., 0] for example in examples])
        found[f"sources_{count:02d}"] = surrogate.predict(images).field
    return found


@pytest.fixture(scope="module")
def half_model() -> keras.Model:
    """A Keras model that predicts half of the source image."""
    image = keras.Input((None, None, 1))
    return keras.Model(image, keras.layers.Rescaling(0.5)(image))


def test_predictions_have_the_errors_of_the_surrogate_that_made_them(
    quick: Config,
    predicted: dict[str, np.ndarray],
    data_dir: Path,
    evaluation: Any,
    tmp_path: Path,
    diffkeras: Callable[..., Result],
) -> None:
    (tmp_path / "quick.yaml").write_text(quick.to_yaml())
    np.savez(tmp_path / "mine.npz", **predicted)
    words = ["--config", tmp_path / "quick.yaml", "--data-dir", data_dir]
    words += ["--predictions", tmp_path / "mine.npz", "--output", tmp_path / "out"]
    result = diffkeras("evaluate", *words)
    assert result.exit_code == 0, result.output
    stored = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert stored["run"] is None
    assert stored["methods"]["surrogate"]["all"]["milliseconds"] is None
    assert stored["methods"]["zero field"]["all"]["milliseconds"] >= 0
    bounds = stored["bounds"]["all"]
    assert bounds["prediction_bound"]["max"] >= bounds["prediction_max_error"]["max"] > 0
    for count, expected in evaluation.metrics["surrogate"].items():
        found = stored["methods"]["surrogate"][count]
        for name in ("mae", "mae_r1", "max_error", "relative_l2"):
            assert found[name] == pytest.approx(expected[name], rel=1e-4)
    html = (tmp_path / "out" / "report.html").read_text()
    assert f"Evaluation of the predictions in {tmp_path / 'mine.npz'}" in html
    for claim in ("neither for training", "learning_rate", "trained network"):
        assert claim not in html


def test_a_saved_model_has_the_errors_of_the_run_that_wrote_it(
    quick: Config, run_dir: Path, data_dir: Path, evaluation: Any, tmp_path: Path
) -> None:
    found = evaluate_foreign(quick, data_dir, tmp_path / "out", model=run_dir / "saved_model")
    mae, expected = (e.metrics["surrogate"]["2"]["mae"] for e in (found, evaluation))
    assert mae == pytest.approx(expected, rel=1e-4)
    assert found.metrics["surrogate"]["all"]["milliseconds"] > 0


def test_a_keras_model_is_scored(
    quick: Config, half_model: keras.Model, data_dir: Path, tmp_path: Path
) -> None:
    half_model.save(tmp_path / "half.keras")
    found = evaluate_foreign(quick, data_dir, tmp_path / "out", model=tmp_path / "half.keras")
    # the largest source value is 1
    assert found.metrics["surrogate"]["all"]["max_error_sources"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.pop("sources_02"), "holds no array sources_02"),
        (lambda p: p.update(sources_01=p["sources_01"][1:]), r"\(4, 16, 16\).*not \(5, 16, 16\)"),
        (lambda p: p["sources_02"].fill(np.nan), "not finite"),
        (
            lambda p: p.update(sources_02=1e300 * p["sources_02"].astype(float)),
            "not finite in sing",
        ),
        (lambda p: p.update(sources_01=p["sources_01"].astype(str)), "type <U"),
    ],
    ids=["missing", "fewer", "NaN", "large", "text"],
)
def test_other_predictions_are_refused(
    quick: Config,
    predicted: dict[str, np.ndarray],
    data_dir: Path,
    tmp_path: Path,
    change: Callable[[dict[str, np.ndarray]], object],
    message: str,
) -> None:
    changed = {name: fields.copy() for name, fields in predicted.items()}
    change(changed)
    np.savez(tmp_path / "mine.npz", **changed)
    with pytest.raises(RunError, match=message):
        evaluate_foreign(quick, data_dir, tmp_path / "out", predictions=tmp_path / "mine.npz")
    assert not (tmp_path / "out").exists()


def test_other_files_and_models_are_refused(
    quick: Config, half_model: keras.Model, data_dir: Path, tmp_path: Path
) -> None:
    def refused(message: str, **given: Path) -> None:
        with pytest.raises(RunError, match=message):
            evaluate_foreign(quick, data_dir, tmp_path / "out", **given)

    (tmp_path / "text.npz").write_text("no archive")
    refused("can't be read: it is no .npz file", predictions=tmp_path / "text.npz")
    refused("is no .keras file", model=(tmp_path / "text.npz").rename(tmp_path / "text.keras"))
    refused("unknown kind", predictions=tmp_path / "fields.csv")
    (tmp_path / "empty").mkdir()
    refused("is no SavedModel", model=tmp_path / "empty")
    image = keras.Input((None, None, 1))
    code = keras.Model(image, keras.layers.Lambda(lambda x: 2 * x)(image))
    code.save(tmp_path / "code.keras")
    refused("can't be loaded: it contains Python code", model=tmp_path / "code.keras")
    two = keras.Model(image, [image, keras.layers.Rescaling(0.5)(image)])
    two.export(tmp_path / "two", verbose=False)
    refused("it must take source images and return fields", model=tmp_path / "two")
    tf.saved_model.save(tf.Module(), tmp_path / "none")
    refused("no signature serving_default", model=tmp_path / "none")
    small = keras.Model(image, keras.layers.AveragePooling2D(2)(image))
    small.save(tmp_path / "small.keras")
    refused(r"shape \(4, 8, 8, 1\)", model=tmp_path / "small.keras")
    two.save(tmp_path / "two.keras")
    refused("1 inputs and 2 outputs", model=tmp_path / "two.keras")
    with pytest.raises(ConfigurationError, match="either a model or predictions"):
        evaluate_foreign(quick, data_dir, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((2, 16, 16, 1), tf.float32, r"takes batches of exactly 2 image\(s\); export it for"),
        ((None, 16, 16), tf.float32, r"takes arrays of shape \(any, 16, 16\)"),
        ((None, 32, 32, 1), tf.float32, r"of shape \(any, 32, 32, 1\); .*\(any, 16, 16, 1\)"),
        ((None, None, None, 2), tf.float32, r"of shape \(any, any, any, 2\)"),
        ((None, 16, 16, 1), tf.float64, "takes numbers of type float64"),
    ],
    ids=["batch", "rank", "lattice", "channels", "type"],
)
def test_signatures_for_other_images_are_refused_in_one_line(
    quick: Config,
    data_dir: Path,
    tmp_path: Path,
    shape: tuple[int | None, ...],
    dtype: tf.DType,
    message: str,
) -> None:
    model = tf.Module()
    model.call = tf.function(lambda x: x, input_signature=[tf.TensorSpec(shape, dtype)])
    tf.saved_model.save(model, tmp_path / "odd", signatures=model.call)
    with pytest.raises(RunError, match=message):
        evaluate_foreign(quick, data_dir, tmp_path / "out", model=tmp_path / "odd")


def test_the_command_says_what_it_needs(
    refused: Callable[..., str], tmp_path: Path, run_dir: Path
) -> None:
    file = tmp_path / "mine.npz"
    file.write_text("")
    needs = "need --config or --test-set, and --output"
    assert needs in refused("evaluate", "--predictions", file)
    assert "exclude each other" in refused("evaluate", run_dir, "--predictions", file)
