"""`diffkeras predict`."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    INPUT,
    Number,
    command,
    file_option,
    source_options,
    start_tensorflow,
)
from diffkeras.cli.solve import NumberOrMap

_map = partial(click.option, metavar="NUMBER|FILE", type=NumberOrMap())

MAPS = ("diffusivity", "decay", "uptake", "saturation", "production")


@command()
@click.argument("run", type=click.Path(path_type=Path))
@source_options
@click.option(
    "--diffusion-length",
    metavar="NUMBER",
    type=Number(),
    help="Diffusion length [length], for a surrogate that was trained on several.",
)
@_map(
    "--diffusivity",
    help="D [length^2/time], for a surrogate that takes it; a number, or a map, an image like "
    "SOURCE_FILE.",
)
@_map(
    "--decay",
    help="Decay or uptake [1/time], for a surrogate that takes it; a number or a map.",
)
@_map(
    "--uptake",
    help="Maximum v of the uptake [concentration/time], for a surrogate of cells that saturate; a "
    "number or a map.",
)
@_map(
    "--saturation",
    help="K [concentration] of their Michaelis-Menten uptake v u/(K + u); a number or a map.",
)
@click.option(
    "--production",
    metavar="FILE",
    type=INPUT,
    help="Map of what cells release [concentration/time], for a surrogate that takes it.",
)
@click.option("--certify", is_flag=True, help="Print a proven upper bound on the largest error.")
@file_option("--bound", "The proven bound, node by node.")
@file_option("--corrected", "The corrected field, which the proof yields.")
@click.option(
    "--tolerance",
    metavar="NUMBER",
    type=Number(),
    help="Largest error, relative to the largest value. The field is solved where this is not "
    "proven of the prediction.",
)
def predict(
    run: Path,
    source_file: Path,
    output: Path,
    plot: Path | None,
    lattice: tuple[int, int] | None,
    batch: bool,
    certify: bool,
    **options: Any,
) -> None:
    """Predict the field around sources by a surrogate.

    RUN is a run directory of `diffkeras train`, or a surrogate that comes with diffkeras, such as
    default. SOURCE_FILE is as for `diffkeras solve`, without negative values. Medium and boundary
    are those that the surrogate was trained on, and so is what sources do: hold the field at their
    value, or produce the decay rate times their value. A surrogate of tissues needs their maps.

    \b
    Examples:
      diffkeras predict default discs.yaml -o field.npy --certify
      diffkeras predict saved_models/quickstart discs.yaml -o field.npy --tolerance 1e-3
      diffkeras predict saved_models/tissue vessels.npy -o field.npy --decay uptake.npy --certify
    """
    start_tensorflow()
    from diffkeras.workflows.field_files import FieldFiles, described
    from diffkeras.workflows.predict_files import predict_files
    from diffkeras.workflows.source_files import SourceFile

    files = FieldFiles(output, options.pop("bound"), options.pop("corrected"), plot)
    sources = SourceFile(source_file, lattice, batch)
    maps = {k: given for k in MAPS if (given := options.pop(k)) is not None}
    prediction = predict_files(run, sources, files, certify=certify, maps=maps, **options)
    if options["tolerance"] is not None:
        size, bound = prediction.field.max(initial=0.0), prediction.error_bound
        how = "solved" if prediction.solved else "predicted"
        click.echo(f"{how}; the field, up to {size:.3g}, is off by at most {bound:.3g}")
    elif certify or files.bound or files.corrected:
        fields = {
            "prediction": (prediction.field, prediction.error_bound),
            "corrected field": (prediction.certificate.field, prediction.certificate.error_bound),
        }
        for name, (field, bound) in fields.items():
            size = field.max(initial=0.0)
            click.echo(f"the {name}, up to {size:.3g}, is off by at most {bound:.3g}")
    click.echo(f"wrote {output} ({described(prediction.field, output)})")
    for file in filter(None, (files.bound, files.corrected, plot)):
        click.echo(f"wrote {file}")
