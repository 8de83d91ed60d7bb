import re
from pathlib import Path

import pytest

from diffkeras.errors import ConfigurationError
from diffkeras.studies.plan import data_needed, of_shard, plan
from diffkeras.studies.study_file import load_study
from diffkeras.training.batches import check_batch

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(path.stem for path in (CONFIGS / "studies").glob("*.yaml"))


def test_factors_that_change_the_data_are_tested_on_the_base_test_set(study_file):
    file = study_file.with_name("seeds.yaml")
    file.write_text("name: s\nbase: tiny.yaml\nfactors: {data.seed: [0, 3]}\n")
    study = load_study(str(file))
    needed = data_needed(study, plan(study, Path()))
    assert {config.data.seed for config in needed} == {0, 3}
    assert study.test.data.seed == 3


def test_runs_are_named_after_what_they_compute(study_file):
    cells = plan(load_study(str(study_file)), Path("there"))
    names = [cell.run_dir.name for cell in cells]
    assert len(set(names)) == 4
    assert [cell.title for cell in cells][3] == "training fraction 1.0, huber(delta=0.1)"
    assert all(re.fullmatch(r"[0-9a-f]{12}", name) for name in names)
    assert [cell.config.name for cell in cells] == names


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("shards", [2, 8])
def test_shards_share_the_training_evenly_and_each_run_is_in_one(name, shards):
    runs = plan(load_study(f"studies/{name}"), Path("there"))
    parts = [of_shard(runs, (number, shards)) for number in range(1, shards + 1)]
    order = {run.identity: place for place, run in enumerate(runs)}
    places = [[order[run.identity] for run in part] for part in parts]
    assert sorted(place for part in places for place in part) == sorted(order.values())
    assert places == [sorted(part) for part in places]
    steps = [sum(run.config.steps for run in part) for part in parts]
    assert max(steps) - min(steps) <= max(run.config.steps for run in runs)


def test_what_is_tested_only_needs_no_training_examples(study_file):
    file = study_file.with_name("edge.yaml")
    file.write_text(
        "name: e\nbase: tiny.yaml\nfactors: {data.train_fraction: [0.25, 1]}\n"
        "variants: {small: {}, large: {data.train_examples: 24}}\n"
        "test_sets: {same: {data.test_examples: 9}, edge: {data.placement.kind: edge}}\n"
    )
    study = load_study(str(file))
    needed = data_needed(study, plan(study, Path()))
    found = [
        (config.data.placement.kind, *map(config.data.examples, ("train", "validation", "test")))
        for config in needed
    ]
    assert found == [("uniform", 24, 4, 5), ("uniform", 0, 1, 9), ("edge", 0, 1, 5)]
    assert {config.data.sources for config in needed} == {(1, 2)}


@pytest.mark.parametrize(
    "base",
    [str(file) for file in CONFIGS.rglob("*.yaml") if "studies" not in file.parts],
    ids=lambda base: Path(base).stem,
)
def test_any_configuration_is_the_base_of_a_study(base, study_file):
    file = study_file.with_name("base.yaml")
    file.write_text(f"name: b\nbase: {base}\nfactors: {{training.seed: [0, 1]}}\n")
    study = load_study(str(file))
    trained, *only_tested = data_needed(study, plan(study, Path()), tested=["all"])
    assert trained.data.examples("train") == study.base.data.examples("train")
    assert not any(config.data.examples("train") for config in only_tested)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no study"),
        ("name: a\nbase: tiny.yaml\nfactors: {}", "at least one factor or variant"),
        ("name: a\nbase: tiny.yaml\nfactors: {training.seed: []}", "has no values"),
        ("name: a\nbase: tiny.yaml\nfactors: {training.seed: [1, 1]}", "both called"),
        ("name: a\nbase: tiny.yaml\nfactors: {training.sed: [1]}", "sed: unknown key; do you mean"),
        ("name: a\nbase: tiny.yaml\nfactors: {physics.decay: [0.1]}", "can't be a factor"),
        *(
            (f"name: a\nbase: tiny.yaml\nfactors: {factors}", message)
            for factors, message in (
                ("{physics: [{decay: 0.1}]}", r"physics is a section; name dotted keys"),
                ("{name: [a, b]}", "name can't be a factor"),
                (
                    "{training.loss: [squared, absolute, {error: absolute}]}",
                    r"training\.loss: 'absolute' and {'error': 'absolute'} are both called",
                ),
                ("{data.train_fraction: [0.5, '0.5']}", "0.5 and '0.5' are both called '0.5' in"),
                ("{training.loss: [mae, absolute]}", "are the same run"),
            )
        ),
        ("name: a\nbase: nosuch\nfactors: {training.seed: [1]}", "no configuration file 'nosuch'"),
        (
            "name: a\nbase: tiny.yaml\nsettings: {training.x: 5}\nfactors: {training.seed: [1]}",
            r"training\.x: unknown key",
        ),
        *(
            (f"name: a\nbase: tiny.yaml\nfactors: {{training.seed: [1]}}\n{more}", message)
            for more, message in (
                ("test_sets: {}", "test_sets: name at least one test set"),
                ("test_sets: {other: {data.sources: x}}", r"test_sets: other: data\.sources: "),
                ("test_sets: {a: {physics: {decay: 1}}}", r"physics\.decay can't be set by"),
                ("test_sets: {a: {training.seed: 3}}", r"training\.seed can't be set by"),
                ("test_sets: {'': {}}", "test_sets: '': write a name in one line"),
                ("variants: {'a ': {model.width: 4}}", "variants: 'a ': write a name in one line"),
                ("test_sets: {a$b$: {}}", r"'a\$b\$': write a name without \$"),
                ('test_sets: {"a\\nb": {}}', r"'a\\nb': write a name in one line"),
                ("variants: {a: {training: {seed: 4}}}", r"training\.seed is also set by"),
                ("variants: {a: {physics.decay: 0.1}}", "can't be set by the variant a"),
                ("variants: {a: {}, b: {model.width: 2}}", "are the same run"),
                ("draws: {0: [1]}", r"training\.seed is also set by factors"),
            )
        ),
        *(
            (f"name: a\nbase: tiny.yaml\ndraws: {draws}", message)
            for draws, message in (
                ("{0: [0, 1], 1: [1]}", r"training\.seed 1 is named by the draws 0 and 1"),
                ("{0: [0], 1: []}", "draw 1 has no seeds"),
                ("{0: [0, 0]}", "are the same run"),
                ("{0: [-1]}", "draws"),
                ("{0: [true]}", "draws: must be a whole number, not true"),
                (r"{'0': [1]}", "draws: must be a whole number, not '0'"),
            )
        ),
        (
            f"name: a\nbase: tiny.yaml\nfactors: {{training.seed: {[*range(101)]}}}\n"
            f"variants: {{{', '.join(f'v{n}: {{model.width: {n + 1}}}' for n in range(100))}}}",
            "factors: 10100 runs are more than 10000",
        ),
    ],
)
def test_malformed_studies_are_refused(study_file, content, message):
    file = study_file.with_name("malformed.yaml")
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_study(str(file))
    assert "\n" not in str(caught.value)


