import dataclasses

import numpy as np
import pandas as pd
import pytest
from synthetic_study import synthetic_study

from diffkeras.studies.statistics.image_errors import common_seeds, image_errors
from diffkeras.studies.study_data import LOSS, SIZE, StudyData, TooFewRunsError


@pytest.fixture(scope="module")
def data() -> StudyData:
    return synthetic_study(fractions=[0.5, 1.0], images=4, sources=[2, 1, 3])


def test_errors_are_those_of_the_run_and_image(data: StudyData) -> None:
    assert data.examples is not None
    shuffled = dataclasses.replace(data, examples=data.examples.sample(frac=1, random_state=1))
    found = image_errors(shuffled, ["mae", "mae_r1"])
    np.testing.assert_array_equal(found.sources, np.repeat([1, 2, 3], 4))
    examples = data.examples.set_index(["run", "sources", "example"]).sort_index()
    for row, run in found.runs.iterrows():
        for count in (1, 2, 3):
            values = examples.loc[(run["run"], count)].sort_index()["mae_r1"]
            np.testing.assert_array_equal(
                found.values["mae_r1"][row, found.sources == count], values
            )


def test_test_sets_are_kept_apart() -> None:
    data = synthetic_study(fractions=[1.0], images=4, test_sets={"near": 1.0, "far": 3.0}, noise=0)
    near, far = (image_errors(data, ["mae"], name).values["mae"].mean() for name in ("near", "far"))
    assert far / near == pytest.approx(3)
    assert image_errors(data, ["mae"]).values["mae"].mean() == near


def test_runs_are_selected_by_their_settings(data: StudyData) -> None:
    found = image_errors(data, ["mae"])
    chosen = found.select({LOSS: "squared", SIZE: 720})
    rows = found.runs.loc[chosen.to_numpy()]
    assert list(chosen.index) == ["0", "1", "2"]
    assert set(rows[LOSS]) == {"squared"}
    assert set(rows[SIZE]) == {720}


def test_images_without_nodes_of_the_region_are_left_out(data: StudyData) -> None:
    found = image_errors(data, ["mae", "mae_r3"])
    kept = found.keep_defined("mae_r3")
    assert np.isnan(found.values["mae_r3"]).any()
    assert kept.values["mae_r3"].shape[1] == kept.sources.size == 11
    assert found.keep_defined("mae").sources.size == 12


def test_common_seeds_have_one_order() -> None:
    first, second = pd.Series([4, 5, 6], ["0", "1", "2"]), pd.Series([9, 7], ["2", "0"])
    one, other = common_seeds(first, second)
    np.testing.assert_array_equal(one, [4, 6])
    np.testing.assert_array_equal(other, [7, 9])


def test_both_seeds_tell_runs_apart() -> None:
    data = synthetic_study(fractions=[1.0], images=4, losses={"absolute": 1.0}, order_seeds=2)
    assert list(image_errors(data, ["mae"]).runs["seed"]) == [
        "0/0",
        "0/1",
        "1/0",
        "1/1",
        "2/0",
        "2/1",
    ]


def test_tables_without_images_and_few_images_are_refused(data: StudyData) -> None:
    with pytest.raises(TooFewRunsError, match="single images"):
        image_errors(dataclasses.replace(data, examples=None), ["mae"])
    few = synthetic_study(fractions=[1.0], images=3, sources=[1, 2, 3])
    with pytest.raises(TooFewRunsError, match=r"9 images.* 10"):
        image_errors(few, ["mae"])
