import math
from pathlib import Path
from typing import Any

import pytest

from diffkeras.config import (
    Config,
    fingerprint,
    load_config,
    parse_config,
    settings,
)
from diffkeras.errors import ConfigurationError

REFUSED = [
    ("physics.dcay", 0.1, "physics.dcay: unknown key; do you mean decay?"),
    ("phisics.decay", 0.1, "phisics: unknown key; do you mean physics?"),
    ("physics.colour", 0.1, "physics.colour: unknown key; known here: lattice, step"),
    ("training.jit", None, "training.jit: must be a valid boolean or must be 'auto' (given: None)"),
    ("data.diffusion_length", 20, "data.diffusion_length: must be a list (given: 20)"),
    ("data.diffusion_length", [2, 2.001], "data.diffusion_length: a range [shortest, longest] has"),
    ("physics.decay", -0.1, "physics.decay: "),
    ("physics.decay", "often", "physics.decay: "),
    ("physics.decay", math.nan, "physics.decay: must be a finite number (given: nan)"),
    ("physics.decay", True, "physics.decay: true is a truth value"),
    ("physics.diffusivity", 0, "physics.diffusivity: "),
    ("physics.diffusivity", math.inf, "physics.diffusivity: "),
    ("physics.step", 1e300, "physics.step: "),
    ("physics.step", 0, "physics.step: must be at least 1e-30 (given: 0)"),
    ("physics.step", 1e-300, "physics.step: "),
    ("physics.lattice", 0, "physics.lattice"),
    ("physics.lattice", "a", "physics.lattice: must be a list (given: 'a')"),
    ("physics.lattice", [16], "physics.lattice"),
    ("physics.lattice", 8200, "physics.lattice: 8200×8200 are 67,240,000 nodes, and an example"),
    ("physics.lattice", [1, 2, 3], "physics.lattice: list should have at most 2 items"),
    ("physics.boundary", "leaky", "physics.boundary: boundary 'leaky' is unknown; choose"),
    ("physics.boundary", ["absorbing", "x"], "physics.boundary: boundary 'x' is unknown"),
    ("physics", 3, "physics: "),
    ("data.sources", [], "data.sources: list should have at least 1 item"),
    ("data.sources", 0, "data.sources"),
    ("data.sources", "many", "data.sources: 'many' is no list of source counts"),
    ("data.sources", [1.5], "data.sources"),
    ("data.sources", [10**400], "data.sources.0: must be at most"),
    ("data.sources", "9" * 500, "data.sources: 999"),
    ("data.radius", -1, "data.radius: "),
    ("data.radius", [5, 3], "data.radius: "),
    ("data.radius", math.nan, "data.radius: "),
    ("data.radius", "a" * 999, "data.radius: must be a valid number, unable to parse"),
    ("data.values", ["scaled_uniform", 0], "data.values: values must be"),
    ("data.values", ["log_uniform"], "data.values: must be 'uniform' or 'constant' or too few"),
    ("data.values", ["scaled", 0.1], "data.values.0: must be 'log_uniform' or 'scaled_uniform'"),
    ("evaluation.baselines", "all", "evaluation.baselines: must be a list (given: 'all')"),
    ("evaluation.baselines", ["cg"], "evaluation.baselines.0: must be 'superposition', 'one_num"),
    ("evaluation.baselines", ["zero_field"] * 2, "evaluation.baselines: zero_field is named twice"),
    ("evaluation.pictures", [1, 99], "evaluation.pictures: 99 is not in data.sources, 1-2"),
    ("evaluation.pictures", [], "evaluation.pictures: list should have at least 1 item"),
    ("physics.sources", "flux", "physics.sources: must be 'fixed_value' or 'production'"),
    ("data.train_examples", 0, "data.train_examples: "),
    ("data.train_examples", 10**15, "data.train_examples: "),
    ("data.radius", 1e300, "data.radius: must be at most 1e+06"),
    ("data.radius", [1, 1e300], "data.radius.1: must be at most 1e+06"),
    ("data.placement.clusters", 10**12, "data.placement.clusters: "),
    ("data.placement.spread", 1e300, "data.placement.spread: "),
    ("data.test_examples", 1.5, "data.test_examples: "),
    ("data.train_fraction", 0, "data.train_fraction: "),
    ("data.train_fraction", 1.1, "data.train_fraction: "),
    ("physics.decay", "1e-400", "physics.decay: '1e-400' is so small that it would be 0"),
    ("data.seed", -1, "data.seed: "),
    ("data.seed", 2**32, "data.seed: must be less than"),
    ("data.seed", 10**400, "data.seed: must be less than"),
    pytest.param("data.seed", 10**5000, "data.seed: must be less than", id="huge"),
    ("data.stream", "maybe", "data.stream: must be a valid boolean, unable to interp"),
    ("model.width", 3, "model.width: must be a multiple of 2 (given: 3)"),
    ("model.depth", 0, "model.depth: "),
    ("model.initial_weights", "zeros", "model.initial_weights: must be 'keras' or 'pytorch'"),
    ("model.transform", "cube", "model.transform: no transform is named 'cube'"),
    ("model.pad", "perhaps", "model.pad: "),
    ("training.epochs", 0, "training.epochs: "),
    ("training.epochs", 2.5, "training.epochs: must be a valid integer, got a number"),
    ("training.epochs", True, "training.epochs: true is a truth value"),
    ("training.learning_rate", 0, "training.learning_rate: "),
    ("training.batch_size", 10**20, "training.batch_size: "),
    ("training.seed", 2**32, "training.seed: "),
    ("training.loss", 3, "training.loss: must be a valid string or must be a valid dict"),
    ("training.ema", 2, "training.ema: must be less than 1 (given: 2)"),
    ("evaluation.cases", 0, "evaluation.cases: "),
    ("name", "../elsewhere", "name: "),
    ("name", "", "name: "),
    ("name", None, "name: must be a valid string (given: None)"),
]


