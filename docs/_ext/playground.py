"""The learned numbers of the playground's surrogates, from the models that the package ships.

They are written into the built site as a classic script, because a page that is opened as a file
can't read data.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SURROGATES = ("tissue", "saturating_tissue")
SCRIPT = Path("_static", "playground", "weights.js")


def setup(app: "Sphinx") -> dict[str, Any]:
    """Write the script at the end of each build of pages."""
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: "Sphinx", error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        script = Path(app.outdir, SCRIPT)
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(weights_script(), encoding="utf-8")


def weights_script() -> str:
    """JavaScript that gives `diffkeras.weights` the factors and dampings of each surrogate."""
    weights = json.dumps({name: _weights(name) for name in SURROGATES}, separators=(",", ":"))
    return f"Object.assign(globalThis.diffkeras.weights, {weights});\n"


def _weights(name: str) -> dict[str, Any]:
    """The factors of coarser couplings, and for each round the dampings of its levels in a row."""
    import diffkeras as dk

    [layer] = [one for one in dk.load_surrogate(name).model.layers if hasattr(one, "dampings")]
    return {
        "factors": _numbers(layer.factors),
        "dampings": [_numbers(damping) for damping in layer.dampings],
    }


def _numbers(weight: Any) -> list[float]:
    """The float32 numbers in a row, as doubles with the digits that tell them apart."""
    return [float(str(number)) for number in weight.numpy().ravel()]
