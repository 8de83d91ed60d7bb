"""`diffkeras evaluate`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.commands.options import (
    INPUT,
    PATH,
    check_together,
    collect_overrides,
    command,
    config_option,
    once_each,
    override_options,
    path_option,
    start_tensorflow,
    threads_option,
)
from diffkeras.reporting.terminal import fitted

SECTIONS = ("physics", "data", "evaluation")


def named_model(value: str) -> tuple[str, str]:
    """A name, and a run or file."""
    name, _, place = (part.strip() for part in value.partition("="))
    if not name or not place:
        raise click.BadParameter(f"{value!r} is not NAME=RUN or NAME=FILE")
    return name, place


@command()
@click.argument("run", required=False, type=PATH)
@config_option(None, "Configuration of the test data.  [default: the run's]")
@click.option(
    "--test-set",
    metavar="FILE",
    type=PATH,
    help="Instead of --config and --data-dir: test images with their fields, a .npz as "
    "`diffkeras-benchmark data` writes it.",
)
@override_options("sources", "test_examples")
@click.option(
    "--data-dir",
    metavar="DIR",
    type=PATH,
    help="Directory of the datasets.  [default: the training's, if it is there, else data]",
)
@threads_option
@click.option(
    "--predictions",
    metavar="FILE",
    type=INPUT,
    help="Instead of RUN: a .npz with the predicted fields of the test images, (images, rows, "
    "columns), of each source count, named sources_01 and so on. Needs --config or --test-set, and "
    "--output.",
)
@path_option("-o --output", "Directory of the results.  [default: RUN/evaluation]")
@click.option(
    "--name",
    metavar="TEXT",
    help="Name of the model in tables and figures.  [default: surrogate, or predictions]",
)
@click.option(
    "--compare",
    metavar="NAME=RUN|FILE",
    type=named_model,
    multiple=True,
    callback=once_each,
    help="Another model for the same tables and figures: a run or a shipped surrogate of the same "
    "physics, or a .npz of predictions. Repeatable. The first model alone has bounds, and decides "
    "which cases are shown.",
)
@click.option(
    "--format",
    "figure_format",
    type=click.Choice(["png", "pdf", "svg"]),
    default="png",
    show_default=True,
    help="Also write the files in figures/ in this format.",
)
def evaluate(
    run: Path | None,
    config_file: str | None,
    test_set: Path | None,
    data_dir: Path | None,
    threads: int | None,
    predictions: Path | None,
    output: Path | None,
    name: str | None,
    compare: tuple[tuple[str, str], ...],
    figure_format: str,
    **flags: Any,
) -> None:
    """Measure a surrogate on test data.

    RUN is a run directory of `diffkeras train`, or a surrogate that comes with diffkeras, such as
    default; then --output is needed. Models of other programs are measured in the same way, from
    their predictions. Writes metrics.json, examples.csv (one row per method and test image),
    figures/ and report.html, which opens in any browser. If the data have fewer test images than
    the configuration, these are taken, and the log says so.

    \b
    Examples:
      diffkeras evaluate saved_models/quickstart
      diffkeras evaluate saved_models/quickstart --sources 5 --test-examples 50
      diffkeras evaluate saved_models/unet --name U-Net \\
          --compare FNO=saved_models/fno
      diffkeras evaluate --config quickstart --predictions mine.npz --output mine
      diffkeras evaluate --test-set test.npz --predictions mine.npz --output mine
    """
    overrides = collect_overrides(flags)
    for key in overrides:
        if key.partition(".")[0] not in SECTIONS:
            raise click.BadParameter(f"{key} has no effect on an evaluation", param_hint="--set")
    check_together(
        needs=[("predictions", "config_file", "test_set"), ("predictions", "output")],
        excludes=[("test_set", "config_file", "data_dir"), ("predictions", "run")],
    )
    if predictions and predictions.suffix.lower() != ".npz":
        raise click.BadParameter(f"{predictions} isn't an .npz file", param_hint="--predictions")
    if not (predictions or run):
        raise click.UsageError("Missing argument 'RUN', a directory that `diffkeras train` wrote.")
    if test_set is not None:
        from diffkeras.evaluation.images import ImageFile

        ImageFile.open(test_set)  # or it is refused, also if it might name a directory of datasets
    config = None
    if config_file is not None:
        from diffkeras.config import load_config

        config = load_config(config_file)
    start_tensorflow(threads)
    from diffkeras import evaluate as run_evaluation
    from diffkeras.evaluation.errors import IN_WORDS

    evaluation = run_evaluation(
        predictions or run,
        test_set or data_dir,
        config=config,
        overrides=overrides,
        output=output,
        threads=threads,
        figure_format=figure_format,
        name=name,
        compare=dict(compare),
        show_progress=True,
    )
    report = evaluation.path / "report.html"
    click.echo(evaluation.table.to_text(report.name))
    click.echo(f"\n{fitted(IN_WORDS, hanging=0)}\n\nreport: {report}")
