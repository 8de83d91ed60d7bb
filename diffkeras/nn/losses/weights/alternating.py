"""Weight that alternates between two maps in the course of training."""

from typing import Any, ClassVar

import keras
import numpy as np

from diffkeras.nn.arguments import integer, one_of
from diffkeras.nn.losses.weights.weight_map import WeightMap

SCHEDULES = ("random", "toggle")
PERIODS = ("batch", "epoch")


@keras.saving.register_keras_serializable(package="diffkeras")
class AlternatingWeight(WeightMap):
    """Now one weight map, now the other, drawn at random or in turn.

    Which of the two is in force is a function of (seed, step) alone and is set from outside the
    compiled step, by the callback `AlternateWeights`. So all replicas use the same map, and a
    resumed run draws what the uninterrupted one would have drawn. Without the callback the first
    map stays in force. Validation loss uses the map that is in force when it is computed.

    Args:
        first: a weight map.
        second: another weight map.
        schedule: "random" draws the first map with `probability` at each step; "toggle" takes the
            first at even steps, the second at odd ones.
        every: the step that counts, "batch" or "epoch".
        seed: of the draws, at least 0.
        probability: of the first map, in [0, 1]. "toggle" ignores it.

    Raises:
        ValueError: an argument is none of the allowed.

    Example:

    ```python
    loss = SquaredError(weight=AlternatingWeight(UniformWeight(), StepWeight(100), seed=1))
    model.compile("adam", loss)
    model.fit(x, y, callbacks=[AlternateWeights()])
    ```

    Source: arXiv 2302.03786.
    """

    parameters: ClassVar[tuple[str, ...]] = (
        "first",
        "second",
        "schedule",
        "every",
        "seed",
        "probability",
    )

    def __init__(
        self,
        first: WeightMap,
        second: WeightMap,
        schedule: str = "random",
        every: str = "batch",
        seed: int = 0,
        probability: float = 0.5,
    ) -> None:
        for name, weight in (("first", first), ("second", second)):
            if not isinstance(weight, WeightMap):
                raise ValueError(f"{name} must be a weight map, got {weight!r}")
        self.first = first
        self.second = second
        self.schedule = one_of("schedule", schedule, SCHEDULES)
        self.every = one_of("every", every, PERIODS)
        self.seed = integer("seed", seed, 0)
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"probability must be in [0, 1], got {probability!r}")
        self.probability = float(probability)
        # A variable and not a Python number, which the compiled step would bake in. Not an
        # integer either: TensorFlow keeps those of 32 bits on the host.
        self.selector = keras.Variable(0.0, trainable=False, dtype="float32", name="selector")
        self._selected = 0

    @property
    def needs_source_image(self) -> bool:
        """Whether either of the maps does."""
        return self.first.needs_source_image or self.second.needs_source_image

    def choice(self, step: int) -> int:
        """Map of a step: 0 the first, 1 the second.

        Args:
            step: number of the batch or epoch since the start of training, from 0.
        """
        if self.schedule == "toggle":
            return step % 2
        draw = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(step,))).random()
        return 0 if draw < self.probability else 1

    def select(self, index: int) -> None:
        """Put a map in force: 0 the first, 1 the second.

        Raises:
            ValueError: `index` is neither.
        """
        if index not in (0, 1):
            raise ValueError(f"index must be 0 (the first map) or 1 (the second), got {index!r}")
        if index != self._selected:
            self.selector.assign(float(index))
            self._selected = index

    def call(self, field: Any, source_image: Any) -> Any:
        """Weights of the map in force."""
        return keras.ops.where(
            keras.ops.convert_to_tensor(self.selector) < 0.5,
            self.first(field, source_image),
            self.second(field, source_image),
        )

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments, the two maps serialized."""
        config = super().get_config()
        for name in ("first", "second"):
            config[name] = keras.saving.serialize_keras_object(config[name])
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AlternatingWeight":
        """The weight map of a configuration."""
        config = dict(config)
        for name in ("first", "second"):
            if not isinstance(config[name], WeightMap):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
