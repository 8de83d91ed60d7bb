"""The limits of what solvers take."""

# No tissue comes close to these limits, in units that are not absurd, and within them no number of
# the solvers over- or underflows.
SMALLEST, LARGEST = 1e-30, 1e30  # limits of D, h and source values
SLOWEST, FASTEST = 1e-20, 1e10  # limits of γh²/D
