"""`diffkeras predict`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import start_tensorflow
from diffkeras.cli.solve import LatticeType

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
@click.option(
    "--batch", is_flag=True, help="SOURCES holds a batch of images, (batch, rows, columns)."
)
@click.option("--certify", is_flag=True, help="Print a proven upper bound on the largest error.")
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
def predict(
    run: Path,
    sources: Path,
    output: Path,
    plot: Path | None,
    lattice: tuple[int, int] | None,
    batch: bool,
    certify: bool,
    **options: Any,
) -> None:
    """Predict the field around the sources in a file with the surrogate of a run.

    RUN is a run directory of `diffkeras train`. SOURCES is as for `diffkeras solve`, without
    negative values. Medium and boundary are those that the surrogate was trained on.

    \b
    Examples:
      diffkeras predict saved_models/quickstart discs.yaml -o field.npy --certify
      diffkeras predict saved_models/quickstart discs.yaml -o field.npy --tolerance 1e-3
    """
    start_tensorflow()
    from diffkeras.workflows.field_files import FieldFiles, described
    from diffkeras.workflows.predict_files import predict_files
    from diffkeras.workflows.source_files import SourceFile

    files = FieldFiles(output, options.pop("bound"), options.pop("corrected"), plot)
    prediction = predict_files(run, SourceFile(sources, lattice, batch), files, **options)
    if refined := prediction.refinement:
        rounds = "1 round" if refined.rounds == 1 else f"{refined.rounds} rounds"
        how = (
            "solved directly; the prediction was not used"
            if refined.method == "direct"
            else f"after {rounds}"
        )
        click.echo(f"{how}: the field is off by at most {refined.error_bound:.3g}")
    elif certify or files.bound or files.corrected:
        proof = prediction.certificate
        click.echo(f"the prediction is off by at most {prediction.error_bound:.3g}")
        click.echo(f"the corrected field is off by at most {proof.error_bound:.3g}")
    click.echo(f"wrote {output} ({described(prediction.field)})")
    for file in filter(None, (files.bound, files.corrected, plot)):
        click.echo(f"wrote {file}")
