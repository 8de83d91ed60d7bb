"""Preview the data of a configuration: a picture of some examples."""

import logging
from pathlib import Path

import numpy as np

from diffkeras.config import Config
from diffkeras.errors import OutputError
from diffkeras.reporting.data_figures import examples_figure, tissue_figure
from diffkeras.reporting.style import to_png
from diffkeras.system.atomic_files import check_file, write_bytes

SHOWN_COUNTS = 5
SHOWN_EXAMPLES = 3  # of each shown source count

logger = logging.getLogger(__name__)


def preview(config: Config, path: str | Path) -> Path:
    """Solve a few examples of some source counts, and draw their fields.

    They are the first ones of the training split. In tissues, the first one of each source count
    is drawn with its maps. No dataset is read or written.

    Args:
        config: physics, source counts, radii and seed.
        path: the picture.

    Raises:
        PackingError: the discs don't fit.
        OutputError: the picture can't be written, or its name doesn't end in .png.
    """
    path, counts, varies = Path(path), config.data.sources, bool(config.data.maps)
    if path.suffix.lower() != ".png":
        raise OutputError(f"a preview is a picture whose name ends in .png, unlike {path}")
    check_file(path)
    number = 1 if varies else min(SHOWN_EXAMPLES, config.data.train_examples)
    chosen = sorted({counts[i] for i in np.linspace(0, len(counts) - 1, SHOWN_COUNTS).astype(int)})
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
    return path
