"""Predict the field of a source image in a file, and prove a bound of its error."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.errors import PhysicsError
from diffkeras.surrogates.given_media import check_given
from diffkeras.surrogates.prediction import Prediction
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.workflows.field_files import FieldFiles, write_fields, write_plot
from diffkeras.workflows.source_files import SourceFile

logger = logging.getLogger(__name__)


def predict_files(
    run_dir: str | Path,
    sources: SourceFile | str | Path,
    output: FieldFiles | str | Path,
    *,
    diffusion_length: float | None = None,
    maps: Mapping[str, Path | float] | None = None,
    tolerance: float | None = None,
    certify: bool = False,
) -> Prediction:
    """Read a source image, predict its field, and write it with what is proven of it.

    Args:
        run_dir: a finished run, or the name of a shipped surrogate.
        sources: source image, batch of them, or list of discs. The log says what sources do, which
            the run decides: hold the field at their value, or produce. If they produce, the values
            of discs that overlap add.
        output: files of the field, its bound, the corrected field, and a picture.
        diffusion_length: ℓ [length], for a surrogate that was trained on several.
        maps: what a surrogate of tissues takes, by name: files of maps, or numbers.
        tolerance: largest error of the written field, as for `Surrogate.predict`.
        certify: whether to prove a bound of the error before anything is written.

    Raises:
        PhysicsError, ConvergenceError: see `SourceFile.read`, `Surrogate.predict` and
            `write_fields`.
        RunError: the run can't be used, or a file can't be written.
    """
    sources, output = SourceFile.of(sources), FieldFiles.of(output)
    if tolerance is not None and output.corrected:
        raise PhysicsError(
            "with --tolerance, the field is corrected where it needs to be; leave out --corrected "
            "or --tolerance"
        )
    maps = maps or {}
    files = {name: given for name, given in maps.items() if isinstance(given, Path)}
    output.check({"SOURCE_FILE": sources.path} | {f"--{k}": file for k, file in files.items()})
    surrogate = load_surrogate(run_dir)
    check_given(surrogate.config, {"diffusion_length": diffusion_length, **maps})
    image = sources.read(overlap=surrogate.production)
    read = {name: SourceFile(file, array=name).read() for name, file in files.items()}
    medium: Any = {**maps, **read, "diffusion_length": diffusion_length}
    prediction = surrogate.predict(image, tolerance=tolerance, **medium)
    # before anything is written, since it raises an error where nothing can be proven
    bound = prediction.error_bound if certify or output.plot else 0.0
    fields = {output.field: prediction.field}
    if output.bound:
        fields[output.bound] = prediction.node_bound
    if output.corrected:
        fields[output.corrected] = prediction.certificate.corrected.field
    write_fields(fields)
    _say_what_sources_do(surrogate)
    if output.plot:
        title = "solved field" if prediction.solved else "prediction"
        shown = {"x" if surrogate.production else "u": np.where(image != 0, image, np.nan)}
        notes = f"proven: off by at most {bound:.3g}"
        write_plot(output.plot, shown, prediction.field, title, notes)
    return prediction


def _say_what_sources_do(surrogate: Surrogate) -> None:
    """Log what sources do; called once nothing can be refused any more."""
    produce, hold = "produce the decay rate times their value", "hold the field at their value"
    logger.info(f"sources {produce if surrogate.production else hold}")
