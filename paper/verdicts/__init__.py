"""Whether a claim holds, by the measurements of a study.

A rule is a function from measurements to a `Verdict`, and its docstring is the rule in words. The
rules read the rows of single runs, so a study's committed rows are all that they need.
"""
