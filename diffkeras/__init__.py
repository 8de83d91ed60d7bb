"""Keras surrogates of a steady-state diffusion solver, with proven error bounds.

The public names are loaded when they are first used: importing diffkeras loads neither TensorFlow
nor Keras, and `diffkeras.solve` never does.
"""

from diffkeras._version import __version__
from diffkeras.errors import DiffkerasError
from diffkeras.system.packages import check_installed_once, lazy_names

check_installed_once(__file__)

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
    "certify_many",
    "from_labels",
    "load_family",
    "parts_of",
    "sample_sources",
    "solve",
    "solve_many",
    "with_parts",
)
_MODULES = {
    **dict.fromkeys(_OF_PHYSICS, "diffkeras.physics"),
    "Prediction": "diffkeras.surrogates.prediction",
    "evaluate": "diffkeras.evaluation.evaluate",
    "export": "diffkeras.surrogates.export",
    "load_config": "diffkeras.config",
    "load_surrogate": "diffkeras.surrogates.surrogate",
    "train": "diffkeras.training.train",
}
_SUBPACKAGES = ("data", "graph", "nn", "physics", "tensorflow")
_OTHER_FRAMEWORKS = ("jax", "torch")  # that diffkeras doesn't install
_OF_TENSORFLOW = ("evaluate", "export", "graph", "load_surrogate", "tensorflow", "train")

__all__ = ["DiffkerasError", "__version__", *_MODULES, *_SUBPACKAGES]

__getattr__, _ = lazy_names(__name__, _MODULES, _SUBPACKAGES + _OTHER_FRAMEWORKS, _OF_TENSORFLOW)


def __dir__() -> list[str]:
    return sorted(__all__)
