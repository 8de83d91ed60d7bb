"""The paper's claims: the rule of each, and the studies and tables that it is applied to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from benchmarks.shared.tables import CAPTION
from benchmarks.solver.methods import FLOOR, PRODUCTION
from diffkeras.errors import RunError
from paper import verdicts as rules
from paper.study_data import (
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
from paper.verdicts.verdict import Verdict

T = TypeVar("T")
SIDE, DISCS = "512", "20"  # of the paper's largest images, where times are compared


@dataclass(frozen=True)
class Claim:
    """What the paper claims, the rule, and the studies that it is applied to: label → name."""

    words: str
    rule: Callable[..., Verdict]
    studies: dict[str, str]


def studies_of(name: str, designed: str = "") -> dict[str, str]:
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


SIZES = studies_of("size_and_loss", "size_production")
COUNTS = studies_of("source_counts")
EPOCHS = {"fixed values, equal epochs": "training_time_reduced"}
CLAIMS = (
    Claim("1. Size matters most", rules.size_matters_most, SIZES),
    Claim(
        "2. The error falls with the logarithm of the size",
        rules.error_falls_with_logarithm,
        SIZES | EPOCHS,
    ),
    Claim("3a. The fluctuation falls with the size", rules.spread_falls, SIZES | EPOCHS),
    Claim(
        "3b. The same, relative to the error",
        rules.spread_falls_relative_to_the_error,
        SIZES | EPOCHS,
    ),
    Claim("4. The training time is linear in the size", rules.time_is_linear, EPOCHS),
    Claim("5a. Weights in the loss help near the sources", rules.weights_help, SIZES),
    Claim(
        "5b. Toggled or random losses, or transforms, lower the error",
        rules.variant_helps,
        {"production, equal epochs, paper's recipe, 64²": "losses_production_64"},
    ),
    Claim(
        "6. No one surrogate is best for every number of sources",
        rules.best_for_each_count,
        COUNTS,
    ),
    Claim(
        "7a. Which of several random subsets is trained on matters",
        rules.subsets_differ,
        studies_of("disjoint_subsets")
        | {"production, paper's recipe, 64²": "subsets_production_64"},
    ),
    Claim(
        "7b. Where the sources lie in training matters (not of the paper)",
        rules.loses_outside_its_placement,
        studies_of("placements"),
    ),
    Claim("8. Edge cases exist", rules.edge_cases_exist, studies_of("worst_cases")),
    Claim(
        "9. Encoder-decoders are particularly well suited",
        rules.architecture_is_best,
        {
            "production, equal parameters": "architectures_production_parameters_64",
            "production, equal time": "architectures_production_time_64",
        },
    ),
)
HARD_EXAMPLES = "11. Hard examples in the training set lower the error"
HARD_ROWS = "hard_examples.csv"  # of paper.hard_examples
SPEED = "10. A surrogate is faster by several orders of magnitude"
# of benchmarks.solver, solvers of at least the accuracy of a float32 network
TABLES = {"fixed values": "solver.csv", "production": "solver_production.csv"}
RULES: dict[str, Callable[..., Verdict]] = {claim.words: claim.rule for claim in CLAIMS}
RULES |= {SPEED: rules.orders_of_magnitude_faster, HARD_EXAMPLES: rules.hard_examples_help}


def judged(studies: Path, benchmarks: Path) -> Iterator[tuple[str, str, Verdict]]:
    """The verdict on each claim by each study that has results: claim, study, verdict.

    Args:
        studies: the directory of all studies; the rows of the hard examples are beside it.
        benchmarks: the directory of the benchmarks' tables.
    """
    for claim in CLAIMS:
        for label, verdict in of_studies(claim.rule, claim.studies, studies):
            yield claim.words, label, verdict
    for reading, measured in times(benchmarks):
        yield SPEED, f"{reading}, {SIDE}², CPU", RULES[SPEED](*measured)
    if (file := studies.parent / HARD_ROWS).is_file():
        yield HARD_EXAMPLES, "production, paper's recipe, 64²", _hard_examples(file)


def of_studies(
    compute: Callable[[StudyData], T], names: dict[str, str], studies: Path
) -> Iterator[tuple[str, T]]:
    """What is computed of each study that has results, with its label.

    Args:
        compute: from the rows of a study.
        names: label → name.
        studies: the directory of all.
    """
    for label, name in names.items():
        if (studies / name / STUDY_FILE).is_file():
            data = read_study(studies / name)
            with _names_rows(studies / name):
                found = compute(data)
            yield label, found


@contextmanager
def _names_rows(study: Path) -> Iterator[None]:
    """Turn errors about the rows of a study into a RunError that names it."""
    try:
        with names_damaged([study / file for file in (STUDY_FILE, "runs.csv", "searches.csv")]):
            yield
    except TooFewRunsError as error:
        raise RunError(f"{study} has too few runs: {error}") from None


def _hard_examples(file: Path) -> Verdict:
    """The verdict on the hard examples, whose runs are in two stages and no study's."""
    runs = read_table(file, {VARIANT: "str", SEED: "str"}).assign(test_set="test", sources=ALL)
    with names_damaged([file]):
        factors = {name: list(runs[name].unique()) for name in (VARIANT, SEED)}
        return RULES[HARD_EXAMPLES](StudyData(factors, runs, runs.iloc[:0]))


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
            produces, bare = (rows["method"] == method for method in (PRODUCTION, FLOOR))
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