@pytest.mark.parametrize(("key", "value", "message"), REFUSED)
def test_refusals_name_the_key(tiny: Config, key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        tiny.with_overrides({key: value})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_all_that_is_wrong_is_told_at_once(tiny: Config) -> None:
    with pytest.raises(ConfigurationError, match=r"physics\.decay: .*; training\.epochs: "):
        tiny.with_overrides({"physics.decay": -1, "training.epochs": 0})


def test_of_many_errors_the_first_are_told_with_the_known_keys_once() -> None:
    raw = {f"{n}": 1 for n in range(20_000)} | {"k" * 10**6: 1}
    with pytest.raises(ConfigurationError) as caught:
        parse_config({"physics": raw})
    first, *others = str(caught.value).split("; physics.")
    assert first.startswith("physics.0: unknown key; known here: lattice, ")
    assert others == ["1: unknown key", "2: unknown key; and 19,998 more"]
    with pytest.raises(ConfigurationError, match=r"^physics\.k{60}…: unknown key"):
        parse_config({"physics": {"k" * 10**6: 1}})


def test_a_side_that_the_network_doesnt_divide_is_refused_unless_padded(tiny: Config) -> None:
    wrong = {"physics.lattice": [16, 100], "model.depth": 3}
    with pytest.raises(
        ConfigurationError, match=r"physics\.lattice: .* 100 columns, .* 8; choose 96 or 104.*pad"
    ):
        tiny.with_overrides(wrong)
    assert tiny.with_overrides({**wrong, "model.pad": True}).physics.lattice == (16, 100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.divide_by_maximum": True}, r"^data\.divide_by_maximum: .* true .*: production"),
        ({"data.placement.overlap": True}, r"^data\.placement\.overlap: .* true .*: production"),
        (
            {"physics.sources": "production", "physics.decay": 0},
            r"^physics\.decay: .* decay of 0 .* fixed_value",
        ),
    ],
)
def test_what_makes_no_sense_for_a_kind_of_sources_is_refused(
    tiny: Config, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        tiny.with_overrides(changes)


def test_production_takes_what_fixed_values_dont(tiny: Config) -> None:
    config = tiny.with_overrides(
        {
            "physics.sources": "production",
            "data.divide_by_maximum": True,
            "data.placement.overlap": True,
            "data.values": ["scaled_uniform", 0.01],
        }
    )
    assert config.data.placement.placement.overlap
    assert parse_config(config.model_dump(mode="json")) == config


def test_a_smaller_depth_also_helps(tiny: Config) -> None:
    assert tiny.with_overrides({"physics.lattice": 100, "model.depth": 2}).model.depth == 2


def test_a_loss_parameter_extends_a_loss_given_by_name(tiny: Config) -> None:
    config = tiny.with_overrides({"training.loss.weight": "step"})
    assert config.training.loss == {"error": "absolute", "weight": "step"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training", {"batch_size": 3}),
        ("data", {"placement": {"kind": "edge"}, "radius": 1}),
        ("data.placement", {"kind": "edge"}),
        ("training", {"loss": {"error": "absolute"}}),
        ("training", {}),
    ],
)
def test_a_mapping_is_merged_into_a_section(
    tiny: Config, tmp_path: Path, key: str, value: dict[str, Any]
) -> None:
    base = tiny.with_overrides(
        {"data.placement.spread": 3, "training.loss": {"error": "huber", "delta": 0.1}}
    )
    one_by_one = base.with_overrides(settings(key, value))
    assert settings(key, value).keys() <= {
        "training.batch_size",
        "training.loss",
        "data.placement.kind",
        "data.radius",
    }
    assert base.with_overrides({key: value}) == one_by_one
    assert one_by_one.training.epochs == base.training.epochs
    assert one_by_one.data.placement.spread == 3
    file = tmp_path / "a.yaml"
    file.write_text(base.to_yaml())
    assert load_config(file, {key: value}) == one_by_one


