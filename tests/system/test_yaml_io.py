"""YAML that would keep a reader busy, or that means something else than it looks."""

import pytest

from diffkeras.errors import ConfigurationError
from diffkeras.system.yaml_io import MOST_BYTES, from_yaml, read_yaml

REFUSED = {
    "bytes": "x" * (MOST_BYTES + 1),
    "nesting": "[" * 2000,
    "alias": "a: &a [1, 1]\nb: [*a, *a]",
    "merge": "a: &a {x: 1}\nb: {<<: *a}",
    "itself": "a: &a {b: *a}",
    "object": "a: !!python/object/apply:os.system [ls]",
    "digits": "a: " + "9" * 5000,
    "date": "a: 2020-13-45",
    "version": "%YAML 9.9\n---\na: 1",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_yaml_that_is_none_or_keeps_a_reader_busy_is_refused(text, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"bad.yaml is (too large|no valid YAML)"):
        read_yaml(file)


@pytest.mark.parametrize("command", ["generate", "train", "study", "--set"])
def test_every_command_reads_yaml_there(command, refused, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(REFUSED["alias"])
    words = [command, "--config", file]
    if command == "--set":
        words = ["generate", "--set", "data.radius=[&a 1, *a]"]
    assert "no valid YAML" in refused(*words)


def test_numbers_and_texts_are_those_of_yaml_1_2():
    text = "[1000, 1e3, -1.5e-3, .inf, '1000', a_b, on, 010]"
    assert from_yaml(text) == [1000, 1e3, -1.5e-3, float("inf"), "1000", "a_b", "on", 10]
