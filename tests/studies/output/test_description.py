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
