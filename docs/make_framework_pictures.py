"""Run the worked examples in PyTorch and JAX, and draw their pictures for the documentation.

    make test-frameworks   # installs PyTorch and JAX
    python docs/make_framework_pictures.py

writes docs/images/NAME.png and, with one panel a row for phones, NAME_phone.png.
"""

import runpy
import sys
from pathlib import Path

import matplotlib

DOCS = Path(__file__).parent
PAGES = ("train_in_jax", "train_in_pytorch")


def main(target: Path) -> None:
    """Write the pictures into a folder."""
    matplotlib.use("agg")
    sys.path.insert(0, str(DOCS / "_ext"))
    from matplotlib import pyplot
    from phone_figures import save_for_phones

    for page in PAGES:
        runpy.run_path(str(DOCS / "gallery" / f"{page}.py"))
        figure = pyplot.gcf()
        figure.savefig(target / f"{page}.png")
        save_for_phones(figure, target / f"{page}_phone.png")


if __name__ == "__main__":
    main(DOCS / "images")
