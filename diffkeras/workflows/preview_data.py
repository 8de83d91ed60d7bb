"""Preview the data of a configuration: examples, field values, distances between sources."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from diffkeras.config import Config, format_counts
from diffkeras.errors import OutputError
from diffkeras.physics import Example, Medium
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.reporting.data_figures import (
    distances_figure,
    examples_figure,
    tissue_figure,
    values_figure,
)
from diffkeras.reporting.html import write_report
from diffkeras.reporting.style import to_png
from diffkeras.reporting.tables import Table, number
from diffkeras.representation.regions import REGIONS, region_mask
from diffkeras.system.atomic_files import check_file

SHOWN_COUNTS = 5
SHOWN_EXAMPLES = 3  # Of each shown source count.
MAX_EXAMPLES = 20  # Per source count, for the statistics.

logger = logging.getLogger(__name__)


def preview(config: Config, path: str | Path) -> Path:
    """Solve a few examples of each source count and write an HTML report about them.

    They are the first ones of the training split. No dataset is read or written.

    Args:
        config: physics, source counts, radii and seed; with fewer than 20 training examples, all of
            them are solved.
        path: the report.

    Raises:
        PackingError: the discs don't fit.
        OutputError: the report can't be written, or its name doesn't end in .html.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"a preview is an HTML page, so its name ends in .html, unlike {path}")
    check_file(path)
    about, pictures, tables = _of_sources(config, "×".join(map(str, config.physics.lattice)))
    write_report(
        path,
        "preview.html.j2",
        title=f"The data of {config.name}",
        lead=f"{about} Sides: {sides_in_words(config.physics.medium.sides)}.",
        production=config.physics.produces,
        pictures={name: to_png(figure) for name, figure in pictures.items()},
        configuration=config.to_yaml(),
        **tables,
    )
    return path


def _of_sources(config: Config, nodes: str) -> tuple[str, dict[str, Figure], dict[str, Any]]:
    """A text, pictures and tables of random sources."""
    counts = config.data.sources
    examples = min(MAX_EXAMPLES, config.data.train_examples)
    logger.info("solving %d examples of each of %d source counts", examples, len(counts))
    samples = {
        count: list(config.kind.recipe(count).examples("train", range(examples)))
        for count in counts
    }
    chosen = sorted({counts[i] for i in np.linspace(0, len(counts) - 1, SHOWN_COUNTS).astype(int)})
    pictures = {
        "examples": examples_figure({count: samples[count][:SHOWN_EXAMPLES] for count in chosen}),
        "values": values_figure({f"n = {count}": samples[count] for count in chosen}),
        "distances": distances_figure(
            {count: samples[count] for count in counts if count > 1}, _diffusion_lengths(config)
        ),
    }
    if config.data.tissue:
        first = {f"n = {count}": samples[count][0] for count in chosen}
        problems = {title: example.problem for title, example in first.items()}
        pictures["tissues"] = tissue_figure(problems, [example.field for example in first.values()])
    lengths = " to ".join(f"{length:.3g}" for length in _diffusion_lengths(config))
    about = (
        f"{examples} examples for each of {format_counts(counts)} sources on a lattice of {nodes} "
        f"nodes. Diffusion length: {lengths} lattice steps. {_kind(config)}"
    )
    return about, pictures, {"shares": _shares_table(samples)}


def _kind(config: Config) -> str:
    """Which fields the sources of these data have, and in which medium."""
    data = config.data
    if config.physics.produces:
        divided = ", and each field is divided by its maximum" if data.divide_by_maximum else ""
        overlap = " Where discs overlap, their values add." if data.placement.overlap else ""
        return f"Sources produce the decay rate times their values{divided}.{overlap}"
    text = "The field has the sources' values on their nodes."
    if data.tissue is None:
        return text
    text += " The medium is a tissue of cells and regions."
    if data.tissue.saturation is not None:
        text += " The uptake of cells saturates; diffusion lengths are those of low concentrations."
    if data.tissue.secretes:
        text += " Other cells secrete."
    return f"{text} The diffusion length varies from node to node."


def _diffusion_lengths(config: Config) -> tuple[float, ...]:
    """The diffusion length, or the shortest and the longest one [lattice steps]."""
    lengths = config.data.diffusion_length or (config.physics.medium.diffusion_length,)
    if tissue := config.data.tissue:
        (slowest, fastest), physics = tissue.diffusivity, config.physics
        fast = Medium(slowest * physics.diffusivity, physics.decay + tissue.fastest_uptake)
        slow = Medium(fastest * physics.diffusivity, physics.decay)
        lengths = (fast.diffusion_length, slow.diffusion_length)
    return tuple(length / config.physics.step for length in lengths)


def _shares_table(samples: dict[int, list[Example]]) -> Table:
    """How rare each region is: its share of the nodes, per source count."""
    names = [name for name in REGIONS if name != "lattice"]
    rows = []
    for count, examples in samples.items():
        fields = np.stack([e.field for e in examples])
        images = np.stack([e.source_image for e in examples])
        shares = [100 * region_mask(name, fields, images).mean() for name in names]
        rows.append([str(count), *(f"{number(float(share))} %" for share in shares)])
    return Table(["sources", *(REGIONS[name] for name in names)], rows)
