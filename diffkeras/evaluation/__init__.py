"""Errors, bounds and statistics of predictions.

An evaluation reads test `images`, has the `methods` of a `subject` predict their fields, gathers
`errors` and `proven_bounds` in a `measurement`, and leaves `figures`, pictures of single `cases`
and a `report`. `worst_cases` are searched, `test_sets` are public test images, and a `scoreboard`
compares surrogates with classical methods.
"""
