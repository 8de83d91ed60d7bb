import numpy as np
from synthetic_study import FRACTION, synthetic_study

from diffkeras.evaluation.errors import ERRORS
from diffkeras.studies.analyses.errors import ANALYSIS


def test_means_and_ranges_are_over_seeds() -> None:
    data = synthetic_study(fractions=(0.05, 1.0))
    table = ANALYSIS.table(data)
    assert len(table) == 2 * 3 * len(ERRORS)
    runs = data.overall[
        (data.overall[FRACTION] == "0.05") & (data.overall["training.loss"] == "squared")
    ]
    row = table[
        (table[FRACTION] == "0.05")
        & (table["training.loss"] == "squared")
        & (table["error"] == "mae_r1")
    ].iloc[0]
    assert row["runs"] == 3
    assert row["training_examples"] == 60
    np.testing.assert_allclose(
        row[["mean", "min", "max"]].tolist(),
        [runs["mae_r1"].mean(), runs["mae_r1"].min(), runs["mae_r1"].max()],
    )


def test_the_smallest_mean_of_each_error_and_test_set_is_the_best() -> None:
    data = synthetic_study(
        fractions=(1.0,), test_sets={"uniform": 1.0, "edge": 0.5}, noise=0, images=3
    )
    table = ANALYSIS.table(data)
    best = table[table["best"]]
    assert len(best) == 2 * len(ERRORS)
    mean_errors = best[best["error"].isin(["mae", "mae_sources", "mae_field", "mae_r1"])]
    assert set(mean_errors["training.loss"]) == {"absolute"}


def test_a_study_of_seeds_alone_has_one_row_an_error() -> None:
    data = synthetic_study(fractions=(1.0,), losses={"absolute": 1.0}, images=2)
    table = ANALYSIS.table(data)
    assert len(table) == len(ERRORS)
    assert table["runs"].tolist() == [3] * len(ERRORS)
    labels = [text.get_text() for text in ANALYSIS.draw(table, data).axes[0].get_yticklabels()]
    assert labels == ["surrogate"]


def test_sizes_are_on_the_x_axis_and_regions_have_panels() -> None:
    data = synthetic_study(images=2)
    table = ANALYSIS.table(data)
    figure = ANALYSIS.draw(table, data)
    assert len(figure.axes) == 6
    line = next(line for line in figure.axes[3].lines if line.get_label() == "squared")
    wanted = table[(table["error"] == "mae_r1") & (table["training.loss"] == "squared")]
    assert list(line.get_xdata()) == [15, 60, 150, 300, 600, 1200]
    np.testing.assert_allclose(np.asarray(line.get_ydata()), wanted["mean"])
    assert figure.axes[3].get_title().startswith("R1")
    assert figure.get_supxlabel().startswith("Below the axes: 2 rounds")
    assert [text.get_text() for text in figure.axes[0].texts] == ["superposition", "zero field"]


def test_settings_without_an_order_have_a_row_each() -> None:
    losses = {"absolute": 1.0, "squared": 20.0}
    data = synthetic_study(fractions=(1.0,), losses=losses, images=2)
    axis = ANALYSIS.draw(ANALYSIS.table(data), data).axes[0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["absolute", "squared"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first is on top"
    assert [text.get_text() for text in axis.texts] == ["superposition", "zero field"]
