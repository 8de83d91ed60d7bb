"""`diffkeras test-set`."""

from pathlib import Path

import click

from diffkeras.cli.options import command, file_option, start_tensorflow


@command("test-set")
@click.argument("name", required=False)
@file_option("-o --output", "The file, .npz.")
def test_set(name: str | None, output: Path | None) -> None:
    """Write a public test set, or list them.

    A test set is drawn and solved here. Its source images are checked by the set's hash, and its
    fields by their residuals. The .npz holds, for each source count NN, source_images_NN, fields_NN
    and bounds_NN, the largest error that each field can have; in tissue, also diffusivity_NN and
    decay_NN; and name, sha256 and configuration, the YAML of the data for --config.
    `diffkeras evaluate --test-set NAME --predictions FILE` judges a model's fields of them, except
    in tissue.

    \b
    Examples:
      diffkeras test-set
      diffkeras test-set fixed_values_64 -o fixed_values_64.npz
    """
    start_tensorflow()
    from diffkeras.evaluation.test_sets.test_set import get_test_set

    if name is None:
        if output is not None:
            raise click.UsageError("Missing argument 'NAME'.")
        _list()
        return
    get_test_set(name)
    if output is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    from diffkeras.workflows import write_test_set

    click.echo(write_test_set(name, output, show_progress=True))


def _list() -> None:
    from diffkeras.evaluation.test_sets.problems import PROBLEMS
    from diffkeras.evaluation.test_sets.test_set import TEST_SETS

    for name, test_set in TEST_SETS.items():
        data = test_set.config().data
        click.echo(
            f"{name}: {data.test_examples * len(data.sources)} images of "
            f"{test_set.side}x{test_set.side} nodes with {data.sources[0]} to {data.sources[-1]} "
            f"sources. {PROBLEMS[test_set.problem].description}\n  SHA-256 {test_set.sha256}"
        )
