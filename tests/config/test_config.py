import math
import pickle
from copy import deepcopy
from typing import Any

import pytest

from diffkeras.config import Config, parse_config, settings
from diffkeras.data.section import format_counts, parse_counts
from diffkeras.errors import ConfigurationError
from diffkeras.physics import FixedFlux, FixedValue, Medium

# key → values that it refuses
REFUSED: dict[str, tuple[Any, ...]] = {
    "physics.decay": (-0.1, "often", math.nan, True),
    "physics.diffusivity": (0, math.inf),
    "physics.step": (0, 1e300),
    "physics.lattice": (0, "a", 64.0, 8200, [1, 2, 3]),
    "physics.boundary": ("leaky", {"front": "absorbing"}, {"top": {"valu": 1}}),
    "physics.sources": ("flux",),
    "physics": (3,),
    "data.sources": ([], 0, "many", [1.5], [True], [10**400], "9" * 500),
    "data.radius": (-1, [5, 3], math.nan, "a" * 999, 1e300, [1, 1e300], ["x" * 10**6] * 10),
    "data.values": (["scaled_uniform", 0], ["log_uniform"], ["scaled", 0.1]),
    "data.diffusion_length": (20, [2, 2.001]),
    "data.placement": ({"colour": 1}, {"spred": 1}),
    "data.placement.kind": ("leaky",),
    "data.placement.clusters": (10**12, 1.5),
    "data.placement.spread": (1e300, "x"),
    "data.train_examples": (0, 10**15, 1.5),
    "data.train_fraction": (0, 1.1),
    "data.seed": (-1, 2**32, 10**400),
    "data.stream": ("maybe",),
    "model.width": (3,),
    "model.transform": ("cube",),
    "training.epochs": (0, 2.5, True),
    "training.jit": (None,),
    "training.loss": (3,),
    "training.initial_model": ("",),
    "evaluation.baselines": ("all", ["cg"], ["zero_field"] * 2),
    "evaluation.pictures": ([1, 99],),
    "name": ("../elsewhere", "", None),
}


@pytest.mark.parametrize("key", REFUSED)
def test_refusals_name_the_key_and_the_value(tiny, key):
    for value in REFUSED[key]:
        with pytest.raises(ConfigurationError) as caught:
            tiny.with_overrides({key: value})
        message = str(caught.value)
        assert message.startswith(key)
        assert "\n" not in message
        assert len(message) < 400
        leaves = value if isinstance(value, list) else [value]
        shown = [f"{leaf:g}" if isinstance(leaf, float) else str(leaf).lower() for leaf in leaves]
        shown = ["null" if leaf == "none" else leaf for leaf in shown]
        if all(len(text) < 20 for text in shown) and not isinstance(value, dict):
            assert any(text in message.lower() for text in shown) or not leaves, message


def test_a_loss_parameter_extends_a_loss_given_by_name(tiny):
    config = tiny.with_overrides({"training.loss.weight": "step"})
    assert config.training.loss == {"error": "absolute", "weight": "step"}
    pair = {"error": "alternating", "first": "absolute", "second": "squared"}
    config = tiny.with_overrides({"training.loss": pair})
    config = config.with_overrides({"training.loss.second.weight": "tanh"})
    second = {"error": "squared", "weight": "tanh"}
    assert config.training.loss == {**pair, "first": {"error": "absolute"}, "second": second}


def test_overrides_change_no_value_that_was_given(tiny):
    loss = {"error": "alternating", "first": "absolute", "second": {"error": "squared"}}
    given: dict[str, Any] = {"data.tissue": {"cells": [1, 3]}, "training.loss": loss}
    before = deepcopy(given)
    more = {"data.tissue.regions": [2, 3], "training.loss.second.weight": "tanh"}
    tiny.with_overrides(given | more)
    assert given == before


def test_every_kind_of_value_is_taken_or_refused_by_its_key(tiny):
    garbage = (None, True, -1, 2.5, math.inf, 10**30, "x", "", [], ["x"], [1, 2, 3], {}, {"a": 1})
    for section, values in tiny.to_dict().items():
        for key in values if isinstance(values, dict) else ():
            for value in garbage:
                try:
                    parse_config({section: {key: value}})
                except ConfigurationError as error:
                    assert str(error).startswith(f"{section}.")  # noqa: PT017


def test_a_mapping_for_a_section_is_merged_into_it(tiny):
    base = tiny.with_overrides({"data.placement.spread": 3})
    for key, value in (
        ("training", {"batch_size": 3, "loss": {"error": "absolute"}}),
        ("data", {"placement": {"kind": "edge"}, "radius": 1}),
        ("data.placement", {"kind": "edge"}),
        ("training", {}),
    ):
        changed = base.with_overrides({key: value})
        assert changed == base.with_overrides(settings(key, value))
        assert changed.data.placement.spread == 3
        assert changed.training.epochs == base.training.epochs
    for wrong in (None, 3, "x", [1]):
        with pytest.raises(ConfigurationError, match=r"^training: .* mapping, not .*training\.KEY"):
            tiny.with_overrides({"training": wrong})


