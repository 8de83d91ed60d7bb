"""Errors, bounds and statistics of predictions.

An evaluation reads test `images`, has the `methods` of a subject predict their fields, gathers
`errors` and `proven_bounds` in a `measurement`, and leaves a `report` with figures and pictures of
single cases.
"""
