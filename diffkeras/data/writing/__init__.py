"""Generate and verify TFRecord datasets."""
