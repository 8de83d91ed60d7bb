"""Test images with their exact fields."""

from diffkeras.config import Config
from diffkeras.evaluation.images import ImageBatch, draw_images, joined


def drawn_images(config: Config, number: int | None = None) -> ImageBatch:
    """The first images of each source count (all by default), with their fields."""
    numbers = range(config.data.examples("test") if number is None else number)
    drawn = [draw_images(config, count, numbers) for count in config.data.sources]
    return joined(drawn).solve(divide_by_maximum=config.data.divide_by_maximum)
