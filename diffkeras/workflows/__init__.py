"""What the commands do, as functions: `diffkeras.workflows.train(...)` is `diffkeras train`.

Each function is imported when it is first used, so importing this package loads neither TensorFlow
nor Keras.
"""

from diffkeras.system.packages import lazy_names

# function → its module, and its name there. Modules have other names than functions, because
# importing a module `train` would put it in the place of the function `train`.
_MODULES = {
    "evaluate": "diffkeras.workflows.evaluate_run",
    "export": "diffkeras.workflows.export_run",
    "generate": "diffkeras.workflows.generate_datasets",
    "predict": "diffkeras.workflows.predict_files:predict_files",
    "preview": "diffkeras.workflows.preview_data",
    "solve": "diffkeras.workflows.solve_files:solve_files",
    "study": "diffkeras.workflows.study_runs.run_study:run_study",
    "train": "diffkeras.workflows.train_run",
    "verify": "diffkeras.workflows.generate_datasets",
}

__all__ = [*_MODULES]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
