"""The methods that an evaluation compares."""

SOURCES_SET = "surrogate, sources set"  # its source nodes overwritten by their known values
BASELINES = ("superposition", "zero field")  # the same for every surrogate
DRAWN = ("surrogate", *BASELINES)
METHODS = ("surrogate", SOURCES_SET, *BASELINES)
