"""The section `training` of a configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from diffkeras.system.section import KeyProblem, Limits, Section

if TYPE_CHECKING:
    from diffkeras.nn.losses import NodeLoss

Count = Annotated[int, Limits(1, 1_000_000)]
Positive = Annotated[float, Limits(above=0)]
Seed = Annotated[int, Limits(0, 2**32 - 1)]
# Parts of a loss that may be a name alone → the key of the mapping that the name stands for:
# `loss: absolute` is short for `loss: {error: absolute}`.
LOSS_NAMES = {"loss": "error", "weight": "name", "first": "error", "second": "error"}


@dataclass(frozen=True)
class TrainingConfig(Section):
    """How the network is trained.

    Attributes:
        loss: Name of an error, or a mapping with `error`, its parameters and `weight`, or with
            `error: alternating` and two losses, `first` and `second`.
        optimizer: Optimizer.
        learning_rate: Peak learning rate.
        weight_decay: Decoupled weight decay of adamw and muon.
        schedule: Learning-rate schedule over all steps.
        warmup: Fraction of all steps over which the learning rate rises linearly.
        final_factor: Final learning rate of cosine, as a fraction of the peak.
        scale_learning_rate: How the learning rate scales with batch_size / base_batch_size.
        base_batch_size: Batch size that learning_rate refers to when it is scaled.
        clip_norm: Largest global norm of the gradient; null for no clipping.
        ema: Momentum of a moving average of the weights. If set, the averaged weights are
            validated and saved. null for no average.
        batch_size: Global batch size, over all replicas.
        epochs: Passes over the training examples, or with steps_per_epoch that many steps each.
        steps_per_epoch: Steps of an epoch. Training sets of different sizes then train for equally
            many steps, and passes over the examples follow each other without regard to epochs.
            null: one pass.
        early_stopping: Stop after this many epochs without a better validation lattice MAE; null
            for never.
        rollback_factor: Undo an epoch if its loss rises by more than this factor times the mean
            change of recent epochs; null for never.
        rollback_window: Number of recent epochs whose changes are averaged for rollback_factor.
        zero_field_epochs: Warn if the model is no better than a field of zeros after this many
            epochs.
        checkpoint_minutes: Longest time between checkpoints. Every epoch also ends with one.
        precision: Precision of the layers in training. Weights, output, loss and the saved model
            are always float32.
        jit: Compile the training step with XLA. auto leaves the choice to Keras, which does not
            use XLA on CPUs or with MirroredStrategy, i.e. on GPUs.
        steps_per_execution: Number of steps per call of TensorFlow. Nothing is logged or saved
            between them. Must divide the steps of an epoch. Always 1 with several replicas.
        deterministic: Use deterministic operations, so that runs repeat bit for bit; slower.
        seed: Seed of the initial weights and of the order of the examples.
        symmetries: Turn and mirror the training examples: pass by pass, each is seen in the 8
            symmetries of the square (4 if the lattice is not square, or the boundaries of rows and
            columns differ).
        order_seed: Seed of the order of the examples alone. null: the value of seed.
        initial_model: Start from the weights of the best model of this finished run
            (fine-tuning): its directory, or the name of a shipped surrogate. Its network must be
            the same. null: random weights.
    """

    loss: str | dict[str, Any] = "absolute"
    optimizer: Literal["adam", "adamw", "muon"] = "muon"
    learning_rate: Positive = 3e-3
    weight_decay: Annotated[float, Limits(0)] = 0.0
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup: Annotated[float, Limits(0, below=1)] = 0.05
    final_factor: Annotated[float, Limits(0, 1)] = 0.0
    scale_learning_rate: Literal["none", "linear", "sqrt"] = "none"
    base_batch_size: Count = 32
    clip_norm: Positive | None = None
    ema: Annotated[float, Limits(above=0, below=1)] | None = None
    batch_size: Count = 32
    epochs: Count = 100
    steps_per_epoch: Count | None = None
    early_stopping: Count | None = None
    rollback_factor: Positive | None = 10.0
    rollback_window: Count = 20
    zero_field_epochs: Count = 3
    checkpoint_minutes: Positive = 10.0
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    jit: bool | Literal["auto"] = "auto"
    steps_per_execution: Annotated[int, Limits(1, 100_000)] = 1
    deterministic: bool = False
    seed: Seed = 0
    symmetries: bool = False
    order_seed: Seed | None = None
    initial_model: str | None = None

    def check(self) -> None:
        """Check that weight decay has an effect, and that a model is named."""
        if self.weight_decay and self.optimizer == "adam":
            raise KeyProblem("adam has none; choose the optimizer adamw or muon", "weight_decay")
        if self.initial_model == "":
            raise KeyProblem("must name a run or a shipped surrogate, not ''", "initial_model")

    def get_loss(self) -> "NodeLoss":
        """The loss; it loads Keras.

        Raises:
            ConfigurationError: unknown errors, weights or parameters of them.
        """
        from diffkeras.nn.losses import get_loss

        try:
            return get_loss(self.loss)
        except (ValueError, TypeError) as error:
            raise KeyProblem(str(error), "training", "loss") from None

    @property
    def loss_in_full(self) -> Any:
        """The loss without names that stand for mappings."""
        return long_form(self.loss)

    @cached_property
    def seed_of_order(self) -> int:
        """Seed of the order of the examples."""
        return self.seed if self.order_seed is None else self.order_seed


def long_form(value: Any, part: str = "loss") -> Any:
    """A loss without names that stand for mappings, so that two spellings of one loss are equal."""
    if isinstance(value, str):
        value = {LOSS_NAMES[part]: value}
    if not isinstance(value, Mapping):
        return value
    return {key: long_form(v, key) if key in LOSS_NAMES else v for key, v in value.items()}
