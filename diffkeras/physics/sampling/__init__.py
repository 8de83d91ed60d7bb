"""Random problems: sources, tissues, families, and examples with their fields."""
