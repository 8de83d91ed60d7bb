"""From equations to their steady field."""
