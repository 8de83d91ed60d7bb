"""`diffkeras predict`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    Number,
    command,
    file_option,
    map_option,
    problem_options,
    start_tensorflow,
)


@command()
@click.argument("run", type=click.Path(path_type=Path))
@problem_options
@click.option(
    "--diffusion-length",
    metavar="NUMBER",
    type=Number(),
    help="Diffusion length [length], for a surrogate that was trained on several.",
)
@map_option(
    "--diffusivity",
    help="D [length^2/time], for a surrogate that takes it; a number, or a map, an image like "
    "SOURCE_FILE.",
)
@map_option(
    "--decay",
    help="Decay or uptake [1/time], for a surrogate that takes it; a number or a map.",
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
    output: Path,
    plot: Path | None,
    bound: Path | None,
    corrected: Path | None,
    certify: bool,
    tolerance: float | None,
    diffusion_length: float | None,
    **problem: Any,
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
    from diffkeras.workflows.problem_files import ProblemFiles

    prediction = predict_files(
        run,
        ProblemFiles(**problem),
        FieldFiles(output, bound, corrected, plot),
        diffusion_length=diffusion_length,
        tolerance=tolerance,
        certify=certify,
    )
    proven: dict[str, Any] = {}
    if tolerance is not None:
        proven = {"solved field" if prediction.solved else "prediction": prediction}
    elif certify or bound or corrected:
        better = prediction.certificate.corrected
        proven = {"prediction": prediction, "corrected field": better}
    for name, result in proven.items():
        size = result.field.max(initial=0.0)
        click.echo(f"the {name}, up to {size:.3g}, is off by at most {result.error_bound:.3g}")
    click.echo(f"wrote {output} ({described(prediction.field, output)})")
    for file in filter(None, (bound, corrected, plot)):
        click.echo(f"wrote {file}")
