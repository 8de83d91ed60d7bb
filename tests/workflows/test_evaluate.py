import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from tables import read_csv

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.errors import DataError, OutputError
from diffkeras.evaluation.methods import METHODS
from diffkeras.representation.regions import REGIONS, region_mask
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.workflows import evaluate, generate


@pytest.fixture(scope="module")
def truth(tiny: Config, data_dir: Path) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Source images and fields of the test split, by source count."""
    stored = {n: list(raw_dataset(tiny, n, "test", data_dir).as_numpy_iterator()) for n in (1, 2)}
    return {
        n: tuple(
            np.stack([e[name][..., 0] for e in examples]) for name in ("source_image", "field")
        )
        for n, examples in stored.items()
    }


def test_figures_are_those_of_the_test_split(evaluation: Any, run_dir: Path, truth: Any) -> None:
    surrogate = load_surrogate(run_dir)
    found = evaluation.metrics["surrogate"]
    errors, masks = [], []
    for count, (images, fields) in truth.items():
        error = np.abs(surrogate.predict(images).field.astype(np.float64) - fields)
        assert found[str(count)]["images"] == 5
        assert found[str(count)]["mae"] == pytest.approx(error.mean(), rel=1e-5)
        assert found[str(count)]["max_error"] == pytest.approx(error.max(), rel=1e-5)
        errors.append(error)
        masks.append({name: region_mask(name, fields, images) for name in REGIONS})
    error = np.concatenate(errors)
    for name in REGIONS:
        mask = np.concatenate([mask[name] for mask in masks])
        key = "mae" if name == "lattice" else f"mae_{name}"
        assert found["all"][key] == pytest.approx(error[mask].mean(), rel=1e-5), name
    each = np.sort(error.mean((1, 2)))
    quantiles = found["all"]["quantiles"]["mae"]
    assert quantiles == pytest.approx(
        {"50%": each[4], "90%": each[8], "99%": each[9], "100%": each[9]}, rel=1e-5
    )


def test_the_zero_field_misses_all_there_is(evaluation: Any, truth: Any) -> None:
    found = evaluation.metrics["zero field"]
    for count, (_, fields) in truth.items():
        assert found[str(count)]["mae"] == pytest.approx(np.abs(fields).mean(), rel=1e-6)
        assert found[str(count)]["relative_l2"] == pytest.approx(1)
        assert found[str(count)]["max_error"] == pytest.approx(1)


def test_superposition_is_exact_for_one_source_and_not_for_two(evaluation: Any) -> None:
    found = evaluation.metrics["superposition"]
    assert found["1"]["max_error"] < 1e-6
    assert found["2"]["max_error"] > 1e-3
    assert found["2"]["mae_sources"] < 1e-6
    assert found["2"]["mae"] < evaluation.metrics["zero field"]["2"]["mae"]


def test_the_files_are_complete(evaluation: Any) -> None:
    names = {file.name for file in evaluation.path.iterdir()}
    assert names == {"metrics.json", "examples.csv", "figures", "report.html"}
    stored = json.loads((evaluation.path / "metrics.json").read_text())
    assert stored["test_examples"] == 10
    assert set(stored["methods"]) == set(METHODS)
    for method in METHODS:
        assert set(stored["methods"][method]) == {"all", "1", "2"}


def test_the_table_has_a_row_a_method_and_image(evaluation: Any) -> None:
    rows = read_csv(evaluation.path / "examples.csv")
    keys = [(row["method"], row["sources"], row["example"]) for row in rows]
    assert keys == [(m, n, str(k)) for m in METHODS for n in ("1", "2") for k in range(5)]
    for method in METHODS:
        errors = [float(row["mae"]) for row in rows if row["method"] == method]
        assert np.mean(errors) == pytest.approx(evaluation.metrics[method]["all"]["mae"], abs=1e-12)


def test_the_report_needs_no_other_file(evaluation: Any) -> None:
    html = (evaluation.path / "report.html").read_text()
    sources = re.findall(r"<(?:img|script|iframe|link)[^>]*?(?:src|href)=[\"']([^\"']*)", html)
    assert len(sources) >= 6
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "url(" not in html
    assert "@import" not in html
    for part in ("superposition", "zero field", "distance", "orst", "edian", "50%", "99%"):
        assert part in html, part
    assert "{{" not in html
    assert "nan" not in re.sub(r"base64,[^\"']*", "", html).lower().split()


def test_the_figures_are_pictures(evaluation: Any) -> None:
    figures = {file.stem: imread(file) for file in (evaluation.path / "figures").iterdir()}
    assert set(figures) >= {
        "error_per_count",
        "distribution",
        "predicted_against_true",
        "radial_profile",
        "worst_cases",
        "median_cases",
    }
    for name, pixels in figures.items():
        assert min(pixels.shape[:2]) > 200, name
        assert pixels[..., :3].std() > 0.01, name


def test_the_printed_table_names_methods_and_regions(evaluation: Any) -> None:
    lines = evaluation.table.to_text().splitlines()
    assert len(lines) == 2 + len(METHODS)
    for word in ("lattice MAE", "R1", "R2", "R3", "relative L2", "maximum error"):
        assert word in lines[0]


def test_other_source_counts_need_their_test_split_alone(
    tiny: Config, run_dir: Path, own_data: Path, tmp_path: Path
) -> None:
    other = tiny.with_overrides({"data.sources": "3"})
    generate(other.with_overrides({"data.train_examples": 1}), own_data)
    found = evaluate(run_dir, own_data, config=other, output=tmp_path / "out")
    assert set(found.metrics["surrogate"]) == {"all", "3"}


def test_fewer_test_examples(tiny: Config, run_dir: Path, data_dir: Path, tmp_path: Path) -> None:
    few = tiny.with_overrides({"data.test_examples": 1, "data.sources": "1"})
    found = evaluate(run_dir, data_dir, config=few, output=tmp_path / "out")
    assert found.metrics["surrogate"]["all"]["images"] == 1


def test_other_physics_than_the_runs_are_refused(
    tiny: Config, run_dir: Path, data_dir: Path, tmp_path: Path
) -> None:
    other = tiny.with_overrides({"physics.decay": 0.2})
    with pytest.raises(DataError, match=r"other physics.*decay 0.05 there, 0.2 here"):
        evaluate(run_dir, data_dir, config=other, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_results_never_replace_other_files(own_run: Path, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    for place in (tmp_path / "mine", own_run, own_run / "model.keras", Path("/proc/diffkeras")):
        with pytest.raises(OutputError, match=r"choose another|can't be written"):
            evaluate(own_run, data_dir, output=place)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "x"
    load_surrogate(own_run)


def test_evaluating_again_replaces_the_results(own_run: Path, data_dir: Path) -> None:
    (own_run / "evaluation").mkdir()
    (own_run / "evaluation" / "metrics.json").write_text("{}")
    found = evaluate(own_run, data_dir)
    assert found.path == own_run / "evaluation"
    assert json.loads((found.path / "metrics.json").read_text())["test_examples"] == 10


def test_a_run_that_may_have_been_trained_on_test_images_is_refused(
    own_run: Path, data_dir: Path
) -> None:
    file = own_run / "run.json"
    state = json.loads(file.read_text())
    assert state.pop("dataset_versions") == {"1": "2.0.0", "2": "2.0.0"}
    file.write_text(json.dumps(state))
    with pytest.raises(DataError, match=r"did not hold out test images of 1 source"):
        evaluate(own_run, data_dir)
