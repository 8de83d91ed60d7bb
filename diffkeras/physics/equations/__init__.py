"""The equations of a problem on its lattice, and what inverts their linear part."""
