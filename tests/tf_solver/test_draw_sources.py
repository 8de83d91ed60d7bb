import numpy as np
import tensorflow as tf

from diffkeras.physics import Placement, Sources, sample_sources
from diffkeras.tf_solver.draw_sources import draw_sources


def test_source_images_are_drawn_to_the_bit():
    lattice, radius = (40, 37), (0.0, 6.0)
    rng = np.random.default_rng(5)
    drawn = [sample_sources(4, lattice, radius=radius, rng=rng) for _ in range(20)]
    # radii whose squares are those of distances, or nearly, and discs cut off by the lattice
    edges = np.sqrt(np.array([5, 8, 10, 13], np.float32)), [0, 0, 39, 20], [0, 36, 18, 20]
    drawn += [
        Sources.from_lists(edges[1], edges[2], radii, [0.5, 1.0, 0.25, 1e-30])
        for radii in (edges[0], np.nextafter(edges[0], np.float32(0)), [5.0, 4.0, 3.0, 0.0])
    ]
    lists = {
        name: tf.stack([getattr(sources, name) for sources in drawn])
        for name in ("rows", "columns", "radii", "values")
    }
    images = draw_sources(lists, lattice, radius).numpy()
    assert images.dtype == np.float32
    for image, sources in zip(images, drawn, strict=True):
        assert np.array_equal(image, sources.image(lattice))


def test_values_of_overlapping_discs_add_to_the_bit():
    rng = np.random.default_rng(5)
    placement = Placement(overlap=True)
    drawn = [sample_sources(30, (24, 20), placement=placement, rng=rng) for _ in range(8)]
    lists = {
        name: tf.stack([getattr(sources, name) for sources in drawn])
        for name in ("rows", "columns", "radii", "values")
    }
    images = draw_sources(lists, (24, 20), 5.0).numpy()
    assert images.max() > 5
    for image, sources in zip(images, drawn, strict=True):
        assert np.array_equal(image, sources.image())


def test_padding_of_source_lists_draws_nothing():
    lists = {
        "rows": tf.constant([[3, 0]]),
        "columns": tf.constant([[3, 0]]),
        "radii": tf.constant([[0.0, -1.0]]),
        "values": tf.constant([[1.0, 7.0]]),
    }
    image = draw_sources(lists, (8, 8), 2.0).numpy()
    assert image.sum() == image[0, 3, 3] == 1.0
