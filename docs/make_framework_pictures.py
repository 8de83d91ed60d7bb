"""Run the worked examples in PyTorch and JAX, and draw their pictures for the documentation.

    make test-frameworks   # installs PyTorch and JAX
    python docs/make_framework_pictures.py

writes docs/images/NAME.png and, with one panel a row for phones, NAME_phone.png.
"""

import runpy
from pathlib import Path

import matplotlib

DOCS = Path(__file__).parent
PAGES = ("train_in_jax", "train_in_pytorch")


def main(target: Path) -> None:
    """Write the pictures into a folder."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    from docs.phone_figures import write_pictures

    for page in PAGES:
        runpy.run_path(str(DOCS / "gallery" / "training" / f"{page}.py"))
        write_pictures(pyplot.gcf(), target / f"{page}.png", dpi=100, style={})


if __name__ == "__main__":
    main(DOCS / "images")
