"""What every architecture keeps: the lattice of its input, its precision, checked arguments."""

from collections.abc import Callable, Iterator
from functools import partial

import keras
import numpy as np
import pytest

from diffkeras import nn

EQUATION = {"operator": nn.UniformOperator(decay=0.05), "rounds": 1}
# each with its smallest size, and two lattices that it takes
ARCHITECTURES: dict[str, tuple[Callable[..., keras.Model], list[tuple[int, int]]]] = {
    "encoder_decoder": (partial(nn.encoder_decoder, 2, 2), [(16, 16), (4, 8)]),
    "joined_pair": (partial(nn.joined_pair, 2, 2), [(16, 16), (4, 8)]),
    "u_net": (partial(nn.u_net, 2, 2), [(16, 16), (4, 8)]),
    "fourier_neural_operator": (
        partial(nn.fourier_neural_operator, 2, 2, modes=3),
        [(16, 30), (5, 7)],
    ),
    "ring_density_network": (
        partial(nn.ring_density_network, 2, 2, **EQUATION),
        [(16, 16), (4, 8)],
    ),
    "unrolled_cg": (partial(nn.unrolled_cg, **EQUATION), [(13, 18), (4, 8)]),
}
POOLING = ("encoder_decoder", "joined_pair", "u_net", "ring_density_network")

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


@pytest.fixture
def half_precision() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


@every_architecture
def test_output_has_the_lattice_of_the_input(name: str) -> None:
    make, lattices = ARCHITECTURES[name]
    model = make(channels=3)
    assert model.name == name
    assert model.input_shape == (None, None, None, 3)
    assert model.input.name == "source_image"
    for lattice in lattices:
        assert tuple(model(np.ones((2, *lattice, 3), "float32")).shape) == (2, *lattice, 1)


@every_architecture
@pytest.mark.usefixtures("half_precision")
def test_mixed_precision_field_is_float32(name: str) -> None:
    make, (_, lattice) = ARCHITECTURES[name]
    model = make()
    field = model(np.ones((1, *lattice, 1), "float32"))
    assert keras.backend.standardize_dtype(field.dtype) == "float32"
    convolutions = [layer for layer in model._flatten_layers() if "conv" in layer.name]
    assert {layer.compute_dtype for layer in convolutions} <= {"bfloat16"}


@pytest.mark.parametrize("name", POOLING)
def test_a_side_that_pooling_does_not_divide_is_refused(name: str) -> None:
    make, _ = ARCHITECTURES[name]
    with pytest.raises(ValueError, match="nearest that works: 4 and 8"):
        make()(np.ones((1, 6, 8, 1), "float32"))


@every_architecture
def test_bad_arguments(name: str) -> None:
    make, _ = ARCHITECTURES[name]
    names = {"unrolled_cg": ("rounds",), "fourier_neural_operator": ("modes", "width", "depth")}
    for argument in names.get(name, ("width", "depth", "channels")):
        options = {"width": 2, "depth": 2} if "rounds" not in names.get(name, ()) else {}
        with pytest.raises(ValueError, match=f"{argument} must be an integer of at least"):
            make.func(**{**make.keywords, **options, argument: 0})  # type: ignore[attr-defined]


@pytest.mark.slow  # quick: the tests of training
@every_architecture
def test_steps_lower_the_loss_and_change_every_weight(name: str) -> None:
    keras.utils.set_random_seed(0)
    make, (lattice, _) = ARCHITECTURES[name]
    model = make()
    before = [variable.numpy() for variable in model.trainable_variables]
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    image = np.random.default_rng(0).random((4, *lattice, 1)).astype("float32")
    image *= image > 0.8
    target = 0.5 * image + 0.1
    losses = model.fit(image, target, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    for old, new in zip(before, model.trainable_variables, strict=True):
        # normalisation takes away what the bias before it adds
        assert np.any(old != new.numpy()) or new.path.endswith("conv_0/bias"), new.path
