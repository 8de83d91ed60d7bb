"""`diffkeras predict`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import start_tensorflow
from diffkeras.cli.solve import LatticeType
from diffkeras.cli.status import echo_status

FIELD = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("sources", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    type=FIELD,
    help="The field: .npy, .npz, .tif (32-bit floats) or .png (16 bits, 1 at full scale).",
)
@click.option("--plot", metavar="FILE", type=FIELD, help="A picture of sources and field, .png.")
@click.option(
    "--lattice",
    metavar="N|ROWSxCOLUMNS",
    type=LatticeType(),
    help="For a list of discs that names none.",
)
@click.option(
    "--diffusion-length",
    metavar="ℓ",
    type=float,
    help="√(D/γ) [length], for a surrogate that was trained on a range of them.",
)
@click.option("--certify", is_flag=True, help="Prove how wrong the field is at most, and say so.")
@click.option("--bound", metavar="FILE", type=FIELD, help="The proven bound, node by node.")
@click.option(
    "--corrected", metavar="FILE", type=FIELD, help="The corrected field that the proof makes."
)
@click.option(
    "--tolerance",
    metavar="ε",
    type=float,
    help="Refine the field until it is proven to be nowhere more than this off.",
)
def predict(run: Path, sources: Path, output: Path, **options: Any) -> None:
    """Predict the field around the sources in a file with the surrogate of a run.

    RUN is a run directory of `diffkeras train`. SOURCES is as for `diffkeras solve`, with values
    from 0 to 1; medium and boundary are those that the surrogate was trained on.

    \b
    Examples:
      diffkeras predict saved_models/quickstart discs.yaml -o field.npy --certify
      diffkeras predict saved_models/quickstart discs.yaml -o field.npy --tolerance 1e-3
    """
    start_tensorflow()
    from diffkeras.workflows.predict_files import predict_files

    predicted = predict_files(run, sources, output, **options)
    sides = predicted.field.shape[-2:]
    if sides != predicted.trained_lattice:
        trained, here = (
            "×".join(map(str, lattice)) for lattice in (predicted.trained_lattice, sides)
        )
        echo_status(
            f"the surrogate was trained on {trained} nodes, and this is a lattice of {here}"
        )
    if proof := predicted.certificate:
        click.echo(f"the prediction is off by at most {proof.prediction_bound:.3g}")
        click.echo(f"the corrected field is off by at most {proof.error_bound:.3g}")
    if refined := predicted.refinement:
        rounds = "1 round" if refined.rounds == 1 else f"{refined.rounds} rounds"
        click.echo(
            f"after {rounds} ({refined.method}) the field is off by at most "
            f"{refined.error_bound:.3g}"
        )
    for file in (output, options["bound"], options["corrected"], options["plot"]):
        if file:
            click.echo(file)
