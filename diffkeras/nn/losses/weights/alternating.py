"""Weight that alternates between two maps during training."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from diffkeras.nn.arguments import integer, one_of
from diffkeras.nn.losses.weights.weight_map import WeightMap

SCHEDULES = ("random", "toggle")
PERIODS = ("batch", "epoch")
MAPS = ("first", "second")


@keras.saving.register_keras_serializable(package="diffkeras")
@dataclass(eq=False)
class AlternatingWeight(WeightMap):
    """One of two weight maps, chosen at random or in turn.

    The callback `AlternateWeights` selects the map before each step. The choice depends only on
    seed and step, so all replicas use the same map, and a resumed run makes the same choices as an
    uninterrupted one. Without the callback the first map is always used. The validation loss uses
    the map that is selected when it is computed.

    Args:
        first: a weight map.
        second: another weight map.
        schedule: "random" selects the first map with `probability` at each step; "toggle" selects
            the first map at even steps and the second at odd ones.
        every: what a step is, "batch" or "epoch".
        seed: of the random choices, at least 0.
        probability: of the first map, in [0, 1]. "toggle" ignores it.

    Raises:
        ValueError: an argument is not one of the allowed values.

    Example:

    ```python
    loss = SquaredError(weight=AlternatingWeight(UniformWeight(), StepWeight(100), seed=1))
    model.compile("adam", loss)
    model.fit(x, y, callbacks=[AlternateWeights()])
    ```

    Source: arXiv 2302.03786.
    """

    first: WeightMap
    second: WeightMap
    schedule: str = "random"
    every: str = "batch"
    seed: int = 0
    probability: float = 0.5

    def __post_init__(self) -> None:
        for name in MAPS:
            if not isinstance(weight := getattr(self, name), WeightMap):
                raise ValueError(f"{name} must be a weight map, got {weight!r}")
        one_of("schedule", self.schedule, SCHEDULES)
        one_of("every", self.every, PERIODS)
        integer("seed", self.seed, 0)
        if not (isinstance(self.probability, int | float) and 0 <= self.probability <= 1):
            raise ValueError(f"probability must be in [0, 1], got {self.probability!r}")
        self.needs_source_image = self.first.needs_source_image or self.second.needs_source_image
        # A compiled step treats a Python number as a constant, so this is a variable. It is a float
        # because TensorFlow keeps 32-bit integers on the host.
        self.selector = keras.Variable(0.0, trainable=False, dtype="float32", name="selector")
        self._selected = 0

    def choice(self, step: int) -> int:
        """The map of a step: 0 for the first, 1 for the second.

        Args:
            step: number of batches or epochs since the start of training, from 0.
        """
        if self.schedule == "toggle":
            return step % 2
        draw = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(step,))).random()
        return 0 if draw < self.probability else 1

    def select(self, index: int) -> None:
        """Select a map: 0 for the first, 1 for the second."""
        if index != self._selected:
            self.selector.assign(float(index))
            self._selected = index

    def call(self, field: Any, source_image: Any) -> Any:
        """Weights of the selected map."""
        return keras.ops.where(
            keras.ops.convert_to_tensor(self.selector) < 0.5,
            self.first(field, source_image),
            self.second(field, source_image),
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments, with the two maps serialized."""
        maps = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in MAPS}
        return {**super().get_config(), **maps}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AlternatingWeight":
        """The weight map with these arguments."""
        maps = {name: keras.saving.deserialize_keras_object(config[name]) for name in MAPS}
        return cls(**{**config, **maps})
