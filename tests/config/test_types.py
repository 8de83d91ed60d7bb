import math

import pytest

from diffkeras.config import parse_config
from diffkeras.data.section import format_counts, parse_counts
from diffkeras.errors import ConfigurationError
from diffkeras.physics import FixedFlux, FixedValue, Medium


@pytest.mark.parametrize(
    ("given", "counts", "text"),
    [
        ("1-20", tuple(range(1, 21)), "1-20"),
        ("1,5,20", (1, 5, 20), "1,5,20"),
        ("1-3,7", (1, 2, 3, 7), "1-3,7"),
        (" 3 - 4 , 1 ", (1, 3, 4), "1,3-4"),
        ("7,1-3", (1, 2, 3, 7), "1-3,7"),
        ("5", (5,), "5"),
        (5, (5,), "5"),
        ([20, 1], (1, 20), "1,20"),
        (["1-2", 4], (1, 2, 4), "1-2,4"),
    ],
)
def test_counts_are_read_and_written(given, counts, text):
    assert parse_counts(given) == counts
    assert format_counts(counts) == text
    assert parse_counts(text) == counts


@pytest.mark.parametrize(
    "text",
    ["", "a", "1-", "-1", "1,,2", "1.5", "²", "1-2-3", "5-1", "5-1,2", "1-100001", "١-٢", "1_0"],
)
def test_text_that_is_no_list_of_counts_is_refused(text):
    with pytest.raises(ValueError, match=r"source count|backwards|more than"):
        parse_counts(text)


@pytest.mark.parametrize("given", ["1,2,1", "1-3,2", [20, 1, 20], "1-100000," * 1000 + "1"])
def test_a_count_that_is_named_twice_is_refused(given):
    with pytest.raises(ValueError, match="is named twice"):
        parse_counts(given)


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
def test_sides_are_those_of_a_medium(tiny, given, boundary):
    config = tiny.with_overrides({"physics.boundary": given})
    assert config.physics.medium.sides == Medium(boundary=boundary).sides
    assert parse_config(config.to_dict()) == config
    assert hash(config.physics) != hash(tiny.physics)


def test_sides_have_one_spelling(tiny):
    named = {"top": "dirichlet", "bottom": "no-flux", "left": "periodic", "right": "periodic"}
    pairs = [["absorbing", "reflecting"], "periodic"]
    mixed = [["absorbing", "reflecting"], "absorbing"]  # sides that aren't named absorb
    for given, plain in ((named, pairs), (pairs, pairs), ({"bottom": "no_flux"}, mixed)):
        config = tiny.with_overrides({"physics.boundary": given})
        assert config.to_dict()["physics"]["boundary"] == plain


@pytest.mark.parametrize(
    ("boundary", "key_and_value"),
    [
        ({**NAMED, "top": {"value": 1, "flux": 2}}, "a value, a flux.*'value': 1"),
        ({**NAMED, "top": {"value": math.nan}}, "value of a side .* nan"),
        ({**NAMED, "top": {"valu": 1}}, "boundary top {'valu': 1} is unknown"),
        ({"front": "absorbing"}, "no side 'front'; its sides are top, .*, right$"),
        ([{"value": 1}] * 3, "for each of 2 axes"),
    ],
)
def test_what_is_no_boundary_is_refused(tiny, boundary, key_and_value):
    with pytest.raises(
        ConfigurationError, match=rf"^physics\.boundary: .*{key_and_value}"
    ) as caught:
        tiny.with_overrides({"physics.boundary": boundary})
    assert "\n" not in str(caught.value)
