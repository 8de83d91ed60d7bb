"""Read datasets as tf.data pipelines."""
