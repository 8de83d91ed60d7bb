"""Errors, bounds and statistics of predictions.

An evaluation reads test `images`, has the `methods` of a subject compute their fields, gathers
`errors`, proven bounds and times in a `measurement`, and leaves a `report` with `figures`.
"""
