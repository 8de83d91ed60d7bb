"""The prediction for 512² from smaller lattices, on rows whose law is known."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from paper.prediction import (
    LAST_STEP,
    PER_STEP,
    RATE,
    all_rows,
    lattice_is_a_proxy,
    leaving,
    main,
    outcome,
    predict,
    rows_of,
    sampling_shortens_training,
)
from paper.verdicts.claims import sampled
from paper.verdicts.verdict import HOLDS, NOT, UNDERPOWERED


def rows(law, noise: float = 0.02, lattices=(64, 128, 256), seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    places = [(n, p, s) for n in lattices for p in (1280, 5120, 20480) for s in (1, 2, 3)]
    table = pd.DataFrame(places, columns=["lattice", "patches", "seed"])
    errors = [law(n) * p**-0.1 * np.exp(rng.normal(scale=noise)) for n, p, _ in places]
    fixed = {
        "split": "test",
        "weights": "averaged",
        "width": 8,
        "rate": 1e-3,
        "step_patches": 64,
        "step": LAST_STEP,
    }
    return table.assign(**fixed, relative_mae=errors, relative_mae_se=0.0, sources="", tested="")


def read(table: pd.DataFrame, folder) -> pd.DataFrame:
    table.to_csv(folder / "rows.csv", index=False)
    return rows_of(folder / "rows.csv")


@pytest.mark.parametrize("model", ["density", "side", "last"])
def test_the_interval_contains_what_each_model_says(model, tmp_path):
    laws = {
        "density": lambda n: 0.1 * PER_STEP[n] ** -0.5,
        "side": lambda n: 0.001 * n**0.7,
        "last": lambda n: 0.03 if n < 256 else 0.1,
    }
    prediction = predict(read(rows(laws[model], 0.005), tmp_path))
    there = read(rows(laws[model], 0.005, (512,)), tmp_path)
    found = outcome(there, prediction)
    assert all(inside for _, inside in found.values())
    if model == "density":
        values = [prediction["relative_mae"][str(size)]["predicted"] for size in found]
        assert values == pytest.approx([value for value, _ in found.values()], rel=0.03)
    wrong = outcome(there.assign(ln_error=there["ln_error"] + 3), prediction)
    assert not any(inside for _, inside in wrong.values())


def test_runs_leave_the_plateau_at_a_step(tmp_path):
    late = rows(lambda n: 1.2 if n < 128 else 2.5)  # times p^−0.1: 0.44 and 0.93
    early = late.assign(step=250, relative_mae=1.0)
    found = leaving(read(pd.concat([late, early]), tmp_path))
    assert found.endswith(
        "64² 2,000, 2,000, 2,000; 128² >2,000, >2,000, >2,000; 256² >2,000, >2,000, >2,000"
    )


def test_other_densities_and_rates_are_no_part_of_the_design(tmp_path):
    dense = rows(lambda n: 0.1, lattices=(256,)).assign(sources="16", tested="16")
    elsewhere = dense.assign(tested="")
    slow = rows(lambda n: 0.1).assign(rate=1e-4)
    table = pd.concat([dense, elsewhere, rows(lambda n: 0.1), slow])
    table.to_csv(tmp_path / "rows.csv", index=False)
    for rate in (RATE, 1e-4):
        found = rows_of(tmp_path / "rows.csv", rate)
        assert len(found) == 27
        assert set(found["rate"]) == {rate}
    assert len(all_rows(tmp_path / "rows.csv")) == 9 + 9 + 27 + 27


def test_a_prediction_comes_before_the_runs(tmp_path):
    words = ["--rows", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "p.json")]
    read(rows(lambda n: 0.1), tmp_path)
    assert CliRunner().invoke(main, words).exit_code == 0
    read(rows(lambda n: 0.1, lattices=(64, 128, 256, 512)), tmp_path)
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "a prediction comes before" in result.output


@pytest.mark.parametrize(
    ("law", "noise", "verdict"),
    [
        (lambda n: 0.1, 0.004, HOLDS),
        (lambda n: 0.1 * n / 64, 0.02, NOT),
        (lambda n: 0.1, 0.3, UNDERPOWERED),
    ],
)
def test_a_small_lattice_is_a_proxy_if_errors_are_equal(law, noise, verdict, tmp_path):
    found = read(rows(law, noise, lattices=(64, 128, 256, 512)), tmp_path)
    assert lattice_is_a_proxy(found).outcome == verdict


@pytest.mark.parametrize(
    ("dense", "noise", "verdict"),
    [(0.03, 0.1, HOLDS), (0.1, 0.01, NOT), (0.2, 0.1, NOT), (0.08, 0.3, UNDERPOWERED)],
)
def test_other_sources_in_training_may_lower_the_error(dense, noise, verdict, tmp_path):
    papers = rows(lambda n: 0.1, noise, (512,))
    other = rows(lambda n: dense, noise, (512,), seed=1)
    elsewhere = other.assign(sources="64", tested="64", relative_mae=1e-3)
    table = pd.concat([papers, other.assign(sources="64"), elsewhere])
    table.to_csv(tmp_path / "rows.csv", index=False)
    [(label, found)] = sampled(tmp_path / "rows.csv").items()
    assert label == "512², rate 0.001"
    assert sampling_shortens_training(found).outcome == verdict
