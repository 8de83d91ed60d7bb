"""Predict the field of a problem in some files, and prove a bound of its error."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

from diffkeras.commands.field_files import FieldFiles
from diffkeras.commands.problem_files import ProblemFiles
from diffkeras.errors import PhysicsError
from diffkeras.reporting.text import rounded_up
from diffkeras.surrogates.prediction import Prediction
from diffkeras.surrogates.surrogate import load_surrogate

logger = logging.getLogger(__name__)


def predict_files(
    run_dir: str | Path,
    files: ProblemFiles,
    output: FieldFiles | str | Path,
    *,
    diffusion_length: float | None = None,
    tolerance: float | None = None,
    certify: bool = False,
) -> Prediction:
    """Read a problem, predict its field, and write it with its proven bounds.

    Args:
        run_dir: a finished run, or the name of a shipped surrogate.
        files: the files and numbers that describe the problem. What the surrogate's sources do is
            logged: they hold the field at their values, or produce.
        output: files of the field, its bound, the corrected field, and a picture.
        diffusion_length: ℓ [length], for a surrogate that was trained on several.
        tolerance: largest error of the written field, as for `Surrogate.predict`.
        certify: whether to prove a bound of the error before anything is written.

    Raises:
        DataError, ConfigurationError, PhysicsError, ConvergenceError: see `ProblemFiles.read`,
            `Surrogate.predict` and `Prediction.save`.
        RunError: the run can't be used.
        OutputError: a file can't be written.
    """
    output = FieldFiles.of(output)
    files = ProblemFiles.of(files)
    if tolerance is not None and output.corrected:
        raise PhysicsError(
            "with --tolerance, the field is corrected where it needs to be; leave out --corrected "
            "or --tolerance"
        )
    output.check(files.inputs)
    surrogate = load_surrogate(run_dir)
    options: Any = {} if diffusion_length is None else {"diffusion_length": diffusion_length}
    problem = files.read(partial(surrogate.problem, **options))
    output.check_problem(problem)
    prediction = surrogate.predict(problem, tolerance=tolerance)
    notes = None
    if certify or output.plot:  # before anything is written, as it may fail
        notes = f"proven: off by at most {rounded_up(prediction.error_bound)}"
    output.write(prediction, prediction.kind, notes)
    produce, hold = "produce the decay rate times their value", "hold the field at their value"
    logger.info(f"sources {produce if surrogate.production else hold}")
    return prediction
