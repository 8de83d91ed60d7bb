import pytest

from diffkeras.config import Config
from diffkeras.studies.output.description import budget_in_words


def changed(config: Config, **values: float) -> Config:
    keys = {"steps": "training.steps_per_epoch", "epochs": "training.epochs"}
    keys |= {"fraction": "data.train_fraction", "batch": "training.batch_size"}
    return config.with_overrides({keys[name]: value for name, value in values.items()})


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([{}], "Equal steps: every run trains for 12 steps of 4 examples."),
        ([{"steps": 3, "epochs": 4}], "Equal steps: every run trains for 12 steps of 4"),
        ([{"fraction": 0.5, "epochs": 4}], "Equal steps: every run trains for 12 steps of 4"),
        ([{"fraction": 0.5}], "Equal epochs: every run trains for 2 epochs, which are 6 to 12"),
        ([{"epochs": 3}], "Neither equal steps nor equal epochs: runs train for 12 to 18 steps"),
        ([{"steps": 3}], "Neither equal steps nor equal epochs: runs train for 6 to 12 steps"),
        ([{"batch": 8}], "Equal epochs: every run trains for 2 epochs, which are 6 to 12 steps of "
         "4 to 8 examples."),
    ],
)  # fmt: skip
def test_what_is_equal_is_said(tiny: Config, others: list[dict[str, float]], words: str) -> None:
    found = budget_in_words([tiny, *(changed(tiny, **values) for values in others)])
    assert found.startswith(words)


def test_both_stages_of_a_run_with_hard_examples_count(tiny: Config) -> None:
    hard = {"number": 2, "choice": "hardest", "epochs": 1}
    two_stages = tiny.with_overrides(
        {"training.steps_per_epoch": 6, "training.hard_examples": hard, "data.train_fraction": 0.5}
    )
    found = budget_in_words([changed(tiny, epochs=3), two_stages])
    assert found == "Equal steps: every run trains for 18 steps of 4 examples."
