"""Whether a claim holds, by the measurements of a study: rules with three outcomes.

A rule is a function from measurements to a `Verdict`, and its docstring is the rule in words. The
rules read the rows of single runs, so a study's committed tables of rows are all that they need.
"""

from paper.verdicts.architectures import architecture_is_best
from paper.verdicts.comparisons import (
    best_for_each_count,
    hard_examples_help,
    loses_outside_its_placement,
    subsets_differ,
    variant_helps,
    weights_help,
)
from paper.verdicts.edge_cases import edge_cases_exist
from paper.verdicts.sizes import (
    error_falls_with_logarithm,
    size_matters_most,
    spread_falls,
    spread_falls_relative_to_the_error,
    time_is_linear,
)
from paper.verdicts.speed import orders_of_magnitude_faster
from paper.verdicts.verdict import HOLDS, NOT, OPEN, Verdict

__all__ = [
    "HOLDS",
    "NOT",
    "OPEN",
    "Verdict",
    "architecture_is_best",
    "best_for_each_count",
    "edge_cases_exist",
    "error_falls_with_logarithm",
    "hard_examples_help",
    "loses_outside_its_placement",
    "orders_of_magnitude_faster",
    "size_matters_most",
    "spread_falls",
    "spread_falls_relative_to_the_error",
    "subsets_differ",
    "time_is_linear",
    "variant_helps",
    "weights_help",
]
