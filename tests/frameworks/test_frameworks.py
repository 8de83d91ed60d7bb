"""Fields in PyTorch, JAX and TensorFlow, by what each framework tests gradients with."""

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import PhysicsError


def saturating():
    """A problem with every kind of part, and some of its parts."""
    rng = np.random.default_rng(1)
    image = np.zeros((5, 6))
    image[1, 1:3] = 1.0
    problem = dk.Problem(
        image,
        production=rng.uniform(0, 0.1, (5, 6)),
        uptake=dk.MichaelisMenten(rng.uniform(0.1, 0.3, (5, 6)), 0.4),
        diffusivity=rng.uniform(0.5, 2.0, (5, 6)),
        boundary={"left": dk.Robin(0.5, 1.0), "top": dk.FixedFlux(0.1), "right": "reflecting"},
    )
    names = ["values", "production", "uptake.maximum", "uptake.constant", "diffusivity", "step"]
    names += ["decay", "boundary.left.coefficient", "boundary.top.flux"]
    parts = dk.parts_of(problem)
    return problem, {name: np.asarray(parts[name], np.float64) for name in names}


def batch():
    """Two problems, with parts of each and of both."""
    production = np.random.default_rng(2).uniform(0, 1, (2, 5, 6))
    problems = [dk.Problem(production=each) for each in production]
    parts = {"production": production, "decay": np.array([0.1, 0.2]), "diffusivity": 1.5}
    return problems, {name: np.asarray(part, np.float64) for name, part in parts.items()}


PROBLEMS = {"saturating": saturating, "batch": batch}


def assert_refused(solve, problem, three, no_real):
    """Parts that a problem doesn't have or take, of which a framework has made two."""
    for parts, message in (
        ({"decai": three}, "no part 'decai'"),
        ({"decay": three}, r"decay has shape \(3,\)"),
        ({"decay": no_real}, "must be real, not (torch.)?(complex|string)"),
        ({}, "one part"),
    ):
        with pytest.raises(PhysicsError, match=message):
            solve(problem, parts)


@pytest.mark.parametrize("kind", PROBLEMS)
def test_torch(kind):
    torch = pytest.importorskip("torch")
    from diffkeras.torch import solve

    problem, parts = PROBLEMS[kind]()
    tensors = [torch.tensor(part, requires_grad=True) for part in parts.values()]

    def field(*values):
        return solve(problem, dict(zip(parts, values, strict=True)), tolerance=1e-12)

    assert torch.autograd.gradcheck(field, tensors, eps=1e-5, atol=1e-6)
    assert field(*tensors).dtype == torch.float64
    single = solve(problem, {"decay": torch.tensor(0.1, requires_grad=True)})
    assert single.dtype == torch.float32
    with pytest.raises(PhysicsError, match="decay"):
        solve(problem, {"decay": torch.tensor(-1.0)})
    decay = torch.tensor(0.1, requires_grad=True)
    (first,) = torch.autograd.grad(solve(problem, {"decay": decay}).sum(), decay, create_graph=True)
    with pytest.raises(PhysicsError, match="no second derivatives"):
        first.backward()
    (plain,) = torch.autograd.grad(solve(problem, {"decay": decay}).sum(), decay)
    (doubled,) = torch.autograd.grad(solve(problem, {"decay": decay}).mul_(2).sum(), decay)
    assert doubled == 2 * plain  # the field may be changed in place
    decays = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)

    def total(decay):
        return (solve(problem, {"decay": decay}) ** 2).sum()

    for of_each in (lambda decay: solve(problem, {"decay": decay}), torch.func.grad(total)):
        one_by_one = torch.stack([of_each(decay) for decay in decays])
        assert torch.allclose(torch.vmap(of_each)(decays), one_by_one, rtol=1e-12)
    half = torch.tensor(0.1, dtype=torch.float16)
    assert solve(problem, {"decay": half}).dtype == torch.float32
    assert_refused(solve, problem, torch.ones(3), torch.tensor(1 + 0j))


@pytest.mark.parametrize("kind", PROBLEMS)
def test_jax(kind):
    jax = pytest.importorskip("jax")
    from jax.test_util import check_grads

    from diffkeras.jax import solve

    jax.config.update("jax_enable_x64", True)
    problem, parts = PROBLEMS[kind]()

    def field(*values):
        return solve(problem, dict(zip(parts, values, strict=True)), tolerance=1e-12)

    check_grads(field, tuple(parts.values()), order=1, modes=["rev"], eps=1e-5, atol=1e-5)
    plain = field(*parts.values())
    np.testing.assert_allclose(jax.jit(field)(*parts.values()), plain, rtol=1e-12)

    def total(decay):
        return solve(problem, {"decay": decay}).sum()

    decays = np.array([0.1, 0.2, 0.3])
    each = jax.jit(jax.vmap(jax.grad(total)))(decays)
    np.testing.assert_allclose(each, [jax.grad(total)(decay) for decay in decays], rtol=1e-12)
    of_whole, of_real = (
        jax.grad(lambda decay, step=step: solve(problem, {"decay": decay, "step": step}).sum())(0.1)
        for step in (2, 2.0)
    )
    assert of_whole == of_real
    assert solve(problem, {"step": 2}).dtype == np.float64
    assert_refused(solve, problem, np.ones(3), 1 + 0j)
    with pytest.raises(Exception, match="decay must be"):
        jax.block_until_ready(solve(problem, {"decay": -1.0}))


@pytest.mark.parametrize("kind", PROBLEMS)
def test_tensorflow(kind):
    import tensorflow as tf

    from diffkeras.tensorflow import solve

    problem, parts = PROBLEMS[kind]()

    def field(*values):
        return solve(problem, dict(zip(parts, values, strict=True)), tolerance=1e-12)

    values = [tf.constant(part) for part in parts.values()]
    theory, numbers = tf.test.compute_gradient(field, values, delta=1e-5)
    for name, one, other in zip(parts, theory, numbers, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6, err_msg=name)

    @tf.function
    def gradients(*values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            total = tf.reduce_sum(field(*values) ** 2)
        return tape.gradient(total, values)

    for each, part in zip(gradients(*values), values, strict=True):
        assert each.shape == part.shape
    assert_refused(solve, problem, tf.ones(3), "much")
    assert solve(problem, {"decay": tf.constant(0.1, tf.float16)}).dtype == tf.float32

    decay = tf.Variable(0.1)
    with tf.GradientTape() as outer:
        with tf.GradientTape(persistent=True) as tape:
            total = tf.reduce_sum(solve(problem, {"decay": decay}))
            inner = tape.gradient(total, decay)  # while the tape records
        first = tape.gradient(total, decay)
    assert inner.numpy() == first.numpy() != 0
    with pytest.raises(PhysicsError, match="no second derivatives"):
        outer.gradient(first, decay)
