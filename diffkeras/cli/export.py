"""`diffkeras export`."""

from pathlib import Path

import click

from diffkeras.cli.options import LatticeType, command, start_tensorflow


@command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    type=click.Choice(["saved_model", "litert", "onnx"]),
    default="saved_model",
    show_default=True,
    help="For TensorFlow, for LiteRT (formerly TensorFlow Lite), or for ONNX Runtime.",
)
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="File, or directory of a SavedModel.  [default: RUN/saved_model, RUN/model.tflite or "
    "RUN/model.onnx]",
)
@click.option(
    "--lattice",
    metavar="N|ROWSxCOLUMNS",
    type=LatticeType(),
    help="Lattice on which the file is checked and timed; a LiteRT file runs on no other, and a "
    "SavedModel proves errors on no other.  [default: that of the training]",
)
def export(run: Path, format: str, output: Path | None, lattice: tuple[int, int] | None) -> None:
    """Write a surrogate for another runtime.

    RUN is a run directory of `diffkeras train`. The file takes source images and returns fields,
    both on the linear scale, without diffkeras. It is put in place only if its fields of some test
    images are those of the Keras model within 1e-5 of the largest value. LiteRT and ONNX need
    more packages: pip install 'diffkeras[export]'.

    \b
    Examples:
      diffkeras export saved_models/quickstart --format onnx
      diffkeras export saved_models/quickstart --format litert --lattice 128 -o field.tflite
    """
    start_tensorflow()
    from diffkeras.workflows import export

    done = export(run, format, output, lattice=lattice)
    rows, columns = done.lattice
    alone, together = (f"{1000 * seconds:.3g}" for seconds in done.seconds)
    click.echo(f"wrote {done.path} ({done.label}, {done.size / 1e6:.3g} MB)")
    click.echo(
        f"its fields of {done.images} test images of {rows}×{columns} nodes are within "
        f"{done.difference:.1e} of the Keras model's, relative to the largest value"
    )
    click.echo(
        f"{alone} ms for one image, {together} ms per image in batches of {done.batch_size}, on "
        f"{done.device}"
    )