def test_fractions_of_the_training_examples_are_disjoint_parts(tiny):
    quarter = tiny.with_overrides({"data.train_fraction": 0.25})
    parts = [quarter.with_overrides({"data.train_part": part}) for part in range(4)]
    assert [k for part in parts for k in part.data.train_numbers] == list(range(12))
    assert tiny.with_overrides({"data.train_fraction": 0.0001}).data.train_examples_used == 1


def test_a_configuration_goes_to_other_processes(tiny):
    assert tiny.model.definition.parameters.keys()  # which is kept, and can't be pickled
    assert pickle.loads(pickle.dumps(tiny)) == tiny


def test_the_steps_of_a_run(tiny):
    # 24 examples in batches of 4, or in 3 of which one has 4
    assert tiny.steps == 2 * 6
    assert tiny.with_overrides({"training.batch_size": 10}).steps == 2 * 3
    assert tiny.with_overrides({"data.train_fraction": 0.5}).steps == 2 * 3
    assert tiny.with_overrides({"training.steps_per_epoch": 7}).steps == 2 * 7
    # 12 of each share in batches of 5 of each: what is left over is dropped
    shares = {"data.shares": 2, "training.batch_size": 10}
    assert tiny.with_overrides(shares).steps == 2 * 2


def test_baselines_are_all_that_make_sense_unless_they_are_chosen():
    fixed, production = Config(), Config(physics={"sources": "production"})
    assert fixed.baselines()[:2] == ("superposition", "one_number")
    assert len(fixed.baselines()) == 5
    assert production.baselines() == ("exact_solver", "zero_field")
    closed = {"physics.decay": 0, "physics.boundary": "reflecting"}
    assert fixed.with_overrides(closed).baselines() == fixed.baselines()[1:]
    half_closed = {"physics.decay": 0, "physics.boundary": ["reflecting", "absorbing"]}
    assert fixed.with_overrides(half_closed).baselines() == fixed.baselines()
    given = {"physics.boundary": {"value": 0.5}}
    assert fixed.with_overrides(given).baselines() == fixed.baselines()[3:]
    chosen = fixed.with_overrides({"evaluation.baselines": ["zero_field", "one_number"]})
    assert chosen.baselines() == ("zero_field", "one_number")
    assert fixed.with_overrides({"evaluation.baselines": []}).baselines() == ()


MIXED = [["absorbing", "reflecting"], "periodic"]
GIVEN = [{"value": 0.5}, "reflecting"]
TISSUE = {"cells": [1, 3]}
CORRECTED = {"model.transform": "linear", "model.corrections": 1}
UNROLLED = {**CORRECTED, "model.architecture": "unrolled_cg"}
PRODUCTION = {"physics.sources": "production"}
DIVIDED = {**PRODUCTION, "data.divide_by_maximum": True}
OF_FIXED_VALUES = "True .* sources that produce.*fixed_value"
SUPERPOSED = {"evaluation.baselines": ["zero_field", "superposition"]}
LOG = {"model.transform": "log"}


def part(fraction: float, number: int) -> dict[str, float]:
    return {"data.train_fraction": fraction, "data.train_part": number}


def of_sides(key: str) -> str:
    return rf"^physics\.boundary: {key}: .*{key}$"


CONFLICTS: list[tuple[dict[str, Any], str]] = [
    ({"physics.dcay": 0.1}, "unknown key; do you mean decay"),
    ({"phisics.decay": 0.1}, "unknown key; do you mean physics"),
    ({"physics.colour": 0.1}, "unknown key; known here: lattice, step"),
    ({"physics.decay.x": 1}, r"physics\.decay\.x: decay is a value"),
    (
        {"physics.lattice": [16, 100], "model.depth": 3},
        r"physics\.lattice: .* 100 columns, .* 8; choose 96 or 104.*pad",
    ),
    ({"data.divide_by_maximum": True}, rf"^data\.divide_by_maximum: {OF_FIXED_VALUES}"),
    ({"data.placement.overlap": True}, rf"^data\.placement\.overlap: {OF_FIXED_VALUES}"),
    *(
        ({"data.stream": True, key: value}, rf"^{key}: is of stored examples, and a stream solves")
        for key, value in (
            ("data.cache", True),
            ("data.train_fraction", 0.5),
            ("training.symmetries", True),
        )
    ),
    ({"data.diffusion_length": [5, 5]}, r"not \[5\.0, 5\.0\]; for one .* physics\.decay to D/ℓ²$"),
    ({"training.weight_decay": 0.1}, r"^training\.weight_decay: adam"),
    (
        {**PRODUCTION, "physics.decay": 0},
        r"^physics\.decay: 0 gives .* fixed values \(physics\.sources: production",
    ),
    *(
        (part(fraction, number), rf"data\.train_part: .*one up to {last},")
        for fraction, number, last in ((1, 1, 0), (0.25, 4, 3), (0.4, 2, 1), (0.6, 1, 0))
    ),
    *(
        (SUPERPOSED | changes, rf"evaluation\.baselines: superposition .*{message}")
        for changes, message in (
            (PRODUCTION, "sources that produce; .* exact_solver"),
            ({"physics.decay": 0, "physics.boundary": "periodic"}, r"physics\.decay"),
            ({"physics.boundary": {"flux": 0.5}}, r"physics\.boundary"),
        )
    ),
    ({"physics.boundary": MIXED, **UNROLLED}, of_sides("model.corrections")),
    ({"physics.boundary": MIXED, **CORRECTED}, of_sides("model.corrections")),
    ({"physics.boundary": GIVEN, **CORRECTED}, of_sides("model.corrections")),
    ({"physics.boundary": MIXED, "training.symmetries": True}, of_sides("training.symmetries")),
    ({"physics.boundary": GIVEN, **DIVIDED}, of_sides("data.divide_by_maximum")),
    ({"physics.boundary": {"flux": -0.5}, **LOG}, of_sides("model.transform")),
]


