"""The benchmark: its problems, and the public splits of their images, as files for any program.

A dataset (`diffkeras.data`) is made for training here: TFRecord files that tf.data reads, of any
configuration. A public split is made for comparing models of any program: a `.npz` that NumPy
reads, of problems that are the same everywhere. So it has what a dataset lacks, a published hash of
its inputs and a proven bound of each field. Both come from one configuration and the same recipe.
"""
