"""What the commands do, as functions: `diffkeras.workflows.train(...)` is `diffkeras train`.

Each function is imported when it is first used, so importing this package loads neither TensorFlow
nor Keras.
"""

from importlib import import_module
from typing import Any

from diffkeras.system.packages import needs_packages

# function → its module and its name there. Modules have other names than functions, because
# importing a module `train` would put it in the place of the function `train`.
_FUNCTIONS = {
    "benchmark": ("comparisons", "benchmark"),
    "evaluate": ("evaluate_run", "evaluate"),
    "evaluate_foreign": ("evaluate_run", "evaluate_foreign"),
    "export": ("export_run", "export"),
    "generate": ("generate_datasets", "generate"),
    "generate_test_set": ("generate_datasets", "generate_test_set"),
    "load_benchmark": ("public_data", "load_benchmark"),
    "make_leaderboard": ("leaderboards", "make_leaderboard"),
    "predict": ("predict_files", "predict_files"),
    "preview": ("preview_data", "preview"),
    "search_worst_cases": ("search_run", "search_worst_cases"),
    "solve": ("solve_files", "solve_files"),
    "study": ("study_runs.run_study", "run_study"),
    "train": ("train_run", "train"),
    "verify": ("generate_datasets", "verify"),
    "write_public_split": ("public_data", "write_public_split"),
}

__all__ = [*_FUNCTIONS]


def __getattr__(name: str) -> Any:
    if name not in _FUNCTIONS:
        raise AttributeError(f"module 'diffkeras.workflows' has no attribute {name!r}")
    module, function = _FUNCTIONS[name]
    with needs_packages(f"diffkeras.workflows.{name}"):
        return getattr(import_module(f"diffkeras.workflows.{module}"), function)


def __dir__() -> list[str]:
    return sorted(__all__)
