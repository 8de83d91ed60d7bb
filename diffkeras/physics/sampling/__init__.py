"""Random problems: sources, tissues, and examples with their fields."""
