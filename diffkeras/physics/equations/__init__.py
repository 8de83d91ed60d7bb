"""The equations of a problem on its lattice, and transforms and multigrid cycles for them."""
