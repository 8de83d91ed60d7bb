"""YAML that is none, or that means something else than it looks."""

import pytest

from diffkeras.errors import ConfigurationError
from diffkeras.system.yaml_io import from_yaml, read_yaml

REFUSED = {
    "nesting": "[" * 2000,
    "object": "a: !!python/object/apply:os.system [ls]",
    "digits": "a: " + "9" * 5000,
    "date": "a: 2020-13-45",
    "version": "%YAML 9.9\n---\na: 1",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_no_yaml_is_refused(text, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"bad\.yaml is no valid YAML"):
        read_yaml(file)


def test_numbers_and_texts_are_those_of_yaml_1_2():
    text = "[1000, 1e3, -1.5e-3, .inf, '1000', a_b, on, 010]"
    assert from_yaml(text) == [1000, 1e3, -1.5e-3, float("inf"), "1000", "a_b", "on", 10]
