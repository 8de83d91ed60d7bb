"""Networks from a source image to a field, each a functional Keras model."""
