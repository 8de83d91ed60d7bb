"""The runs of a study, one after the other or in several processes."""
