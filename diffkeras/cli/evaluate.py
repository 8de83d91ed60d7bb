"""`diffkeras evaluate`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    collect_overrides,
    config_option,
    data_dir_option,
    default_run_dir,
    override_options,
    read_config,
    run_dir_option,
    start_tensorflow,
    workers_option,
)


@click.command()
@config_option(None, "Source counts, sizes and seed of the test data, if not the run's own.")
@override_options
@data_dir_option
@run_dir_option
@workers_option
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the results go.  [default: RUN_DIR/evaluation]",
)
def evaluate(
    config_file: str | None,
    data_dir: Path,
    run_dir: Path | None,
    workers: int | None,
    output: Path | None,
    **flags: Any,
) -> None:
    """Measure a trained surrogate on test data, beside two baselines, and write a report.

    Writes metrics.json, examples.csv (one row per method and test image), figures/ and
    report.html, which opens in any browser.

    \b
    Examples:
      diffkeras evaluate --run-dir saved_models/quickstart
      diffkeras evaluate --run-dir saved_models/quickstart --sources 5 --test-examples 50
    """
    from diffkeras.surrogates.run_directory import Run

    overrides = collect_overrides(flags)
    if run_dir is None:
        run_dir = default_run_dir(read_config(config_file or "quickstart", flags))
    own = Run.open(run_dir).config()
    config = read_config(config_file, flags) if config_file else own.with_overrides(overrides)
    start_tensorflow()
    from diffkeras.workflows import evaluate as run

    evaluation = run(
        run_dir,
        data_dir,
        config=config,
        workers=workers,
        output=output,
        show_progress=True,
    )
    click.echo(evaluation.table.to_text())
    click.echo(f"\nreport: {evaluation.path / 'report.html'}")
