from typing import Any

import pytest

from diffkeras.config import (
    Config,
    parse_config,
)
from diffkeras.errors import ConfigurationError


def test_baselines_are_all_that_make_sense_unless_they_are_chosen() -> None:
    fixed, production = Config(), Config(physics={"sources": "production"})
    assert fixed.baselines()[:2] == ("superposition", "one_number")
    assert len(fixed.baselines()) == 7
    assert production.baselines() == ("exact_solver", "zero_field")
    closed = {"physics.decay": 0, "physics.boundary": "reflecting"}
    assert fixed.with_overrides(closed).baselines() == fixed.baselines()[1:]
    half_closed = {"physics.decay": 0, "physics.boundary": ["reflecting", "absorbing"]}
    assert fixed.with_overrides(half_closed).baselines() == fixed.baselines()
    given = {"physics.boundary": {"value": 0.5}}
    assert fixed.with_overrides(given).baselines() == fixed.baselines()[5:]
    chosen = fixed.with_overrides({"evaluation.baselines": ["zero_field", "one_number"]})
    assert chosen.baselines() == ("zero_field", "one_number")
    assert fixed.with_overrides({"evaluation.baselines": []}).baselines() == ()


@pytest.mark.parametrize(
    ("physics", "message"),
    [
        ({"sources": "production"}, "superposition .* sources that produce; .* exact_solver"),
        ({"decay": 0, "boundary": "periodic"}, "superposition .*physics.decay"),
        ({"boundary": {"flux": 0.5}}, "superposition .*physics.boundary"),
    ],
)
def test_baselines_that_make_no_sense_are_refused(physics: dict[str, Any], message: str) -> None:
    raw = {"physics": physics, "evaluation": {"baselines": ["zero_field", "superposition"]}}
    with pytest.raises(ConfigurationError, match=rf"evaluation\.baselines: {message}"):
        parse_config(raw)
