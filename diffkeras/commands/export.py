"""`diffkeras export`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.commands.command import say
from diffkeras.commands.options import (
    PATH,
    boundary_option,
    check_together,
    command,
    lattice_type,
    number_option,
    path_option,
    start_tensorflow,
)
from diffkeras.system.packages import EXPORTS, check_format
from diffkeras.system.saved_models import check_onnx_output, check_saved_model_output


@command()
@click.argument("run", type=PATH, required=False)
@click.option(
    "--format",
    type=click.Choice([*EXPORTS]),
    default="saved_model",
    show_default=True,
    help="For TensorFlow, or for ONNX Runtime.",
)
@path_option(
    "-o --output",
    "File, or directory of a SavedModel.  [default: RUN/saved_model or RUN/model.onnx]",
    "PATH",
)
@click.option(
    "--lattice",
    metavar="N|ROWSxCOLUMNS",
    type=lattice_type,
    help="Lattice on which the file is checked; a SavedModel proves errors on no other.  "
    "[default: the training's]",
)
@click.option(
    "--solver",
    is_flag=True,
    help="Write the exact solver of a uniform medium as a SavedModel, instead of a surrogate; "
    "with --lattice, -o, and the options below.",
)
@number_option("--diffusivity", default=1.0, help="D of the solver [length^2/time].")
@number_option("--decay", default=1 / 400, help="Decay of the solver's medium [1/time].")
@number_option("--step", default=1.0, help="Lattice step of the solver [length].")
@boundary_option
@click.option(
    "--sources",
    type=click.Choice(["fixed_value", "production"]),
    default="fixed_value",
    show_default=True,
    help="What the solver's sources do: hold their value, or produce decay times their value.",
)
def export(
    run: Path | None,
    format: str,
    output: Any,
    lattice: Any,
    solver: bool,
    **options: Any,
) -> None:
    """Export a surrogate or the exact solver.

    For other runtimes: the file takes source images and returns fields, both on the linear scale,
    without diffkeras. RUN is a run directory of `diffkeras train`, or a surrogate that comes with
    diffkeras, such as default; then -o is needed. Its file is put in place only if its fields of
    some test images equal the Keras model's within 1e-5 of the largest value.
    ONNX needs more packages: pip install '.[export]' in a checkout of diffkeras.

    \b
    Examples:
      diffkeras export default -o exported
      diffkeras export default --format onnx -o field.onnx
      diffkeras export saved_models/quickstart --lattice 128
      diffkeras export --solver --lattice 512 --decay 0.01 -o solver
    """
    check_together(
        needs=[
            ("solver", "lattice"),
            ("solver", "output"),
            *((name, "solver") for name in options),
        ],
        excludes=[("solver", "run", "format")],
    )
    if solver:
        check_saved_model_output(output)
        start_tensorflow()
        from diffkeras.graph import TensorSolver

        sources = options.pop("sources")
        TensorSolver(lattice, **options).export(output, sources=sources)
        rows, columns = lattice
        say(f"wrote {output} (SavedModel of the exact solver on {rows}×{columns} nodes)")
        return
    if run is None:
        raise click.UsageError("Missing argument 'RUN'; or give --solver.")
    if output and output.suffix.lower() == ".onnx" and format != "onnx":
        raise click.UsageError(f"{output} is the name of another format; give --format onnx.")
    check_format(format)
    if output:  # before TensorFlow is loaded
        {"saved_model": check_saved_model_output, "onnx": check_onnx_output}[format](output)
    start_tensorflow()
    from diffkeras import export

    done = export(run, format, output, lattice=lattice)
    rows, columns = done.lattice
    say(f"wrote {done.path} ({done.label}, {done.size / 1e6:.3g} MB)")
    say(
        f"its fields of {done.images} test images of {rows}×{columns} nodes are within "
        f"{done.difference:.1e} of the Keras model's, relative to the largest value"
    )
