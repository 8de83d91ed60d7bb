"""The worst and the median test images of a surrogate, for the report."""

from pathlib import Path

from diffkeras.config import Config
from diffkeras.evaluation.images import read_image
from diffkeras.evaluation.measurement import Measurement
from diffkeras.reporting.figures import Case
from diffkeras.surrogates.surrogate import Surrogate


def choose_cases(found: Measurement, cases: int) -> dict[str, list[tuple[int, int]]]:
    """Source count and number of the images with the largest and with median errors.

    Args:
        found: errors of the surrogate.
        cases: how many of each kind.
    """
    ordered = sorted(
        (float(mae), count, number)
        for count, of_count in found.counts.items()
        for number, mae in enumerate(of_count.scores("surrogate").mae())
    )
    middle = max(0, (len(ordered) - cases) // 2)
    chosen = {
        "worst_cases": ordered[::-1][:cases],
        "median_cases": ordered[middle : middle + cases],
    }
    return {name: [(count, number) for _, count, number in case] for name, case in chosen.items()}


def read_case(
    surrogate: Surrogate, config: Config, data_dir: Path, count: int, number: int
) -> Case:
    """A test image with its field and the surrogate's prediction, to be drawn."""
    batch = read_image(config, count, number, data_dir)
    prediction = surrogate.predict(batch.images, diffusion_length=batch.lengths).field[0]
    truth = batch.fields[0]
    medium = "" if batch.lengths is None else f"\nℓ = {batch.lengths[0]:.3g}"
    mae = float(abs(prediction - truth).mean(dtype=float))
    title = f"n = {count}, example {number}{medium}\nMAE {mae:.2g}"
    return title, batch.images[0], truth, prediction
