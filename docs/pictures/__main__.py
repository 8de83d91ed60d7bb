"""Draw the documentation's pictures, which lie in docs/images.

    python -m docs.pictures                # all that need nothing below; `make pictures`
    python -m docs.pictures runs           # after `make quickstart`; also tables in docs/results
    python -m docs.pictures frameworks     # after `make test-frameworks`, the worked examples
    python -m docs.pictures playground     # after `make docs`, in headless Chromium
    python -m docs.pictures simulation     # docs/examples/simulation.py, some minutes

`python -m benchmarks.calibration` draws its own one. The tests compare the first ones.
"""

import docs.quiet_tensorflow  # noqa: F401

import runpy
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from PIL import Image, ImageSequence

from docs.pictures import playground, runs
from docs.pictures.saving import save, save_animation
from docs.pictures.site import DOCS, PICTURES

FRAMEWORKS = ("train_in_jax", "train_in_pytorch")  # pages that the build does not run


def draw_pages() -> None:
    """All pictures that need no trained run."""
    for name, draw in PICTURES.items():
        save(name, draw())


def draw_frameworks() -> None:
    """The worked examples in JAX and PyTorch, which are run."""
    import matplotlib
    from matplotlib import pyplot

    matplotlib.use("agg")
    for page in FRAMEWORKS:
        runpy.run_path(str(DOCS / "gallery" / "training" / f"{page}.py"))
        save(page, pyplot.gcf())


def draw_simulation() -> None:
    """The published simulation, without its table, which contains times."""
    script = runpy.run_path(str(DOCS / "examples" / "simulation.py"))
    frames, _ = script["simulate"](200, 128, script["WAYS"])
    with TemporaryDirectory() as folder:
        path = Path(folder, "cells.webp")
        script["animate"](frames[::25], path)  # few, because cells are small and everywhere
        pictures = [one.convert("RGBA") for one in ImageSequence.Iterator(Image.open(path))]
    save_animation("cells", pictures, [400] * len(pictures))
    save("simulation_errors", script["draw_errors"](frames, list(script["WAYS"])))


def draw_runs() -> None:
    """The pictures and tables of the run of `make quickstart`."""
    runs.draw(Path("saved_models", "quickstart"))


KINDS: dict[str, Callable[[], None]] = {
    "pages": draw_pages,
    "runs": draw_runs,
    "frameworks": draw_frameworks,
    "playground": playground.draw_animation,
    "simulation": draw_simulation,
}


@click.command(help=__doc__.replace("\n\n    python", "\n\n\b\n    python"))
@click.argument("kinds", nargs=-1, metavar="[KIND]...", type=click.Choice([*KINDS]))
def main(kinds: tuple[str, ...]) -> None:  # noqa: D103 - its help is above
    for kind in kinds or ("pages",):
        KINDS[kind]()


if __name__ == "__main__":
    main()
