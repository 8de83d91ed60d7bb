"""Keras surrogates of a steady-state diffusion solver, with proven error bounds.

The public names are loaded when they are first used: importing diffkeras loads neither TensorFlow
nor Keras, and `diffkeras.solve` never does.
"""

from importlib import import_module
from typing import Any

from diffkeras._version import __version__
from diffkeras.errors import DiffkerasError
from diffkeras.system.packages import needs_packages

_HOMES = {
    "Certificate": "diffkeras.physics",
    "Family": "diffkeras.physics",
    "FixedFlux": "diffkeras.physics",
    "FixedValue": "diffkeras.physics",
    "Medium": "diffkeras.physics",
    "MichaelisMenten": "diffkeras.physics",
    "Prediction": "diffkeras.surrogates.prediction",
    "Problem": "diffkeras.physics",
    "ReducedBasis": "diffkeras.physics",
    "Robin": "diffkeras.physics",
    "Solution": "diffkeras.physics",
    "Sources": "diffkeras.physics",
    "certify": "diffkeras.physics",
    "load_benchmark": "diffkeras.workflows",
    "load_config": "diffkeras.config",
    "load_family": "diffkeras.physics",
    "load_surrogate": "diffkeras.surrogates.surrogate",
    "parts_of": "diffkeras.physics",
    "sample_sources": "diffkeras.physics",
    "solve": "diffkeras.physics",
    "with_parts": "diffkeras.physics",
}
_SUBPACKAGES = ("data", "nn", "physics", "tensorflow", "tf_solver", "workflows")
_OTHER_FRAMEWORKS = ("jax", "torch")  # that diffkeras doesn't install

__all__ = ["DiffkerasError", "__version__", *_HOMES, *_SUBPACKAGES]


def __getattr__(name: str) -> Any:
    with needs_packages(f"diffkeras.{name}"):
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        if name in _SUBPACKAGES + _OTHER_FRAMEWORKS:
            return import_module(f"diffkeras.{name}")
    raise AttributeError(f"module 'diffkeras' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
