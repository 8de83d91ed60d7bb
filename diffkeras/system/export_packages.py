"""The formats of exports and what each needs, asked before TensorFlow is loaded."""

from importlib.util import find_spec

from diffkeras.errors import ExportError

PACKAGES = {"saved_model": (), "onnx": ("tf2onnx", "onnx", "onnxruntime")}


def check_format(name: str) -> None:
    """Check a format and that its packages are installed.

    Raises:
        ExportError: there is no such format, or a package that it needs is missing.
        ModuleNotFoundError: TensorFlow is missing, which every format needs.
    """
    if name not in PACKAGES:
        raise ExportError(f"there is no format {name!r:.60}; choose one of {', '.join(PACKAGES)}")
    if find_spec("tensorflow") is None:
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
    if missing := [package for package in PACKAGES[name] if find_spec(package) is None]:
        raise ExportError(
            f"the format {name} needs {' and '.join(missing)}, which this environment lacks; run "
            "pip install '.[export]' in a checkout of diffkeras, or "
            f"pip install {' '.join(missing)}"
        )
