"""Whether the runs of a study had the same budget."""

from collections.abc import Sequence

from diffkeras.config import Config


def budget_in_words(configs: Sequence[Config]) -> str:
    """Whether all runs train for equally many steps, equally many epochs, or neither.

    It follows from the configurations, and counts both stages of a run with hard examples. Early
    stopping may end a run before.
    """
    steps = sorted({config.steps for config in configs})
    epochs = sorted({config.epochs for config in configs})
    batches = sorted({config.training.batch_size for config in configs})
    batch = f"{batches[0]}" if len(batches) == 1 else f"{batches[0]} to {batches[-1]}"
    if len(steps) == 1:
        return f"Equal steps: every run trains for {steps[0]} steps of {batch} examples."
    ranges = f"{steps[0]} to {steps[-1]} steps of {batch} examples"
    if len(epochs) == 1 and not any(config.training.steps_per_epoch for config in configs):
        return f"Equal epochs: every run trains for {epochs[0]} epochs, which are {ranges}."
    return f"Neither equal steps nor equal epochs: runs train for {ranges}."
