"""Measurements, one command each: `python -m benchmarks.NAME`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before a module loads TensorFlow
