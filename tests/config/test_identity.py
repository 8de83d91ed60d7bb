"""The identity of a run: equal for configurations that train the same surrogate, only for them."""

from itertools import combinations
from typing import Any

import pytest

from diffkeras import identity
from diffkeras.config import Config, load_config
from diffkeras.errors import RunError
from diffkeras.identity import by_key, fingerprint, run_identity
from diffkeras.surrogates.run_directory import Run

# another value of each key that changes what a run computes, with what it needs beside it
OTHERS: dict[str, Any] = {
    "physics.lattice": 32,
    "physics.step": 2.0,
    "physics.diffusivity": 3.0,
    "physics.decay": 0.2,
    "physics.boundary": "reflecting",
    "physics.sources": "production",
    "data.sources": "1-3",
    "data.radius": 1,
    "data.placement.kind": "edge",
    "data.placement.clusters": 2,
    "data.placement.spread": 3.0,
    "data.placement.margin": 4.0,
    "data.placement.overlap": {"physics.sources": "production", "data.placement.overlap": True},
    "data.values": "constant",
    "data.divide_by_maximum": {
        "physics.sources": "production",
        "data.divide_by_maximum": True,
    },
    "data.diffusion_length": {"physics.decay": 1 / 400, "data.diffusion_length": [2, 4]},
    "data.train_examples": 8,
    "data.validation_examples": 3,
    "data.seed": 9,
    "data.train_fraction": 0.5,
    "data.train_part": {"data.train_fraction": 0.5, "data.train_part": 1},
    "data.stream": True,
    "data.shares": 2,
    "model.architecture": "joined_pair",
    "model.width": 4,
    "model.depth": 2,
    "model.pad": True,
    "model.initial_weights": "pytorch",
    "model.transform": "log",
    "model.fixed_values": True,
    "model.modes": 3,
    "model.arguments": {"model.architecture": "a:b", "model.arguments": {"width": None}},
    "data.tissue": {"data.tissue.cells": 5},
    "model.corrections": {"model.transform": "linear", "model.corrections": 1},
    "training.loss": "squared",
    "training.optimizer": "adamw",
    "training.learning_rate": 0.02,
    "training.weight_decay": {"training.optimizer": "adamw", "training.weight_decay": 0.1},
    "training.schedule": "cosine",
    "training.warmup": 0.1,
    "training.final_factor": 0.1,
    "training.scale_learning_rate": "sqrt",
    "training.base_batch_size": 16,
    "training.clip_norm": 1.0,
    "training.ema": 0.9,
    "training.batch_size": 8,
    "training.epochs": 3,
    "training.steps_per_epoch": 5,
    "training.early_stopping": 1,
    "training.rollback_factor": 3.0,
    "training.rollback_window": 4,
    "training.precision": "mixed_bfloat16",
    "training.jit": True,
    "training.steps_per_execution": 2,
    "training.deterministic": True,
    "training.seed": 4,
    "training.order_seed": 5,
    "training.symmetries": True,
    "training.initial_model": "saved_models/first",
}
PUBLISHED = [
    ("paper", "85a2df9859f7", "f54fc1fa0428"),
    ("paper_production", "caa9f8be9ca4", "b5c5095da014"),
    ("quickstart", "f34c91cecbc4", "c9f4e7c8dfd4"),
    ("reduced_production", "18fc6e2ecb6d", "20de04ecf36e"),
    ("tissue", "97790037a188", "05530a283d42"),
    ("varying_diffusion_length", "52b828c33d70", "3ae5fea5a38f"),
    ("prior_work", "e68a8157e2a8", "afc3e878cfe7"),
]
FREE: dict[str, Any] = {
    "name": "other",
    "data.test_examples": 3,
    "data.cache": True,
    "training.zero_field_epochs": 1,
    "training.checkpoint_minutes": 1.0,
    "evaluation.batch_size": 3,
    "evaluation.bounds": 1,
    "evaluation.cases": 1,
    "evaluation.baselines": ["zero_field"],
    "evaluation.pictures": [1],
}


def changed(config: Config, key: str, value: Any) -> Config:
    several = isinstance(value, dict)
    return config.with_overrides(value if several else {key: value})


def test_every_key_is_known_to_matter_or_not(tiny):
    assert {*OTHERS, *FREE} == {*by_key(tiny)}
    assert not OTHERS.keys() & FREE.keys()


def test_whatever_changes_the_training_changes_the_identity(tiny):
    known = {"": run_identity(tiny)}
    known |= {key: run_identity(changed(tiny, key, value)) for key, value in OTHERS.items()}
    equal = [pair for pair in combinations(known, 2) if known[pair[0]] == known[pair[1]]]
    assert equal == []


@pytest.mark.parametrize("key", FREE)
def test_what_changes_no_weight_leaves_the_identity(key, tiny):
    other = tiny.with_overrides({key: FREE[key]})
    assert other != tiny
    assert run_identity(other) == run_identity(tiny)


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"training.seed": 3}, {"training.seed": 3, "training.order_seed": 3}),
    ({"data.train_examples": 6}, {"data.train_examples": 12, "data.train_fraction": 0.5}),
    (
        {"data.train_fraction": 0.5, "data.train_part": 1},
        {"data.train_examples": 24, "data.train_fraction": 0.25, "data.train_part": 1},
    ),
    ({"training.loss": "mae"}, {"training.loss": "absolute"}),
    (
        {"training.loss": {"error": "huber", "delta": 0.1, "weight": "tanh"}},
        {
            "training.loss": {
                "error": "huber",
                "delta": 0.1,
                "weight": {"name": "tanh", "amplitude": 2000, "rate": 1},
                "weight_from": "target",
                "normalize_weight": False,
            }
        },
    ),
    (
        {"training.loss": {"error": "alternating", "first": "mae", "second": "mse"}},
        {
            "training.loss": {
                "error": "alternating",
                "first": {"error": "absolute"},
                "second": "squared",
                "schedule": "toggle",
                "every": 1,
            }
        },
    ),
    ({"data.sources": "1-2"}, {"data.sources": [2, 1]}),
    ({"physics.boundary": "dirichlet"}, {"physics.boundary": "absorbing"}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_of_a_run_have_one_identity(one, other, tiny):
    first, second = tiny.with_overrides(one), tiny.with_overrides(other)
    assert run_identity(first) == run_identity(second)


@pytest.mark.parametrize(("one", "other"), SAME[:4])
def test_another_spelling_continues_an_unfinished_run(one, other, tiny, tmp_path):
    first, second = tiny.with_overrides(one), tiny.with_overrides(other)
    run = Run.begin(tmp_path / "run", first)
    (run.checkpoints / "000000-0000000001").mkdir(parents=True)
    Run.begin(run.path, second)
    assert run.checkpoints.is_dir()
    with pytest.raises(RunError, match=r"another configuration: model\.width 2 there, 4 here"):
        Run.begin(run.path, second.with_overrides({"model.width": 4}))


def test_fingerprints_tell_values_apart_and_ignore_their_order():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert len({fingerprint({"a": value}) for value in (1, 1.5, "1", [1], None)}) == 5


@pytest.mark.parametrize(("name", "run", "tests"), PUBLISHED)
def test_identities_of_published_runs_and_test_sets_stay(name, run, tests):
    config = load_config(name)
    assert (run_identity(config), identity.identity_of_tests(config)) == (run, tests)
