import pytest

from diffkeras.nn import get_loss
from diffkeras.nn.losses import (
    AbsoluteError,
    AlternatingWeight,
    ExponentialWeight,
    HuberError,
    SquaredError,
    StepWeight,
    UniformWeight,
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


def test_alternating_from_nested_configuration():
    weight = get_weight(
        {
            "name": "alternating",
            "first": "uniform",
            "second": {"name": "step", "amplitude": 9},
            "schedule": "toggle",
        }
    )
    assert isinstance(weight, AlternatingWeight)
    assert isinstance(weight.first, UniformWeight)
    assert isinstance(weight.second, StepWeight)
    assert weight.second.amplitude == 9


def test_no_weight():
    assert get_weight(None) is None


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("cubed", "no error is named 'cubed'; choose one of absolute, squared, power, huber"),
        ({"delta": 1}, "no error is named None; choose one of absolute"),
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
    ],
)
def test_bad_configurations(config, message):
    with pytest.raises(ValueError, match=message):
        get_loss(config)
