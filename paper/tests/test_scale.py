"""The runs on several lattices: equal nodes, resumable, growing."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from paper import scale
from paper.scale import ScaleRun, Trainer, main, training_pairs


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(scale, "RECORDS", (1, 2, 4))
    monkeypatch.setattr(scale, "TEST_PATCHES", 4)
    scale.test_images.cache_clear()


@pytest.mark.parametrize("patches", scale.SIZES)
def test_sizes_and_batches_have_equal_nodes_on_all_lattices(patches):
    runs = [ScaleRun(lattice, patches, 1) for lattice in scale.SOURCES]
    assert len({run.examples * run.lattice**2 for run in runs}) == 1
    assert len({run.batch * run.lattice**2 for run in runs}) == 1


def test_a_smaller_size_is_the_beginning_of_a_draw_and_draws_differ():
    few, many, other = (training_pairs(128, *of) for of in ((1, 3), (1, 4), (2, 4)))
    for first, second, third in zip(few, many, other, strict=True):
        np.testing.assert_array_equal(first, second[:3])
        assert not (second == third).all()
    assert many[1].max(axis=(1, 2, 3)) == pytest.approx(1)


def test_no_statistics_of_batches_enter_a_step():
    """They would make it depend on how many images share its nodes."""
    trainer = Trainer(ScaleRun(64, 4, 1, width=2, step_patches=4))
    kept = [v for v in trainer.model.non_trainable_variables if "moving" in v.path]
    before = [variable.numpy() for variable in kept]
    weights = trainer.model.get_weights()
    trainer.advance(training_pairs(64, 1, 4), 1)
    assert len(kept) == 2
    for variable, value in zip(kept, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert any((a != b).any() for a, b in zip(trainer.model.get_weights(), weights, strict=True))


def test_records_do_not_change_the_order_of_the_examples():
    pairs, run = training_pairs(64, 1, 8), ScaleRun(64, 8, 1, width=2, step_patches=4)
    at_once, with_records = Trainer(run), Trainer(run)
    at_once.advance(pairs, 3)
    with_records.advance(pairs, 1)
    with_records.advance(pairs, 3)
    for one, other in zip(at_once.variables, with_records.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)


def call(folder, *options: str) -> pd.DataFrame:
    words = ["--lattice", "64", "--patches", "4,8", "--width", "2", "--seeds", "1"]
    words += ["--step-patches", "4"]
    words += ["--output", str(folder / "rows.csv"), "--runs-dir", str(folder), *options]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(folder / "rows.csv", dtype=dict.fromkeys(scale.OF_SOURCES, "str"))
    return rows.drop(columns="step_cpu_seconds")


def test_more_steps_and_sizes_train_what_is_new_and_give_the_same(tmp_path):
    (tmp_path / "whole").mkdir()
    whole = call(tmp_path / "whole", "--steps", "4")
    assert len(whole) == 1 + 2 * 3 * 2  # zeros; sizes, steps, kinds of weights
    call(tmp_path, "--steps", "2", "--patches", "4")
    before = (tmp_path / "rows.csv").read_text().splitlines()
    grown = call(tmp_path, "--steps", "4")
    assert set(before) <= set((tmp_path / "rows.csv").read_text().splitlines())
    pd.testing.assert_frame_equal(grown, whole, rtol=1e-3)
    zeros = whole[whole["weights"] == scale.ZEROS]
    assert zeros["relative_mae"].to_numpy() == pytest.approx([1])


def test_networks_of_other_sources_are_tested_on_the_papers_too(tmp_path):
    rows = call(tmp_path, "--steps", "1", "--patches", "4", "--sources", "3").fillna({"tested": ""})
    tested = {name: group.set_index("weights") for name, group in rows.groupby("tested")}
    assert set(tested) == {"", "3"}
    for group in tested.values():
        assert set(group.index) == {scale.ZEROS, scale.TRAINED, scale.AVERAGED}
        assert group["relative_mae"][scale.ZEROS] == pytest.approx(1)
    assert tested[""]["mae"][scale.ZEROS] < tested["3"]["mae"][scale.ZEROS]


def test_two_calls_add_to_the_same_rows(tmp_path):
    first, second = (scale.Records(tmp_path / "rows.csv") for _ in range(2))
    for records, lattice in ((first, 64), (second, 128), (first, 256)):
        scale.record_zeros(lattice, "", "test", records)
    first.add(first.rows()[:1])  # as if both had begun it
    assert [row["lattice"] for row in second.rows()] == [64, 128, 256]
