"""Linear algebra of lattices: operators, and what solves them."""