@pytest.mark.parametrize(("changes", "message"), CONFLICTS)
def test_what_excludes_each_other_is_refused_in_a_sentence(tiny, changes, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        tiny.with_overrides(changes)
    assert "\n" not in str(caught.value)


TAKEN: list[dict[str, Any]] = [
    {"physics.lattice": [16, 100], "model.depth": 3, "model.pad": True},
    {"physics.boundary": MIXED, "data.stream": True},
    {"physics.boundary": GIVEN, "data.stream": True, **LOG},
    {"physics.boundary": GIVEN, "training.symmetries": True},
    {"physics.boundary": MIXED, "data.tissue": TISSUE, **CORRECTED},
    {"physics.boundary": GIVEN, "data.tissue": TISSUE, **UNROLLED},
    {"physics.boundary": GIVEN, **PRODUCTION},
    {**DIVIDED, "data.placement.overlap": True, "data.values": ["scaled_uniform", 0.01]},
]


@pytest.mark.parametrize("changes", TAKEN)
def test_what_goes_together_is_taken(tiny, changes):
    config = tiny.with_overrides(changes)
    assert parse_config(config.to_dict()) == config


@pytest.mark.parametrize(
    ("given", "counts", "text"),
    [
        ("1-20", tuple(range(1, 21)), "1-20"),
        ("1,5,20", (1, 5, 20), "1,5,20"),
        ("1-3,7", (1, 2, 3, 7), "1-3,7"),
        (" 3 - 4 , 1 ", (1, 3, 4), "1,3-4"),
        ("7,1-3", (1, 2, 3, 7), "1-3,7"),
        ("5", (5,), "5"),
        (5, (5,), "5"),
        ([20, 1], (1, 20), "1,20"),
        (["1-2", 4], (1, 2, 4), "1-2,4"),
    ],
)
def test_counts_are_read_and_written(given, counts, text):
    assert parse_counts(given) == counts
    assert format_counts(counts) == text
    assert parse_counts(text) == counts


TWICE = ("1,2,1", "1-3,2", [20, 1, 20], "1-100000," * 1000 + "1")
NO_COUNTS = ("", "a", "1-", "-1", "1,,2", "1.5", "²", "1-2-3", "5-1", "5-1,2", "1-100001", "1_0")


@pytest.mark.parametrize("given", [*NO_COUNTS, "١-٢", *TWICE])
def test_what_is_no_list_of_counts_is_refused(given):
    wrong = "is named twice" if given in TWICE else "source count|backwards|more than"
    with pytest.raises(ValueError, match=wrong):
        parse_counts(given)


NAMED = {"top": "reflecting", "bottom": "reflecting", "left": "periodic", "right": "periodic"}


@pytest.mark.parametrize(
    ("given", "boundary"),
    [
        ({"value": 2}, FixedValue(2.0)),
        ([{"flux": -0.5}, "no-flux"], (FixedFlux(-0.5), "reflecting")),
        ([[{"value": 1}, "dirichlet"], "periodic"], ((FixedValue(1.0), "absorbing"), "periodic")),
        ({**NAMED, "top": {"value": 1}}, ((FixedValue(1.0), "reflecting"), "periodic")),
        ({**NAMED, "bottom": {"flux": 1}}, {**NAMED, "bottom": FixedFlux(1.0)}),
    ],
)
def test_sides_are_those_of_a_medium(tiny, given, boundary):
    config = tiny.with_overrides({"physics.boundary": given})
    assert config.physics.medium.sides == Medium(boundary=boundary).sides
    assert parse_config(config.to_dict()) == config
    assert hash(config.physics) != hash(tiny.physics)


def test_sides_have_one_spelling(tiny):
    named = {"top": "dirichlet", "bottom": "no-flux", "left": "periodic", "right": "periodic"}
    pairs = [["absorbing", "reflecting"], "periodic"]
    mixed = [["absorbing", "reflecting"], "absorbing"]  # sides that aren't named absorb
    for given, plain in ((named, pairs), (pairs, pairs), ({"bottom": "no_flux"}, mixed)):
        config = tiny.with_overrides({"physics.boundary": given})
        assert config.to_dict()["physics"]["boundary"] == plain
