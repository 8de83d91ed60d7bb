"""Importing this loads TensorFlow without its messages, so before what loads it with them."""

from diffkeras.system.tensorflow_setup import load_tensorflow

load_tensorflow()
