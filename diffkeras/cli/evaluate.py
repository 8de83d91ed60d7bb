"""`diffkeras evaluate`."""

from pathlib import Path
from typing import Any

import click

from diffkeras.cli.options import (
    INPUT,
    WholeRange,
    collect_overrides,
    command,
    config_option,
    data_dir_option,
    override_options,
    start_tensorflow,
    threads_option,
)

SECTIONS = ("physics", "data", "evaluation")
TEST_EXAMPLES = "data.test_examples"


@command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@config_option(None, "Configuration of the test data.  [default: that of the run]")
@click.option(
    "--test-set",
    metavar="NAME",
    help="Instead of --config: a public test set, such as tissue_64, or tissue_64/edges for a "
    "shifted one. It is generated if needed. `diffkeras benchmark-data` lists them.",
)
@override_options("sources", "test_examples")
@data_dir_option
@threads_option()
@click.option(
    "--predictions",
    metavar="FILE",
    type=INPUT,
    help="Instead of RUN: a .npz with the predicted fields of the test images, (images, rows, "
    "columns), of each source count, named sources_01 and so on. Needs --config or --test-set, and "
    "--output.",
)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Directory of the results.  [default: RUN/evaluation]",
)
@click.option(
    "--worst-cases",
    metavar="N",
    type=WholeRange(1, 1_000_000),
    help="Also search for images with a larger error, by N tries from each of the 3 worst test "
    "images.  [default: no search]",
)
def evaluate(
    run: Path | None,
    config_file: str | None,
    test_set: str | None,
    data_dir: Path,
    threads: int | None,
    predictions: Path | None,
    output: Path | None,
    worst_cases: int | None,
    **flags: Any,
) -> None:
    """Measure a surrogate on test data.

    RUN is a run directory of `diffkeras train`, or a surrogate that comes with diffkeras, such as
    default; then --output is needed. Models of other programs are measured in the same way, from
    their predictions. Writes metrics.json, examples.csv (one row per method and test image),
    figures/ and report.html, which opens in any browser. A search for worst cases writes
    worst_cases/.
    If the data have fewer test images than the configuration, these are taken, and the log says so.

    \b
    Examples:
      diffkeras evaluate saved_models/quickstart
      diffkeras evaluate saved_models/quickstart --sources 5 --test-examples 50
      diffkeras evaluate saved_models/quickstart --worst-cases 2000
      diffkeras evaluate --config quickstart --predictions mine.npz --output mine
      diffkeras evaluate --test-set fixed_values_64 --predictions mine.npz --output mine
    """
    overrides = collect_overrides(flags)
    for key in overrides:
        if key.partition(".")[0] not in SECTIONS:
            raise click.BadParameter(f"{key} has no effect on an evaluation", param_hint="--set")
    if config_file is not None and test_set is not None:
        raise click.UsageError("--test-set and --config exclude each other.")
    if predictions is not None:
        if run or worst_cases:
            raise click.UsageError("--predictions stands for RUN; leave out RUN and --worst-cases.")
        if not (config_file or test_set) or output is None:
            raise click.UsageError("--predictions needs --config or --test-set, and --output.")
    elif run is None:
        raise click.UsageError("Missing argument 'RUN', a directory that `diffkeras train` wrote.")
    config = _test_config(run, config_file, test_set, overrides, data_dir)
    start_tensorflow(threads)
    from diffkeras import workflows

    options: dict[str, Any] = {"threads": threads, "show_progress": True}
    if run is None:
        evaluation = workflows.evaluate_foreign(
            config, data_dir, output, predictions=predictions, **options
        )
    else:
        if worst_cases is not None:
            from diffkeras.evaluation.worst_cases.certified import check_searchable

            check_searchable(config)  # before the evaluation, which takes its time
        evaluation = workflows.evaluate(run, data_dir, config=config, output=output, **options)
    click.echo(evaluation.table.to_text())
    click.echo(f"\nreport: {evaluation.path / 'report.html'}")
    if run is not None and worst_cases is not None:
        _search(run, data_dir, config, worst_cases, evaluation.path / "worst_cases")


def _test_config(
    run: Path | None,
    config_file: str | None,
    test_set: str | None,
    overrides: dict[str, Any],
    data_dir: Path,
) -> Any:
    """The configuration of the test data; those of a public test set are then there."""
    from diffkeras.config import load_config
    from diffkeras.data.storage import with_stored_examples
    from diffkeras.surrogates.run_directory import Run

    own = Run.open(run) if run else None
    if test_set is not None:
        start_tensorflow()  # without its messages, which the next import would let through
        from diffkeras.workflows import generate_test_set

        return generate_test_set(test_set, data_dir, overrides=overrides, show_progress=True)
    if config_file is not None:
        config = load_config(config_file, overrides)
    else:
        assert own is not None
        config = own.config().with_overrides(overrides)
    return config if TEST_EXAMPLES in overrides else with_stored_examples(config, data_dir)


def _search(run_dir: Path, data_dir: Path, config: Any, evaluations: int, output: Path) -> None:
    from diffkeras.studies.config import WorstCasesConfig
    from diffkeras.workflows import search_worst_cases

    settings = WorstCasesConfig(evaluations=evaluations)
    found = search_worst_cases(
        run_dir, data_dir, config, settings, output=output, show_progress=True
    )
    click.echo(f"\nlargest errors of any node\n{found.table.to_text()}")
    click.echo(f"\nworst cases: {found.path}")