def test_names_of_no_study_are_refused_with_the_names_of_studies():
    with pytest.raises(ConfigurationError, match=r"such as studies/.*, studies/.*, studies/"):
        load_study("paper_studies")
    with pytest.raises(ConfigurationError, match=r"^configuration paper is no study"):
        load_study("paper")


def test_variants_are_a_factor(study_file):
    file = study_file.with_name("variants.yaml")
    file.write_text(
        "name: v\nbase: tiny.yaml\nsettings: {training: {epochs: 1}}\n"
        "factors: {training.seed: [0, 1]}\n"
        "variants: {same: {}, other: {model.width: 4, training.loss: squared}}\n"
        "test_sets: {all: {}, one: {data.sources: 1, evaluation.bounds: 2}}\n"
        "question: Why?\n"
    )
    study = load_study(str(file))
    assert study.varied == {"variant": ["same", "other"], "training.seed": [0, 1]}
    found = [
        (values, config.model.width, config.training.loss, config.training.seed)
        for values, config in study.combinations
    ]
    assert found == [
        ({"variant": "same", "training.seed": 0}, 2, "absolute", 0),
        ({"variant": "same", "training.seed": 1}, 2, "absolute", 1),
        ({"variant": "other", "training.seed": 0}, 4, "squared", 0),
        ({"variant": "other", "training.seed": 1}, 4, "squared", 1),
    ]
    assert study.base.training.epochs == 1
    assert study.question == "Why?"
    assert [*study.test_sets] == ["all", "one"]
    assert study.test.data.sources == (1, 2)
    assert study.test_sets["one"].data.sources == (1,)
    assert [test.evaluation.bounds for test in study.test_sets.values()] == [0, 2]


def test_draws_have_seeds_of_their_own(study_file):
    file = study_file.with_name("draws.yaml")
    file.write_text(
        "name: d\nbase: tiny.yaml\ndraws: {3: [0, 1], 4: [2]}\nfactors: {model.width: [2, 4]}\n"
    )
    study = load_study(str(file))
    assert study.varied == {"data.seed": [3, 4], "training.seed": [0, 1, 2], "model.width": [2, 4]}
    found = [(c.data.seed, c.training.seed, c.model.width) for _, c in study.combinations]
    assert found == [(3, 0, 2), (3, 0, 4), (3, 1, 2), (3, 1, 4), (4, 2, 2), (4, 2, 4)]


def test_a_study_computes_bounds_if_it_says_so(study_file):
    file = study_file.with_name("bounds.yaml")
    text = "name: b\nbase: tiny.yaml\nfactors: {training.seed: [0]}\n"
    file.write_text(text)
    assert load_study(str(file)).test.evaluation.bounds == 0
    assert load_study(str(file), {"evaluation.bounds": 4}).test.evaluation.bounds == 4
    file.write_text(f"{text}settings: {{evaluation: {{bounds: 3}}}}\n")
    assert load_study(str(file)).test.evaluation.bounds == 3


def test_a_handful_is_shipped_at_both_scales():
    full = [name for name in SHIPPED if not name.endswith("_reduced")]
    assert full == ["disjoint_subsets", "seeds", "size_and_loss", "source_counts"]
    assert sorted([*full, *(f"{name}_reduced" for name in full)]) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_study_has_runs_whose_batches_fit(name):
    study = load_study(f"studies/{name}")
    assert study.name == name
    for _, config in study.combinations:
        check_batch(config, 1)
