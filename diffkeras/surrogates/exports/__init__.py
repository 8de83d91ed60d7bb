"""The formats that a surrogate can be exported to: SavedModel, LiteRT and ONNX."""

from importlib.util import find_spec

from diffkeras.errors import ExportError
from diffkeras.surrogates.exports.export_format import Format, Inputs, Runner
from diffkeras.surrogates.exports.litert import LiteRT
from diffkeras.surrogates.exports.onnx import Onnx
from diffkeras.surrogates.exports.saved_model_format import SavedModel

__all__ = ["FORMATS", "Format", "Inputs", "Runner", "get_format"]

FORMATS: dict[str, Format] = {
    "saved_model": SavedModel(),
    "litert": LiteRT(),
    "onnx": Onnx(),
}


def get_format(name: str) -> Format:
    """The format of a name, if its packages are installed.

    Raises:
        ExportError: there is no such format, or a package is missing.
    """
    if name not in FORMATS:
        raise ExportError(f"there is no format {name!r:.60}; choose one of {', '.join(FORMATS)}")
    chosen = FORMATS[name]
    if missing := [package for package in chosen.packages if find_spec(package) is None]:
        raise ExportError(
            f"{chosen.label} files need {' and '.join(missing)}, which this environment lacks; "
            "run: pip install 'diffkeras[export]'"
        )
    return chosen
