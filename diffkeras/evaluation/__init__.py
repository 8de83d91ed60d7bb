"""Errors, bounds and statistics of predictions.

An evaluation reads test `images`, has `methods` predict their fields, gathers `errors`, profiles
and `proven_bounds` in a `measurement`, and leaves `figures`, pictures of single `cases` and a
`report`. `foreign` makes surrogates of the predictions of other programs. `worst_cases` are
searched, `test_sets` are public test images, and a `scoreboard` compares surrogates with classical
methods.
"""
