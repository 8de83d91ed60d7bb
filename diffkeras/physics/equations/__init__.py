"""The equations of a problem on its lattice, and the transforms that solve some of them."""
