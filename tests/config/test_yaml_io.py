"""YAML that would keep a reader busy, or that means something else than it looks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from diffkeras.config import from_yaml, read_yaml
from diffkeras.config.yaml_io import DEEPEST, MOST_BYTES, MOST_VALUES
from diffkeras.errors import ConfigurationError


def nested_aliases(first: str, following: str) -> str:
    """Lines of which each stands for two of the line before: 2^40 values."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{n}: &a{n} " + following.replace("LAST", f"*a{n - 1}") for n in range(1, 40)]
    return "\n".join(lines)


BOMBS = {
    "aliases": nested_aliases("[1, 1]", "[LAST, LAST]"),
    "merges": nested_aliases("{x: 1}", "{<<: [LAST, LAST]}"),
    "keys": "".join(f"k{n}: 1\n" for n in range(MOST_VALUES)),
    "bytes": "x" * (MOST_BYTES + 1),
    "list": "[" + "1," * MOST_VALUES + "1]",
    "depth": "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
    "open": "[" * 5000,
    "itself": "a: &a {b: *a}",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_yaml_that_would_keep_a_reader_busy_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "bomb.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"bomb.yaml is (too large|too deep|no valid)"):
        read_yaml(file)


def test_aliases_are_followed_within_the_limits() -> None:
    text = "a: &a [1, 2]\nb: {<<: {x: 1}, y: *a, z: *a}"
    assert from_yaml(text)["b"] == {"x": 1, "y": [1, 2], "z": [1, 2]}
    assert from_yaml("[" * DEEPEST + "]" * DEEPEST)


@pytest.mark.parametrize("command", ["generate", "train", "study", "solve", "--set"])
def test_every_command_reads_yaml_there(
    command: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "bomb.yaml"
    file.write_text(BOMBS["aliases"])
    words = {
        "solve": ["solve", file, "-o", tmp_path / "field.npy"],
        "--set": ["generate", "--set", f"data.radius={BOMBS['depth']}"],
    }.get(command, [command, "--config", file])
    assert "too " in refused(*words)


@pytest.mark.filterwarnings("error")
def test_an_anchor_may_be_used_again() -> None:
    assert from_yaml("[&a 1, *a, &a 2, *a]") == [1, 1, 2, 2]


def test_numbers_and_texts_are_those_of_yaml_1_2() -> None:
    text = "[1000, 1e3, -1.5e-3, .inf, '1000', a_b, on, 010]"
    assert from_yaml(text) == [1000, 1e3, -1.5e-3, float("inf"), "1000", "a_b", "on", 10]
