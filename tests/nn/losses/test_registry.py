import pytest

from diffkeras.nn import get_loss
from diffkeras.nn.losses import (
    AbsoluteError,
    AlternatingLoss,
    ExponentialWeight,
    HuberError,
    SquaredError,
    get_weight,
)


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ("absolute", AbsoluteError),
        ("mae", AbsoluteError),
        ("squared", SquaredError),
        ({"error": "mse"}, SquaredError),
    ],
)
def test_names_and_aliases(config, kind):
    assert type(get_loss(config)) is kind


def test_parameters_and_weight():
    config = {
        "error": "huber",
        "delta": 0.1,
        "weight": {"name": "exponential", "scale": 0.5},
        "weight_from": "prediction",
        "normalize_weight": True,
    }
    kept = {**config, "weight": dict(config["weight"])}
    loss = get_loss(config)
    assert isinstance(loss, HuberError)
    assert loss.delta == 0.1
    assert isinstance(loss.weight, ExponentialWeight)
    assert loss.weight.scale == 0.5
    assert (loss.weight_from, loss.normalize_weight) == ("prediction", True)
    assert config == kept, "a configuration is not changed by its use"


def test_alternating_from_nested_configurations():
    config = {
        "error": "alternating",
        "first": "mae",
        "second": {"error": "huber", "delta": 0.02, "weight": {"name": "step", "amplitude": 9}},
        "schedule": "random",
        "every": 5,
        "seed": 3,
        "reduction": "sum",
    }
    loss = get_loss(config)
    assert isinstance(loss, AlternatingLoss)
    assert isinstance(loss.first, AbsoluteError)
    assert isinstance(loss.second, HuberError)
    assert (loss.second.delta, loss.second.weight.amplitude) == (0.02, 9)
    assert (loss.schedule, loss.every, loss.seed, loss.reduction) == ("random", 5, 3, "sum")
    # studies compare the arguments of two losses
    assert get_loss(config).first.get_config() == loss.first.get_config()


def test_no_weight():
    assert get_weight(None) is None


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("cubed", "no error is named 'cubed'; choose one of absolute, squared, power, huber"),
        ({"delta": 1}, r"error is missing next to \['delta'\]; choose one of absolute"),
        (
            {"error": "mae", "weight": {"a": {"b": 1}}},
            r"weight.name is missing next to \['a'\]; choo",
        ),
        ("huber", "error 'huber' needs a value for delta"),
        ({"error": "mae", "delta": 1}, "error 'mae' has no parameter 'delta'; it takes weight"),
        ({"error": "mae", "weight": "heavy"}, "no weight is named 'heavy'; choose one of uniform"),
        (
            {"error": "mae", "weight": {"name": "step", "scale": 1}},
            "weight 'step' has no parameter 'scale'; it takes amplitude",
        ),
        (
            {"error": "mae", "weight": {"name": "uniform", "scale": 1}},
            "weight 'uniform' has no parameter 'scale'; it takes none",
        ),
        (
            {"error": "mae", "weight": 5},
            "weight must be a name or a mapping, got 5",
        ),
        (7, "error must be a name or a mapping, got 7"),
        ("alternating", "error 'alternating' needs a value for first, second"),
        (
            {"error": "alternating", "first": "huber", "second": "mae"},
            "first: error 'huber' needs a value for delta",
        ),
        (
            {"error": "alternating", "first": "mae", "second": 3},
            "second: error must be a name or a mapping, got 3",
        ),
        (
            {"error": "alternating", "first": "mae", "second": "mse", "often": True},
            "error 'alternating' has no parameter 'often'; it takes first, second, schedule, every",
        ),
        (
            {"error": "mae", "weight": {"name": "alternating", "first": "tanh", "second": "tanh"}},
            "weights do not alternate, losses do: .*error: alternating",
        ),
    ],
)
def test_bad_configurations(config, message):
    with pytest.raises(ValueError, match=message):
        get_loss(config)
