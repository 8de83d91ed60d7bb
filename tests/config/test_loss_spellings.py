import pytest

from diffkeras.config import (
    Config,
    parse_config,
)


def test_an_alternating_weight_of_an_earlier_version_is_an_alternating_loss(
    log: pytest.LogCaptureFixture,
) -> None:
    weight = {"name": "alternating", "first": "uniform", "second": {"name": "tanh", "rate": 2}}
    old = {"error": "huber", "delta": 0.1, "weight": weight, "reduction": "sum"}
    expected = {
        "error": "alternating",
        "first": {"error": "huber", "delta": 0.1, "weight": "uniform"},
        "second": {"error": "huber", "delta": 0.1, "weight": {"name": "tanh", "rate": 2}},
        "schedule": "random",
        "every": "batch",
        "reduction": "sum",
    }
    assert parse_config({"training": {"loss": old}}).training.loss == expected
    assert "training.loss: a weight can't alternate any more" in log.text
    old["weight"] = {**weight, "schedule": "toggle", "every": "epoch", "seed": 3}
    expected |= {"schedule": "toggle", "every": 1, "seed": 3}
    assert parse_config({"training": {"loss": old}}).training.loss == expected


def test_a_part_of_an_alternating_loss_is_set_by_its_key(tiny: Config) -> None:
    pair = {"error": "alternating", "first": "absolute", "second": "squared"}
    config = tiny.with_overrides({"training.loss": pair})
    config = config.with_overrides({"training.loss.second.weight": "tanh"})
    second = {"error": "squared", "weight": "tanh"}
    assert config.training.loss == {**pair, "second": second}
