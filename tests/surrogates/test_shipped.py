"""The surrogates that come with diffkeras: found by name, and as good as their cards say."""

import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from diffkeras import train
from diffkeras.config import load_config
from diffkeras.data import generate
from diffkeras.errors import RunError
from diffkeras.identity import run_identity
from diffkeras.physics import solve
from diffkeras.surrogates.export import FORMATS, TOLERANCE, Trial, export_surrogate
from diffkeras.surrogates.run_directory import SHIPPED, Run
from diffkeras.surrogates.surrogate import load_surrogate
from tests.helpers.drawn_problems import drawn_problems
from tests.helpers.export_tools import needs_extra
from tests.helpers.lean_runs import eagerly
from tests.helpers.rounding import same_to_rounding

load_once = cache(load_surrogate)
NAMES = ("default", "production", "quickstart", "saturating_tissue", "tissue")
LARGEST_SIZE = 5_000_000  # bytes
SEED = 7  # neither the training's nor the cards'


def config_of(name: str) -> str:
    return name if name == "quickstart" else f"models/{name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_surrogate_is_small_and_trained_by_its_configuration(name):
    run = Run.open(Path(name))
    assert run.path == SHIPPED / name
    assert sum(file.stat().st_size for file in run.path.iterdir()) < LARGEST_SIZE
    assert run_identity(run.config()) == run_identity(load_config(config_of(name)))
    assert run.config().name == name
    assert len(run.history()) == run.state()["epochs"]
    card = (run.path / "card.md").read_text(encoding="utf-8")
    assert f"diffkeras train --config {config_of(name)}`" in card


@pytest.mark.parametrize("name", NAMES)
def test_errors_on_fresh_images_are_what_the_card_says(name):
    surrogate = load_once(name)
    card = json.loads((SHIPPED / name / "card.json").read_text(encoding="utf-8"))
    assert card["seed"] not in (SEED, surrogate.config.data.seed)
    for row in card["errors"]:
        assert row["bound_over_error"] >= row["least_bound_over_error"] >= 1 - 1e-9
    row = next(row for row in card["errors"] if (row["lattice"], row["sources"]) == (64, 5))
    config = surrogate.config.with_overrides({"physics.lattice": 64, "data.seed": SEED})
    examples = [*config.recipe(5).examples("test", range(5))]
    predictions = surrogate.predict_many([example.problem for example in examples])
    truth = np.array([e.field.astype(float) * (e.maximum or 1.0) for e in examples])
    error = np.abs(np.stack([prediction.field for prediction in predictions]) - truth)
    bounds = np.stack([prediction.node_bound for prediction in predictions])
    assert (error <= bounds + 1e-7).all()  # the true field is rounded to float32
    relative = error / truth.max(axis=(1, 2), keepdims=True)
    assert row["mae"] / 4 < relative.mean() < 4 * row["mae"]
    assert relative.max() < 2 * row["largest"]


@pytest.mark.parametrize("name", NAMES)
def test_single_images_of_several_lattices_work_in_one_process(name):
    """The second lattice relaxes the graph that was traced for the first."""
    surrogate = load_surrogate(name)  # with graphs of its own
    for side in (16, 32):
        config = surrogate.config.with_overrides({"physics.lattice": side, "data.radius": 2})
        problem = drawn_problems(config, 1, 1)[0]
        field = surrogate.predict(problem).field
        with eagerly():
            expected = surrogate.predict(problem).field
        np.testing.assert_allclose(field, expected, rtol=0, atol=2e-5 * expected.max())


@needs_extra
@pytest.mark.slow  # a minute each
@pytest.mark.parametrize("name", NAMES)
def test_exported_files_work_on_each_lattice_and_batch(name, tmp_path):
    surrogate = load_once(name)
    trials = [Trial.of(surrogate, lattice) for lattice in ((64, 64), (96, 80))]
    for format, chosen in FORMATS.items():
        export_surrogate(surrogate, format, tmp_path / chosen.file_name)
        run = chosen.load(tmp_path / chosen.file_name)
        for trial in trials:
            assert trial.difference(run) <= TOLERANCE


# in batches of five, for which the graphs of a test above are traced


@pytest.mark.parametrize("name", ["default", "production", "quickstart", "tissue"])
def test_an_image_without_sources_has_the_field_zero(name):
    surrogate = load_once(name)
    maps = {name: np.full((64, 64), 0.5) for name in surrogate.maps}
    assert (surrogate.fields(np.zeros((5, 64, 64)), **maps) == 0).all()


def test_only_what_is_not_proven_is_solved():
    """The network's field, the certificate's, or the solver's, by what the tolerance needs."""
    surrogate = load_once("tissue")
    image = np.zeros((64, 64))
    image[30:40, 30:40] = 1.0
    maps = {"diffusivity": np.full((64, 64), 0.7), "decay": np.full((64, 64), 0.01)}
    prediction = surrogate.predict(image, **maps)
    exact = solve(image, boundary="reflecting", **maps).field
    for share, kind in ((1.01, "prediction"), (0.9, "corrected field"), (1e-6, "solved field")):
        tolerance = share * prediction.error_bound
        found = surrogate.predict(image, tolerance=tolerance, **maps)
        assert same_to_rounding(found.field, prediction.field) == (kind == "prediction")
        assert found.kind == kind
        assert abs(found.field - exact).max() <= found.error_bound <= tolerance


@pytest.mark.slow
def test_its_configuration_trains_the_default_surrogate_again(tmp_path):
    config = load_config("models/default")
    generate(config, tmp_path / "data")
    again = load_surrogate(train(config, tmp_path / "data", tmp_path / "run").path)
    examples = [config.recipe(n).example("test", 0) for n in range(1, 6)]
    images, fields = (
        np.stack([getattr(e, n) for e in examples]) for n in ("source_image", "field")
    )
    errors = [
        abs(each.fields(images) - fields).mean() for each in (again, load_surrogate("default"))
    ]
    # other processors round the steps of training otherwise
    assert errors[0] == pytest.approx(errors[1], rel=0.5)


def test_a_directory_wins_over_a_name(tmp_path, monkeypatch):
    shutil.copytree(SHIPPED / "quickstart", tmp_path / "default")
    monkeypatch.chdir(tmp_path)
    assert load_surrogate("default").config.name == "quickstart"
    (tmp_path / "default" / "run.json").unlink()
    with pytest.raises(RunError, match="default holds no diffkeras run"):
        load_surrogate("default")


def test_an_unknown_name_lists_the_names():
    assert {path.name for path in SHIPPED.iterdir()} == set(NAMES)
    for name in ("defualt", "shipped_models/default", "../default"):
        with pytest.raises(RunError, match=f"no run directory {name}; .*: {', '.join(NAMES)}$"):
            load_surrogate(name)
    with pytest.raises(RunError, match=f"one of {', '.join(NAMES)}, not ''$"):
        load_surrogate("")
