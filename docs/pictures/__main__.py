"""Draw the documentation's pictures that are stored in the repository, into docs/images.

    python -m docs.pictures runs         # after `make quickstart`; also docs/results
    python -m docs.pictures frameworks   # after `make test-frameworks`, the worked examples
    python -m docs.pictures playground   # after `make docs`, in headless Chromium

The build of the documentation draws all others (`docs.pictures.site`).
"""

import docs.quiet_tensorflow  # noqa: F401

import runpy
from pathlib import Path

import click
import matplotlib

from docs.pictures import playground, runs
from docs.pictures.phone import write_pictures
from docs.pictures.site import DOCS, FRAMEWORKS


def draw_frameworks() -> None:
    """The worked examples in JAX and PyTorch, which are run."""
    from matplotlib import pyplot

    matplotlib.use("agg")
    for page in FRAMEWORKS:
        runpy.run_path(str(DOCS / "gallery" / "training" / f"{page}.py"))
        write_pictures(pyplot.gcf(), DOCS / "images" / f"{page}.png", dpi=100, style={})


@click.command(help=__doc__.splitlines()[0])
@click.argument("what", type=click.Choice(["runs", "frameworks", "playground"]))
@click.option("--run", default="saved_models/quickstart", type=click.Path(path_type=Path))
def main(what: str, run: Path) -> None:  # noqa: D103 - its help is above
    if what == "runs":
        runs.draw(run)
    elif what == "frameworks":
        draw_frameworks()
    else:
        playground.draw_animation()


if __name__ == "__main__":
    main()
