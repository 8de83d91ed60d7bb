"""The playground in place of its page's picture, with the learned numbers of shipped surrogates.

The numbers are written into the built site as a classic script, because a page that is opened as a
file can't read data.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SURROGATES = ("tissue", "saturating_tissue")
SCRIPT = Path("_static", "playground", "weights.js")


PICTURE = re.compile(r"^!\[[^]]*\]\(images/playground\.webp\)$", re.MULTILINE)
PARTS = ("equations", "multigrid", "problem", "proof", "surrogate", "weights")
PARTS += ("drawing", "painting", "page")  # in the order in which they are loaded
FOLDER = SCRIPT.parent.as_posix()
PLAYGROUND = "\n".join(
    [
        "```{raw} html",
        f'<link rel="stylesheet" href="{FOLDER}/playground.css">',
        '<div id="diffkeras-playground">',
        "<noscript>The playground needs JavaScript.</noscript></div>",
        *(f'<script src="{FOLDER}/{part}.js"></script>' for part in PARTS),
        "```",
    ]
)


def setup(app: "Sphinx") -> dict[str, Any]:
    """Put the playground into its page, and write the script at the end of each build of pages."""
    app.connect("source-read", _put)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _put(app: "Sphinx", name: str, source: list[str]) -> None:
    if name == "playground":
        source[0], pictures = PICTURE.subn(PLAYGROUND, source[0])
        assert pictures == 1, "docs/playground.md has no picture of the playground"


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
