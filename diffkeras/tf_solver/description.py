"""What an export says of itself: the content of `diffkeras.json`, alike for surrogates and solvers.

`docs/savedmodel.md` has the table of its keys.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from diffkeras._version import __version__

FORMAT = 1  # counts up when a key gets another meaning, or goes


def describe_export(
    kind: Literal["surrogate", "solver"],
    *,
    physics: Mapping[str, Any],
    equation: str,
    functions: Mapping[str, Sequence[str]],
    inputs: str,
    output: str,
    **learned: Mapping[str, Any],
) -> dict[str, Any]:
    """The description of an export.

    Args:
        kind: what computes the fields.
        physics: lattice, step, diffusivity, decay, boundary and what sources do.
        equation: that the fields satisfy.
        functions: the names of the inputs of each function.
        inputs: what the inputs are.
        output: what the fields are.
        **learned: `model` and `trained_on` of a surrogate.
    """
    return {
        "format": FORMAT,
        "kind": kind,
        "versions": {
            "diffkeras": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
        "physics": {**physics, "lattice": list(physics["lattice"])},
        "equation": equation,
        "functions": {name: list(names) for name, names in functions.items()},
        "input": inputs,
        "output": output,
        "model": learned.get("model"),
        "trained_on": learned.get("trained_on"),
    }
