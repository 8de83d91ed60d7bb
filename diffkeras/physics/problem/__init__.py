"""What is asked: the problem and its parts, checked."""
