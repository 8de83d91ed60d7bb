"""Keras surrogates of a steady-state diffusion solver, with proven error bounds.

The public names are loaded when they are first used: importing diffkeras loads neither TensorFlow
nor Keras, and `diffkeras.solve` never does.
"""

from importlib import import_module
from typing import Any

from diffkeras._version import __version__
from diffkeras.errors import DiffkerasError
from diffkeras.system.packages import needs_packages

_OF_PHYSICS = (
    "Certificate",
    "Family",
    "FixedFlux",
    "FixedValue",
    "Medium",
    "MichaelisMenten",
    "Problem",
    "ReducedBasis",
    "Robin",
    "Solution",
    "Sources",
    "certify",
    "load_family",
    "parts_of",
    "sample_sources",
    "solve",
    "with_parts",
)
_HOMES = {
    "Prediction": "diffkeras.surrogates.prediction",
    "load_benchmark": "diffkeras.workflows",
    "load_config": "diffkeras.config",
    "load_surrogate": "diffkeras.surrogates.surrogate",
}
_SUBPACKAGES = ("data", "nn", "physics", "tensorflow", "tf_solver", "workflows")
_OTHER_FRAMEWORKS = ("jax", "torch")  # that diffkeras doesn't install

__all__ = ["DiffkerasError", "__version__", *_OF_PHYSICS, *_HOMES, *_SUBPACKAGES]


def __getattr__(name: str) -> Any:
    if name in _OF_PHYSICS:  # which every installation has all packages for
        return getattr(import_module("diffkeras.physics"), name)
    with needs_packages(f"diffkeras.{name}"):
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        if name in _SUBPACKAGES + _OTHER_FRAMEWORKS:
            return import_module(f"diffkeras.{name}")
    raise AttributeError(f"module 'diffkeras' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
