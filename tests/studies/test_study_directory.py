import pytest

from diffkeras.errors import OutputError
from diffkeras.studies.cost import budget_in_words, budget_of
from diffkeras.studies.plan import Study, name_of
from diffkeras.studies.study_directory import FailedRun, failures, write_failed


@pytest.mark.parametrize("content", [b"\xff\xfe", b"run,error\n" + b"x" * 200_000, b"a,b\n1,2\n"])
def test_a_damaged_list_of_failed_runs_is_ignored(tmp_path, content):
    (tmp_path / "failed.csv").write_bytes(content)
    assert failures(tmp_path, []) == {}


def test_a_list_of_failed_runs_of_the_user_stays(tmp_path):
    (tmp_path / "failed.csv").write_text("theirs")
    for failed in ([], [FailedRun("run", "0", "no memory")]):
        with pytest.raises(OutputError, match=r"failed\.csv is no file of an earlier result"):
            write_failed(tmp_path, failed)
    assert (tmp_path / "failed.csv").read_text() == "theirs"


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


@pytest.mark.parametrize(
    ("steps_per_epoch", "words"),
    [
        (None, ", after equal epochs, so the largest training set also has 5 times the steps"),
        (7, ", after equal steps"),
    ],
)
def test_the_training_time_of_each_size_is_named(tiny, steps_per_epoch, words):
    settings = {"training.steps_per_epoch": steps_per_epoch, "training.batch_size": 4}
    base = tiny.with_overrides(settings)
    factors = {"data.train_examples": [16, 40, 80], "training.loss": ["absolute", "squared"]}
    study = Study("sizes", "Sizes", base, factors, {"test": base})
    assert budget_of(study, "data.train_examples") == words
    assert budget_of(study, "training.loss") == ""
    assert name_of("data.train_examples") == "training examples per source count"
