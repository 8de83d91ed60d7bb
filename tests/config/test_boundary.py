"""`physics.boundary`: spellings of sides with a value or a flux, and what is refused."""

import math
from typing import Any

import pytest

from diffkeras.config import Config, parse_config
from diffkeras.errors import ConfigurationError
from diffkeras.physics import FixedFlux, FixedValue, Medium

NAMED = {"top": "reflecting", "bottom": "reflecting", "left": "periodic", "right": "periodic"}


@pytest.mark.parametrize(
    ("given", "boundary"),
    [
        ({"value": 2}, FixedValue(2.0)),
        ([{"flux": -0.5}, "no-flux"], (FixedFlux(-0.5), "reflecting")),
        ([[{"value": 1}, "dirichlet"], "periodic"], ((FixedValue(1.0), "absorbing"), "periodic")),
        ({**NAMED, "top": {"value": 1}}, ((FixedValue(1.0), "reflecting"), "periodic")),
        ({**NAMED, "bottom": {"flux": 1}}, {**NAMED, "bottom": FixedFlux(1.0)}),
    ],
)
def test_sides_are_those_of_a_medium(tiny: Config, given: Any, boundary: Any) -> None:
    config = tiny.with_overrides({"physics.boundary": given})
    assert config.physics.medium.sides == Medium(boundary=boundary).sides
    assert parse_config(config.model_dump(mode="json")) == config
    assert hash(config.physics) != hash(tiny.physics)


def test_sides_have_one_spelling(tiny: Config) -> None:
    named = {"top": "dirichlet", "bottom": "no-flux", "left": "periodic", "right": "periodic"}
    pairs = [["absorbing", "reflecting"], "periodic"]
    mixed = [["absorbing", "reflecting"], "absorbing"]  # sides that aren't named absorb
    for given, plain in ((named, pairs), (pairs, pairs), ({"bottom": "no_flux"}, mixed)):
        config = tiny.with_overrides({"physics.boundary": given})
        assert config.model_dump(mode="json")["physics"]["boundary"] == plain


@pytest.mark.parametrize(
    ("boundary", "key_and_value"),
    [
        ({**NAMED, "top": {"value": 1, "flux": 2}}, "a value, a flux.*'value': 1"),
        ({**NAMED, "top": {"value": math.nan}}, "value of a side .* nan"),
        ({**NAMED, "top": {"flux": "1"}}, "flux of a side .* '1'"),
        ({**NAMED, "top": {"valu": 1}}, "boundary top {'valu': 1} is unknown"),
        ({**NAMED, "left": {"value": 1}}, "periodic at both sides .* left value 1 "),
        ({"front": "absorbing"}, "no side 'front'; its sides are top, .*, right$"),
        ([{"value": 1}] * 3, "for each of 2 axes"),
    ],
)
def test_what_is_no_boundary_is_refused(tiny: Config, boundary: Any, key_and_value: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"^physics\.boundary: .*{key_and_value}"
    ) as caught:
        tiny.with_overrides({"physics.boundary": boundary})
    assert "\n" not in str(caught.value)
