"""`diffkeras predict`."""

import logging
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkeras.commands.field_files import FieldFiles, field_options, kinds_of, largest_bound
from diffkeras.commands.options import (
    PATH,
    check_together,
    command,
    file_option,
    map_option,
    number_option,
    start_tensorflow,
    taken,
)
from diffkeras.commands.problem_files import ProblemFiles, do_each, problem_options
from diffkeras.reporting.text import rounded_up

if TYPE_CHECKING:
    from diffkeras.surrogates.prediction import Prediction

logger = logging.getLogger(__name__)


@command()
@click.argument("run", type=PATH)
@field_options
@problem_options
@number_option(
    "--diffusion-length",
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
    help="Print a proven upper bound on the largest error, and a smaller one of the corrected "
    "field, if there is one.",
)
@file_option("--corrected", "The corrected field, which the proof yields.")
@number_option(
    "--tolerance",
    help="Largest error, relative to the largest |value|. If the prediction isn't proven to meet "
    "it, the corrected field is written, or else the solved one. Its name is printed.",
)
def predict(
    run: Path,
    diffusion_length: float | None,
    certify: bool,
    tolerance: float | None,
    **options: Any,
) -> None:
    """Predict the field around sources by a surrogate.

    RUN is a run directory of `diffkeras train`, or a surrogate that comes with diffkeras, such as
    default. SOURCE_FILE is as for `diffkeras solve`, without negative values. Medium and boundary
    are those that the surrogate was trained on, and so is what sources do: hold the field at their
    value, or produce the decay rate times their value. A surrogate of tissues needs their maps.

    \b
    Examples:
      diffkeras predict default discs.png -o field.npy --certify
      diffkeras predict default discs.png -o field.npy --tolerance 1e-3
      diffkeras predict saved_models/tissue vessels.npy -o field.npy \\
          --decay uptake.npy --certify
    """
    start_tensorflow()
    from diffkeras.surrogates.surrogate import load_surrogate

    check_together(excludes=[("tolerance", "corrected")])
    files = taken(FieldFiles, options)
    inputs = ProblemFiles.each(options)
    outputs = files.of_inputs(inputs)
    surrogate = load_surrogate(run)
    length: Any = {} if diffusion_length is None else {"diffusion_length": diffusion_length}

    def work(name: str, given: ProblemFiles) -> None:
        problems = given.read(partial(surrogate.problem, **length))
        predictions = surrogate.predict_many(problems, tolerance=tolerance)
        notes = None
        if certify or files.plot:  # before anything is written, as it may fail
            notes = f"proven: off by at most {rounded_up(largest_bound(predictions, files.output))}"
        outputs[name].write(predictions, kinds_of(predictions), notes)
        _report(outputs[name], predictions, certify, tolerance)

    do_each(inputs, work)
    produce, hold = "produce the decay rate times their value", "hold the field at their value"
    logger.info(f"sources {produce if surrogate.production else hold}")


def _report(
    files: FieldFiles, predictions: "list[Prediction]", certify: bool, tolerance: float | None
) -> None:
    """Print what was written, and what is proven of it."""
    proven: list[tuple[str, list[Any], float]] = []
    kind = kinds_of(predictions)
    if certify or files.bound or files.corrected or tolerance is not None:
        proven.append((kind, predictions, largest_bound(predictions, files.output)))
    if proven and tolerance is None:
        better = [prediction.corrected for prediction in predictions]
        bound = largest_bound(better, files.corrected)
        if files.corrected or bound < proven[0][-1]:
            proven.append(("corrected field", better, bound))
    lines = [
        f"the {name} has values up to {max(abs(one.field).max() for one in results):.3g}, and a "
        f"proven error of at most {rounded_up(bound)}"
        for name, results, bound in proven
    ]
    bounds = [bound for *_, bound in proven]
    names = ("error_bound", "corrected_error_bound")
    files.report(predictions, lines, {"field": kind, **dict(zip_longest(names, bounds))})
