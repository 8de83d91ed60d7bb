"""A question to a study, and its answer as a table and a figure."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from diffkeras.reporting.print_figures import print_png, print_style, print_svg
from diffkeras.studies.study_data import StudyData, TooFewRunsError


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

    def answer(self, data: StudyData) -> "Answer":
        """The table and the figure, or why there are none."""
        try:
            table = self.table(data)
        except TooFewRunsError as error:
            return Answer(self, refusal=str(error))
        figure = self.draw(table, data)
        return Answer(self, table, print_svg(figure), print_png(figure))


@dataclass(frozen=True)
class Answer:
    """What an analysis found.

    Attributes:
        analysis: the question.
        table: None if there are too few runs.
        svg: the figure; empty if there are too few runs.
        png: the same as PNG.
        refusal: why there is no table; empty otherwise.
    """

    analysis: Analysis
    table: pd.DataFrame | None = None
    svg: bytes = b""
    png: bytes = b""
    refusal: str = ""

    @property
    def name(self) -> str:
        """Of its files."""
        return self.analysis.name