@pytest.mark.parametrize("value", [None, 3, "x", [1]])
def test_a_section_takes_only_a_mapping(tiny: Config, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^training: .* mapping, not .*training\.KEY"):
        tiny.with_overrides({"training": value})


def test_sides_of_an_axis_may_differ(tiny: Config) -> None:
    named = {"top": "dirichlet", "bottom": "no-flux", "left": "periodic", "right": "periodic"}
    pairs = [["absorbing", "reflecting"], "periodic"]
    for boundary in (named, pairs):
        config = tiny.with_overrides({"physics.boundary": boundary})
        assert config.model_dump(mode="json")["physics"]["boundary"] == pairs
    config = tiny.with_overrides({"physics.boundary": {"bottom": "no_flux"}})  # the others absorb
    expected = [["absorbing", "reflecting"], "absorbing"]
    assert config.model_dump(mode="json")["physics"]["boundary"] == expected
    with pytest.raises(ConfigurationError, match=r"physics\.boundary: .*periodic at both sides"):
        tiny.with_overrides({"physics.boundary": {"left": "periodic"}})


def test_every_kind_of_value_is_taken_or_refused_by_its_key(tiny: Config) -> None:
    garbage = (None, True, -1, 2.5, math.inf, 10**30, "x", "", [], ["x"], [1, 2, 3], {}, {"a": 1})
    for section, values in tiny.model_dump().items():
        for key in values if isinstance(values, dict) else ():
            for value in garbage:
                try:
                    parse_config({section: {key: value}})
                except ConfigurationError as error:
                    assert str(error).startswith(f"{section}.{key}")  # noqa: PT017


def test_a_huge_value_is_cut(tiny: Config) -> None:
    with pytest.raises(ConfigurationError) as caught:
        tiny.with_overrides({"data.radius": ["x" * 10**6] * 10**4})
    assert len(str(caught.value)) < 200


def test_a_key_below_a_value_is_refused(tiny: Config) -> None:
    with pytest.raises(ConfigurationError, match=r"physics\.decay\.x: decay is a value"):
        tiny.with_overrides({"physics.decay.x": 1})


def test_train_fraction_counts_at_least_one_example(tiny: Config) -> None:
    used = [
        tiny.with_overrides({"data.train_fraction": fraction}).data.train_examples_used
        for fraction in (1, 0.5, 0.25, 0.0001)
    ]
    assert used == [12, 6, 3, 1]


def test_the_parts_of_the_training_examples_don_t_overlap(tiny: Config) -> None:
    quarter = tiny.with_overrides({"data.train_fraction": 0.25})
    parts = [quarter.with_overrides({"data.train_part": part}) for part in range(4)]
    numbers = [list(part.data.train_numbers) for part in parts]
    assert numbers == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]


