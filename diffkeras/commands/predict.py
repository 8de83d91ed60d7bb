"""`diffkeras predict`."""

from itertools import zip_longest
from pathlib import Path
from typing import Any

import click

from diffkeras.commands.field_options import print_fields, problem_options
from diffkeras.commands.options import (
    command,
    file_option,
    map_option,
    start_tensorflow,
)


@command()
@click.argument("run", type=click.Path(path_type=Path))
@problem_options
@click.option(
    "--diffusion-length",
    metavar="NUMBER",
    type=float,
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
@click.option(
    "--certify",
    is_flag=True,
    help="Print a proven upper bound on the largest error, and on that of the corrected field if "
    "it is smaller.",
)
@file_option("--corrected", "The corrected field, which the proof yields.")
@click.option(
    "--tolerance",
    metavar="NUMBER",
    type=float,
    help="Largest error, relative to the largest value. Where this is not proven of the "
    "prediction, the corrected or else the solved field is written, and its name printed.",
)
def predict(
    run: Path,
    output: Path,
    plot: Path | None,
    unit: str | None,
    field_unit: str | None,
    bound: Path | None,
    corrected: Path | None,
    certify: bool,
    as_json: bool,
    quiet: bool,
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
      diffkeras predict default discs.png -o field.npy --certify
      diffkeras predict saved_models/quickstart discs.png -o field.npy --tolerance 1e-3
      diffkeras predict saved_models/tissue vessels.npy -o field.npy --decay uptake.npy --certify
    """
    start_tensorflow()
    from diffkeras.commands.field_files import FieldFiles
    from diffkeras.commands.predict_files import predict_files
    from diffkeras.commands.problem_files import ProblemFiles
    from diffkeras.reporting.text import rounded_up

    files = FieldFiles(output, bound, corrected, plot, unit, field_unit)
    prediction = predict_files(
        run,
        ProblemFiles(**problem),
        files,
        diffusion_length=diffusion_length,
        tolerance=tolerance,
        certify=certify,
    )
    proven: list[tuple[str, Any]] = []
    if certify or bound or corrected or tolerance is not None:
        proven.append((prediction.kind, prediction))
    if proven and tolerance is None:
        better = prediction.corrected
        if corrected or better.error_bound < prediction.error_bound:
            proven.append(("corrected field", better))
    lines = [
        f"the {name} has values up to {abs(result.field).max(initial=0.0):.3g}, and a proven error "
        f"of at most {rounded_up(result.error_bound)}"
        for name, result in proven
    ]
    bounds = [result.error_bound for _, result in proven]
    names = ("error_bound", "corrected_error_bound")
    more = {"field": prediction.kind, **dict(zip_longest(names, bounds))}
    print_fields(files, prediction, lines, more, as_json=as_json, quiet=quiet)
