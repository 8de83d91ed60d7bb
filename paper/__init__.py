"""Does the paper hold? The studies that reproduce arXiv 2302.03786, and verdicts on its claims."""
