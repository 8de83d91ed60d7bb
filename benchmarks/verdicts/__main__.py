"""Write the verdicts of the page "Does the paper hold?" from the rows of studies.

    python -m benchmarks.verdicts     # make findings runs it too

It reads the rows of runs and searches in docs/results/studies/STUDY, and tables of benchmarks: for
the speed of networks and solvers, and of hard examples. It writes summary.md, verdicts.md,
rules.md, weights.md, joint.md, recipe.md and identities.md into docs/results/findings. The rules
are in `benchmarks.verdicts`; the rule of a verdict in words is the docstring of its function. A
study without results is left out.
"""

import docs.quiet_tensorflow  # noqa: F401

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import click
import pandas as pd

from benchmarks import verdicts as rules_of
from benchmarks.shared.command import PATH, RESULTS, command
from benchmarks.shared.tables import CAPTION
from benchmarks.verdicts import Verdict
from benchmarks.verdicts.comparisons import joint_against_single, weighted_losses
from diffkeras.config import Config, load_config
from diffkeras.errors import RunError
from diffkeras.reporting.text import markdown_table, value_text
from diffkeras.studies.study_data import (
    ALL,
    SEED,
    STUDY_FILE,
    VARIANT,
    StudyData,
    TooFewRunsError,
    names_damaged,
    read_study,
    read_table,
)
from diffkeras.studies.study_directory import recipe_of
from diffkeras.studies.study_file import load_study
from diffkeras.surrogates.run_identity import run_identity
from diffkeras.system.atomic_files import write_text

DOCS = Path(__file__).parents[2] / "docs" / "results"
SIDE, DISCS = "512", "20"  # of the paper's largest images, where times are compared


@dataclass(frozen=True)
class Claim:
    """What the paper claims, the rule, and the studies that it is applied to: label → name."""

    words: str
    rule: Callable[..., Verdict]
    studies: dict[str, str]


def _of(name: str, designed: str = "") -> dict[str, str]:
    """The studies of a claim by what is varied: reduced ones, and those with the paper's recipe."""
    found = {
        "fixed values, equal steps": f"{name}_reduced",
        "production, equal steps": f"{name}_production_reduced",
    }
    return found | {
        f"production, equal {budget}, paper's recipe, {side}²": f"{designed}_{budget}_{side}"
        for budget in ("epochs", "steps")
        for side in (64, 128)
        if designed
    }


SIZES = _of("size_and_loss", "size_production")
EPOCHS = {"fixed values, equal epochs": "training_time_reduced"}
CLAIMS = (
    Claim("1. Size matters most", rules_of.size_matters_most, SIZES),
    Claim(
        "2. The error falls with the logarithm of the size",
        rules_of.error_falls_with_logarithm,
        SIZES | EPOCHS,
    ),
    Claim("3a. The fluctuation falls with the size", rules_of.spread_falls, SIZES | EPOCHS),
    Claim(
        "3b. The same, relative to the error",
        rules_of.spread_falls_relative_to_the_error,
        SIZES | EPOCHS,
    ),
    Claim("4. The training time is linear in the size", rules_of.time_is_linear, EPOCHS),
    Claim("5a. Weights in the loss help near the sources", rules_of.weights_help, SIZES),
    Claim(
        "5b. Toggled or random losses, or transforms, lower the error",
        rules_of.variant_helps,
        {"production, equal epochs, paper's recipe, 64²": "losses_production_64"},
    ),
    Claim(
        "6. No one surrogate is best for every number of sources",
        rules_of.best_for_each_count,
        _of("source_counts"),
    ),
    Claim(
        "7a. Which of several random subsets is trained on matters",
        rules_of.subsets_differ,
        _of("disjoint_subsets") | {"production, paper's recipe, 64²": "subsets_production_64"},
    ),
    Claim(
        "7b. Where the sources lie in training matters (not of the paper)",
        rules_of.loses_outside_its_placement,
        _of("placements"),
    ),
    Claim("8. Edge cases exist", rules_of.edge_cases_exist, _of("worst_cases")),
    Claim(
        "9. Encoder-decoders are particularly well suited",
        rules_of.architecture_is_best,
        {
            "production, equal parameters": "architectures_production_parameters_64",
            "production, equal time": "architectures_production_time_64",
        },
    ),
)
HARD = "11. Hard examples in the training set lower the error"
HARD_ROWS = "hard_examples.csv"  # of benchmarks.hard_examples
SPEED = "10. A surrogate is faster by several orders of magnitude"
# of benchmarks.solver, solvers of at least the accuracy of a float32 network
TABLES = {"fixed values": "solver.csv", "production": "solver_production.csv"}
BARE = "transform pair"  # solves nothing
PRODUCTION = "diffkeras production"  # the only method that solves production
VERDICTS = ("claim", "study", "verdict", "without one size", "without one draw", "measured")
SUMMARY = ("claim", "verdict of the study nearest to the paper", "number that decides")
NEAREST = ("paper's recipe", "production", "128²")  # in names of studies nearer to the paper
# in which recipes differ; losses, architectures and transforms are what studies compare
SETTINGS = (
    *("training.optimizer", "training.learning_rate", "training.schedule", "training.warmup"),
    *("training.batch_size", "training.steps_per_epoch", "training.epochs"),
    *("model.initial_weights", "model.width", "model.depth"),
)
SECTIONS = {"11": "7"}  # of the page, where that is not the claim's number