@pytest.mark.parametrize(
    ("fraction", "part", "last"), [(1, 1, 0), (0.25, 4, 3), (0.4, 2, 1), (0.6, 1, 0)]
)
def test_a_part_that_does_not_exist_is_refused(
    fraction: float, part: int, last: int, tiny: Config
) -> None:
    with pytest.raises(ConfigurationError, match=rf"data\.train_part: .*one up to {last},"):
        tiny.with_overrides({"data.train_fraction": fraction, "data.train_part": part})


def test_the_steps_of_a_run(tiny: Config) -> None:
    # 24 examples in batches of 4, or in 3 of which one has 4
    assert tiny.steps == 2 * 6
    assert tiny.with_overrides({"training.batch_size": 10}).steps == 2 * 3
    assert tiny.with_overrides({"data.train_fraction": 0.5}).steps == 2 * 3
    assert tiny.with_overrides({"training.steps_per_epoch": 7}).steps == 2 * 7


def test_the_steps_of_a_run_with_hard_examples_are_those_of_both_stages(tiny: Config) -> None:
    hard = {
        "data.train_fraction": 0.5,
        "training.hard_examples": {"number": 4, "epochs": 3},
    }
    # 12 examples, then 20, in batches of 4
    assert tiny.with_overrides(hard).steps == 2 * 3 + 3 * 5
    assert tiny.with_overrides({**hard, "training.steps_per_epoch": 7}).steps == 2 * 7 + 3 * 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"number": 7}, r"hard_examples\.number: 7 .* from the 6 of 12 "),
        ({"number": 0}, r"hard_examples\.number: must be more than 0"),
        ({"epochs": 0}, r"hard_examples\.epochs: "),
        ({"choice": "easiest"}, r"hard_examples\.choice: must be 'hardest' or 'random'"),
        ({"numbers": 3}, r"hard_examples\.numbers: unknown key; do you mean number"),
    ],
)
def test_hard_examples_that_cant_be_chosen_are_refused(
    changes: dict, message: str, tiny: Config
) -> None:
    section = {"number": 2, "epochs": 1, **changes}
    with pytest.raises(ConfigurationError, match=message) as caught:
        tiny.with_overrides({"data.train_fraction": 0.5, "training.hard_examples": section})
    assert "\n" not in str(caught.value)


def test_hard_examples_need_a_number_and_epochs(tiny: Config) -> None:
    half = tiny.with_overrides({"data.train_fraction": 0.5})
    with pytest.raises(ConfigurationError, match=r"hard_examples: epochs is missing"):
        half.with_overrides({"training.hard_examples.number": 2})
    keys = {"training.hard_examples.number": 2, "training.hard_examples.epochs": 1}
    hard = half.with_overrides(keys)
    assert hard.training.hard_examples is not None
    assert hard.training.hard_examples.choice == "hardest"
    assert hard.first_stage == half
    assert half.first_stage is None


def test_a_stream_has_no_hard_examples(tiny: Config) -> None:
    with pytest.raises(ConfigurationError, match=r"training\.hard_examples: a stream"):
        tiny.with_overrides(
            {"data.stream": True, "training.hard_examples": {"number": 2, "epochs": 1}}
        )


def test_configurations_are_immutable(tiny: Config) -> None:
    with pytest.raises(ValueError, match="frozen"):
        tiny.training.epochs = 3  # type: ignore[misc]


def test_fingerprints_tell_values_apart_and_ignore_their_order() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert len({fingerprint({"a": value}) for value in (1, 1.5, "1", [1], None)}) == 5


def test_parse_config_takes_plain_data() -> None:
    assert parse_config({"data": {"sources": 3}}).data.sources == (3,)


def test_a_configuration_of_an_earlier_version_has_a_buffer_that_is_ignored(
    log: pytest.LogCaptureFixture,
) -> None:
    assert parse_config({"data": {"shuffle_buffer": 5}}) == parse_config({})
    assert "data.shuffle_buffer has no effect" in log.text
