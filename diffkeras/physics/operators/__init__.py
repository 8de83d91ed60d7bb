"""The discrete operator of the equation and its transforms."""
