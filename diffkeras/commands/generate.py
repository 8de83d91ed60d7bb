"""`diffkeras generate`."""

import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkeras.commands.options import (
    FILE,
    check_together,
    command,
    config_option,
    count_option,
    data_dir_option,
    override_options,
    read_config,
    start_tensorflow,
)
from diffkeras.errors import DataError, OutputError

if TYPE_CHECKING:
    from diffkeras.config import Config

logger = logging.getLogger(__name__)

SHOWN_COUNTS = 5
SHOWN_EXAMPLES = 3  # of each shown source count


@command(interrupted="finished files are kept; run the same command again to generate the rest")
@config_option("quickstart", "Configuration file, or the name of a shipped one.")
@override_options(
    "sources", "train_examples", "validation_examples", "test_examples", "stream", "seed"
)
@data_dir_option
@count_option("--processes", "Processes that solve")
@click.option(
    "--verify",
    "share",
    metavar="[SHARE]",
    type=float,
    is_flag=False,
    flag_value=0.01,
    help="Check instead of generating: read every record, and solve a random share of the "
    "examples again, at least three of each split.  [default share: 0.01]",
)
@click.option(
    "--preview",
    metavar="[FILE]",
    is_flag=False,
    flag_value="preview.png",
    type=FILE,
    help="Only solve a few examples, and draw them in a picture.  [default: preview.png]",
)
@click.option("--beam", is_flag=True, help="Generate by an Apache Beam pipeline.")
@click.option(
    "--beam-options",
    metavar="OPTIONS",
    help='Options of the pipeline, e.g. "--runner=FlinkRunner --parallelism=64".',
)
def generate(
    config_file: str,
    data_dir: Path,
    processes: int | None,
    share: float | None,
    preview: Path | None,
    beam: bool,
    beam_options: str | None,
    **flags: Any,
) -> None:
    """Solve random sources and write datasets.

    Writes one dataset per source count, and skips those that exist. If interrupted, run the same
    command again; finished files are kept and only the rest is generated.

    \b
    Examples:
      diffkeras generate --config quickstart
      diffkeras generate --config quickstart --preview data.png
      diffkeras generate --config paper --sources 1,20 --train-examples 100 \\
          --validation-examples 10 --test-examples 10
      diffkeras generate --config paper --verify 0.05
      diffkeras generate --config paper --beam \\
          --beam-options "--runner=FlinkRunner --parallelism=64"
    """
    check_together(
        needs=[("beam_options", "beam")],
        excludes=[
            ("preview", "share", "beam", "processes"),
            ("share", "beam", "processes"),
            ("beam", "processes"),
        ],
    )
    config = read_config(config_file, flags)
    if preview is not None:
        draw_examples(config, preview)
        click.echo(preview)
        return
    if share is not None:
        start_tensorflow()
        from diffkeras.data import verify

        found = verify(config, data_dir, share=share, show_progress=True)
        if found:
            number = "an error" if len(found) == 1 else f"{len(found)} errors, as printed above"
            raise DataError(f"{data_dir} has {number}, the first: {found[0]}")
        return
    from diffkeras.data import generate as run
    from diffkeras.system.environment import available_cores

    paths = run(
        config,
        data_dir,
        processes=processes or available_cores(),
        beam_options=_words(beam_options or "") if beam else None,
        show_progress=True,
    )
    for path in paths:
        click.echo(path)


def _words(options: str) -> list[str]:
    try:
        return shlex.split(options)
    except ValueError as error:
        raise click.BadParameter(
            f"{options!r} can't be read: {error}", param_hint="--beam-options"
        ) from None


def draw_examples(config: "Config", path: Path) -> None:
    """Solve the first training examples of some source counts, and draw their fields and maps."""
    from diffkeras.reporting.figures import examples_figure, tissue_figure
    from diffkeras.reporting.style import to_png
    from diffkeras.system.atomic_files import check_file, write_bytes

    if path.suffix.lower() != ".png":
        raise OutputError(f"a preview is a picture whose name ends in .png, unlike {path}")
    check_file(path)
    counts, varies = config.data.sources, bool(config.data.maps)
    number = 1 if varies else min(SHOWN_EXAMPLES, config.data.train_examples)
    places = range(min(SHOWN_COUNTS, len(counts)))
    chosen = [counts[place * (len(counts) - 1) // max(1, places[-1])] for place in places]
    logger.info("solving %d example(s) of each of %d source counts", number, len(chosen))
    samples = {
        count: list(config.recipe(count).examples("train", range(number))) for count in chosen
    }
    if varies:
        problems = {f"n = {count}": examples[0].problem for count, examples in samples.items()}
        figure = tissue_figure(problems, [examples[0].field for examples in samples.values()])
    else:
        figure = examples_figure(samples)
    write_bytes(path, to_png(figure))
