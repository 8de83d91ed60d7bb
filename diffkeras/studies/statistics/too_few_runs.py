"""The error of statistics that can't be computed."""


class TooFewRunsError(Exception):
    """A statistic needs more runs than there are. Its text says which; the report repeats it."""
