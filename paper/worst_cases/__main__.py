"""Search for the images on which the surrogates of a study are worst.

    python -m paper.worst_cases worst_cases_reduced

Each search starts from another one of the worst test images of a run, and maximises the largest
error over the images of the data's distribution. It needs the finished study in
saved_models/studies/NAME, and writes searches.csv there: `paper.verdicts.others` reads it.
"""

import docs.quiet_tensorflow  # noqa: F401

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from diffkeras import DiffkerasError, Sources, load_surrogate
from diffkeras.config import Config
from diffkeras.surrogates.surrogate import Surrogate
from paper.study_data import read_study, write_table
from paper.study_files import study_of
from paper.worst_cases.errors import (
    candidate_errors,
    certify_candidates,
    choose_starts,
    measure_test_images,
)
from paper.worst_cases.image_space import ImageSpace
from paper.worst_cases.search import Search, search_at_random, search_from

STUDIES = Path("saved_models/studies")
PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class Settings:
    """Of the searches on one surrogate; with the same ones, the result is the same.

    Attributes:
        starts: number of searches, each from another one of the worst test images.
        evaluations: number of images that each search tries.
        seed: of the searches.
    """

    starts: int = 3
    evaluations: int = 2000
    seed: int = 0


def search_run(surrogate: Surrogate, config: Config, settings: Settings) -> pd.DataFrame:
    """A row for each search on a surrogate.

    Args:
        surrogate: that is searched.
        config: of the test images; they decide the distribution.
        settings: of the searches.

    """
    errors, images = measure_test_images(surrogate, config)
    rows = []
    for number, start in enumerate(choose_starts(errors, settings.starts).to_dict("records")):
        space = ImageSpace(config.recipe(start["sources"]))
        image = images[start["sources"], start["start_example"]]
        found = _search(surrogate, space, image, settings, number)
        rows.append({"search": number} | start | found)
    searches = pd.DataFrame(rows)
    return searches.assign(ratio=searches["found_error"] / searches["test_max_error"])


def _search(
    surrogate: Surrogate, space: ImageSpace, start: Sources, settings: Settings, number: int
) -> dict[str, Any]:
    """What a search found, as columns of searches.csv."""
    rngs = np.random.default_rng([settings.seed, number]).spawn(2)

    def new_search(evaluations: int) -> Search:
        return Search(lambda images: candidate_errors(surrogate, space, images), evaluations)

    began = time.perf_counter()
    evolved = search_from(start, space, new_search(settings.evaluations), rngs[0])
    seconds = time.perf_counter() - began
    random = search_at_random(space, new_search(evolved.tried), rngs[1])
    assert evolved.worst is not None
    return {
        "found_error": evolved.error,
        "random_error": random.error,
        "evaluations": evolved.tried,
        "seconds": round(seconds, 2),
        **certify_candidates(surrogate, space, [evolved.worst, start, *evolved.population]),
        "discs": discs_as_json(evolved.worst),
    }


def discs_as_json(sources: Sources) -> str:
    """Rows, columns, radii and values of an image's discs."""
    names = ("rows", "columns", "radii", "values")
    return json.dumps({name: getattr(sources, name).tolist() for name in names})


def search_study(directory: Path, runs_dir: Path, config: Config, settings: Settings) -> None:
    """Write searches.csv of a study: the searches on each of its runs."""
    data = read_study(directory)
    parts = []
    for run in data.overall.to_dict("records"):
        click.echo(f"searching {run['run']}", err=True)
        found = search_run(load_surrogate(runs_dir / run["run"]), config, settings)
        about = {str(name): run[str(name)] for name in (*data.factors, "run")}
        parts.append(pd.concat([pd.DataFrame(about, index=found.index), found], axis=1))
    write_table(directory / "searches.csv", pd.concat(parts, ignore_index=True))


@click.command(help=str(__doc__).partition("\n")[0])
@click.argument("study")
@click.option("--studies", type=PATH, default=STUDIES, show_default=True)
@click.option("--runs-dir", type=PATH, default=STUDIES / "runs", show_default=True)
@click.option("--starts", default=3, show_default=True, help="Searches on each run.")
@click.option("--evaluations", default=2000, show_default=True, help="Images that each tries.")
@click.option("--seed", default=0, show_default=True)
def main(study: str, studies: Path, runs_dir: Path, **settings: int) -> None:
    try:
        search_study(studies / study, runs_dir, study_of(study).test, Settings(**settings))
    except DiffkerasError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
