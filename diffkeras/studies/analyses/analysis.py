"""What all statistics of a study have in common."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from diffkeras.reporting.print_figures import print_style
from diffkeras.studies.statistics.too_few_runs import TooFewRunsError
from diffkeras.studies.study_data import StudyData

__all__ = ["Analysis", "TooFewRunsError"]


@dataclass(frozen=True)
class Analysis:
    """One question to a study, with its answer as a table and a figure.

    Attributes:
        name: of `tables/NAME.csv` and of `figures/NAME.svg` and `.png`.
        title: heading in the report.
        explanation: what the table and the figure show, which statistic it is and where it comes
            from, in a few sentences for a reader who knows statistics but not diffkeras.
        applies: whether a study varies what the question is about.
        table: the answer. Raises `TooFewRunsError`.
        figure: drawn from the table and the data; `data.examples` may be None.
    """

    name: str
    title: str
    explanation: str
    applies: Callable[[StudyData], bool]
    table: Callable[[StudyData], pd.DataFrame]
    figure: Callable[[pd.DataFrame, StudyData], Figure]

    def draw(self, table: pd.DataFrame, data: StudyData) -> Figure:
        """The figure in the style of `diffkeras.reporting.print_figures`."""
        with print_style():
            return self.figure(table, data)