def verdicts(studies: Path, benchmarks: Path) -> Iterator[list[str]]:
    """A row for each claim and study that has results: `VERDICTS`, and the number that decides."""
    for claim in CLAIMS:
        yield from _judged(claim, studies)
    for reading, measured in times(benchmarks):
        yield _row(
            SPEED, f"{reading}, {SIDE}², CPU", rules_of.orders_of_magnitude_faster(*measured)
        )
    if (file := benchmarks / HARD_ROWS).is_file():
        yield hard_examples(file)


def summary(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """A row for each claim of `verdicts`: `SUMMARY`."""
    for words, found in groupby(rows, key=itemgetter(0)):
        of_claim = list(found)
        nearest = max(of_claim, key=lambda row: [part in row[1] for part in NEAREST])
        others = Counter(row[2].strip("*") for row in of_claim if row is not nearest)
        rest = ", ".join(f"{count} {outcome}" for outcome, count in others.items())
        number = words.partition(".")[0].rstrip("ab")
        yield [
            f"[{words}](#finding-{SECTIONS.get(number, number)})",
            f"{nearest[2]}: {nearest[1]}" + f" (others: {rest})" * bool(rest),
            nearest[-1],
        ]


def hard_examples(file: Path) -> list[str]:
    """The row of the hard examples, whose runs are in two stages and no study's."""
    runs = read_table(file, {VARIANT: "str", SEED: "str"}).assign(test_set="test", sources=ALL)
    with names_damaged([file]):
        factors = {name: list(runs[name].unique()) for name in (VARIANT, SEED)}
        data = StudyData(factors, runs, runs.iloc[:0])
        return _row(HARD, "production, paper's recipe, 64²", rules_of.hard_examples_help(data))


def _judged(claim: Claim, studies: Path) -> Iterator[list[str]]:
    for label, name in claim.studies.items():
        if (data := read(studies, name)) is not None:
            with _names_rows(studies / name):
                verdict = claim.rule(data)
            yield _row(claim.words, label, verdict)


@contextmanager
def _names_rows(study: Path) -> Iterator[None]:
    """Turn errors about the rows of a study into a RunError that names it."""
    try:
        with names_damaged([study / file for file in (STUDY_FILE, "runs.csv", "searches.csv")]):
            yield
    except TooFewRunsError as error:
        raise RunError(f"{study} has too few runs: {error}") from None


def _row(words: str, label: str, verdict: Verdict) -> list[str]:
    sizes = {f"{size:,}": outcome for size, outcome in verdict.left_out.items()}
    without_draw = (f"{draw}: {v.outcome} ({v.key})" for draw, v in verdict.left_out_draws.items())
    without = (_without(sizes), "; ".join(without_draw))
    return [words, label, f"**{verdict.outcome}**", *without, verdict.evidence, verdict.key]


def _without(left_out: Mapping[str, str]) -> str:
    """The outcomes without each part, the most frequent one last."""
    others = {
        outcome: [part for part, found in left_out.items() if found == outcome]
        for outcome in dict.fromkeys(left_out.values())
    }
    most = max(others, key=lambda outcome: len(others[outcome]), default="")
    parts = [f"{o} without {', '.join(s)}" for o, s in others.items() if o != most]
    rest = [f"{most} otherwise" if parts else f"{most} without any"] * bool(most)
    return "; ".join([*parts, *rest])


def read(studies: Path, name: str) -> StudyData | None:
    """The rows of a study; None if it has no results."""
    directory = studies / name
    return read_study(directory) if (directory / STUDY_FILE).is_file() else None


def times(benchmarks: Path) -> Iterator[tuple[str, tuple[float, dict[str, float], str]]]:
    """Each reading with the arguments of `orders_of_magnitude_faster`."""
    file = benchmarks / "training.csv"
    if not file.is_file():
        return
    networks = read_table(file, {})
    with names_damaged([file]):
        rows = networks[(networks["nodes"] == f"{SIDE}²") & (networks["PyTorch"] == "inference")]
        rows = _measured(rows, "diffkeras [1/s]", file, f"inference on {SIDE}² nodes")
        network = 1 / float(rows["diffkeras [1/s]"].max())
        of_network = _machine(rows)
    for reading, name in TABLES.items():
        table = read_table(benchmarks / name, {"side": "str", "discs": "str"})
        with names_damaged([benchmarks / name]):
            rows = table[(table["side"] == SIDE) & (table["discs"] == DISCS)]
            produces, bare = (rows["method"] == method for method in (PRODUCTION, BARE))
            rows = rows[produces if reading == "production" else ~(produces | bare)]
            what = f"a solver on {SIDE}² nodes with {DISCS} discs"
            rows = _measured(rows, "time [ms]", benchmarks / name, what)
            solvers = dict(zip(rows["method"], rows["time [ms]"] / 1e3, strict=True))
            machines = f"network: {of_network}; solvers: {_machine(rows)}"
        yield reading, (network, solvers, machines)


def _machine(rows: pd.DataFrame) -> str:
    """The caption of a table without the versions of programs."""
    return str(rows[CAPTION].iloc[0]).partition(";")[0]


def _measured(rows: pd.DataFrame, column: str, file: Path, what: str) -> pd.DataFrame:
    """The rows with a figure in a column.

    Raises:
        RunError: there is none.
    """
    found = rows[rows[column].notna()]
    if found.empty:
        raise RunError(f"{file} has no figure for {what}; measure it, and run this again")
    return found


def weights(studies: Path) -> Iterator[list[str]]:
    """A row for each weighted loss and region: the ratio to the same error without the weight."""
    for label, name in SIZES.items():
        if (data := read(studies, name)) is not None:
            with _names_rows(studies / name):
                found = weighted_losses(data)
            for each in found:
                p = f"{each.p_holm:.2g}"
                yield [label, each.loss, each.reference, each.region, str(each.ratio), p]


def joint(studies: Path) -> Iterator[list[str]]:
    """A row for each number of sources: the surrogate of all numbers against that of this one."""
    for label, name in _of("source_counts").items():
        if (data := read(studies, name)) is not None:
            with _names_rows(studies / name):
                found = joint_against_single(data)
            for count, ratio in found.items():
                yield [label, str(count), str(ratio), f"{ratio.p:.2g}"]


def recipe(studies: Path) -> Iterator[list[str]]:
    """The names of the settings, then a row for each recipe: the authors', then those of studies.

    Studies of one recipe share a row. A setting that differs between the runs of one is "varied".
    """
    recipes = {"paper_production": _recipe([load_config("paper_production")])}
    for path in sorted(studies.glob(f"*/{STUDY_FILE}")):
        name = path.parent.name
        recipes[name] = _recipe(
            [config for _, config in load_study(f"studies/{name}").combinations]
        )
    yield ["studies", *(key.partition(".")[2].replace("_", " ") for key in SETTINGS)]
    for one in dict.fromkeys(recipes.values()):
        yield [", ".join(f"`{name}`" for name, each in recipes.items() if each == one), *one]


def _recipe(configs: Iterable[Config]) -> tuple[str, ...]:
    """The values of `SETTINGS` that all configurations have."""
    recipes = [recipe_of(config) for config in configs]
    values = ({value_text(recipe[key]) for recipe in recipes} for key in SETTINGS)
    return tuple(each.pop() if len(each) == 1 else "varied" for each in values)


def identities(studies: Path) -> Iterator[list[str]]:
    """A row for each study: how many of its runs are those of the present configuration."""
    for path in sorted(studies.glob(f"*/{STUDY_FILE}")):
        name = path.parent.name
        runs = set(read_study(path.parent).runs["run"])
        now = {run_identity(config) for _, config in load_study(f"studies/{name}").combinations}
        yield [f"`{name}`", f"{len(runs & now)} of {len(runs)}"]


def rules() -> Iterator[list[str]]:
    """A row for each claim: its rule."""
    for claim in CLAIMS:
        yield [claim.words, _in_one_line(claim.rule)]
    yield [SPEED, _in_one_line(rules_of.orders_of_magnitude_faster)]
    yield [HARD, _in_one_line(rules_of.hard_examples_help)]


def write_tables(studies: Path, benchmarks: Path, directory: Path) -> None:
    """Write the tables into a directory."""
    recipes = list(recipe(studies))
    judged = list(verdicts(studies, benchmarks))
    loss = ("study", "loss", "reference", "region", "error / error without the weight", "p (Holm)")
    ratio = "error of the joint surrogate / of that of this number"
    for name, head, rows in (
        ("summary", SUMMARY, summary(judged)),
        ("verdicts", VERDICTS, (row[:-1] for row in judged)),
        ("rules", ("claim", "rule of the verdict"), rules()),
        ("weights", loss, weights(studies)),
        ("joint", ("study", "sources", ratio, "p"), joint(studies)),
        ("recipe", recipes[0], recipes[1:]),
        ("identities", ("study", "runs of the present configuration"), identities(studies)),
    ):
        table = markdown_table(head, list(rows), texts=head)
        write_text(directory / f"{name}.md", f"{table}\n")


def _in_one_line(rule: Callable[..., Verdict]) -> str:
    summary = str(rule.__doc__).split("\n\n    Args:")[0]
    return " ".join(summary.split())


@command(__doc__, DOCS / "findings", "the directory of the tables")
@click.option("--studies", type=PATH, default=DOCS / "studies", help="Directory of the rows.")
@click.option(
    "--benchmarks", type=PATH, default=RESULTS, help="Directory of the benchmarks' tables."
)
def main(studies: Path, benchmarks: Path, output: Path) -> None:
    write_tables(studies, benchmarks, output)


if __name__ == "__main__":
    main()
