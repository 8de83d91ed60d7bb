import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import tfds_builders
from diffkeras.config import DataConfig, PhysicsConfig, load_config
from tfds_builders import Builder, DiffusionFieldsConfig

PHYSICS = PhysicsConfig(lattice=(16, 20))
DATA = DataConfig(radius=2.0, seed=5)
SMALL = DiffusionFieldsConfig.of(3, PHYSICS, DATA)
SIZES = {"train": 3, "validation": 1, "test": 2}


def build(path: Path, config: DiffusionFieldsConfig = SMALL, **options: Any) -> Builder:
    builder = Builder(config=config, data_dir=str(path), examples=SIZES, **options)
    builder.download_and_prepare()
    return builder


def records(builder: Builder, split: str) -> list[str]:
    files = sorted(map(str, Path(builder.data_path).glob(f"*-{split}.tfrecord*")))
    return [
        hashlib.sha256(record).hexdigest()
        for record in tf.data.TFRecordDataset(files).as_numpy_iterator()
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return build(tmp_path_factory.mktemp("built"))


def test_the_paper_has_a_configuration_per_source_count() -> None:
    assert list(Builder.builder_configs) == [f"sources_{n:02d}" for n in range(1, 21)]
    paper = load_config("paper")
    for count in (1, 20):
        config = DiffusionFieldsConfig.of_config(count, paper)
        assert config.name == f"sources_{count:02d}"
        assert config.identity() == Builder.builder_configs[config.name].identity()


@pytest.mark.parametrize(
    ("physics", "data"),
    [
        ({"lattice": 256}, {}),
        ({"lattice": [512, 256]}, {}),
        ({"decay": 0.01}, {}),
        ({"diffusivity": 2}, {}),
        ({"step": 0.5}, {}),
        ({"boundary": "reflecting"}, {}),
        ({}, {"radius": 6}),
        ({}, {"radius": [4, 6]}),
        ({}, {"seed": 1}),
    ],
)
def test_what_changes_an_example_changes_the_name(physics: dict, data: dict) -> None:
    other = DiffusionFieldsConfig.of(5, PhysicsConfig(**physics), DataConfig(**data))
    assert other.name != "sources_05"
    assert other.name.startswith("sources_05-")


def test_what_changes_no_example_changes_no_name() -> None:
    data = DataConfig(sources=(7,), train_examples=5, train_fraction=0.5, cache=True)
    assert DiffusionFieldsConfig.of(5, PhysicsConfig(), data).name == "sources_05"
    assert DiffusionFieldsConfig.of(5, PHYSICS, DATA).name == SMALL.name.replace("_03", "_05")


def test_a_name_of_the_paper_isnt_for_other_data(tmp_path: Path) -> None:
    own = DiffusionFieldsConfig(name="sources_05", count=5, seed=7)
    with pytest.raises(ValueError, match="sources_05"):
        Builder(config=own, data_dir=str(tmp_path))
    same = DiffusionFieldsConfig.of(5)
    assert Builder(config=same, data_dir=str(tmp_path)).builder_config.identity() == same.identity()


def test_the_splits_have_the_sizes_asked_for(built: Builder) -> None:
    assert {name: split.num_examples for name, split in built.info.splits.items()} == SIZES


def test_features_and_metadata(built: Builder) -> None:
    features = built.info.features
    assert features["source_image"].shape == features["field"].shape == (16, 20, 1)
    assert features["sources"]["rows"].shape == (3,)
    assert dict(built.info.metadata) == SMALL.identity()
    assert built.info.metadata["lattice"] == [16, 20]
    assert built.info.metadata["decay"] == PHYSICS.decay


def test_the_builders_readme_tags_and_citation_are_read(built: Builder) -> None:
    assert built.info.description.startswith("Random disc sources")
    assert "2302.03786" in built.info.citation
    folder = Path(tfds_builders.__file__).parent / "diffusion_fields"
    tags = [line.partition(" ")[0] for line in (folder / "TAGS.txt").read_text().splitlines()]
    metadata = Builder.get_metadata()
    assert metadata.tags == tags
    assert metadata.description.strip() == (folder / "README.md").read_text().strip()


def test_supervised_pairs_are_source_image_and_field(built: Builder) -> None:
    pairs = list(built.as_dataset(split="test", as_supervised=True).as_numpy_iterator())
    whole = list(built.as_dataset(split="test").as_numpy_iterator())
    assert len(pairs) == 2
    for (image, field), example in zip(pairs, whole, strict=True):
        np.testing.assert_array_equal(image, example["source_image"])
        np.testing.assert_array_equal(field, example["field"])
        inside = image > 0
        np.testing.assert_array_equal(field[inside], image[inside])
        assert field.min() >= 0
        assert field.max() == 1


def test_an_example_is_a_function_of_seed_split_count_and_number(built: Builder) -> None:
    for split, number in SIZES.items():
        stored = list(built.as_dataset(split=split).as_numpy_iterator())
        for k in reversed(range(number)):
            made = SMALL.recipe().example(split, k)
            np.testing.assert_array_equal(stored[k]["source_image"][..., 0], made.source_image)
            np.testing.assert_array_equal(stored[k]["field"][..., 0], made.field)


def test_seeds_splits_counts_and_numbers_give_different_examples() -> None:
    def image(count: int, seed: int, split: str, k: int) -> bytes:
        config = DiffusionFieldsConfig.of(count, PHYSICS, DataConfig(radius=2.0, seed=seed))
        return config.recipe().example(split, k).source_image.tobytes()

    keys = [
        (count, seed, split, k)
        for count in (1, 2)
        for seed in (0, 1)
        for split in SIZES
        for k in (0, 1)
    ]
    assert len({image(*key) for key in keys}) == len(keys)


def test_workers_and_sizes_dont_change_a_record(built: Builder, tmp_path: Path) -> None:
    shared = build(tmp_path / "shared", workers=2)
    sizes = {"train": 11, "validation": 2, "test": 2}
    larger = Builder(config=SMALL, data_dir=str(tmp_path / "larger"), examples=sizes)
    larger.download_and_prepare()
    for split, number in SIZES.items():
        expected = records(built, split)
        assert len(set(expected)) == number
        assert records(shared, split) == expected
        assert records(larger, split)[:number] == expected


def test_every_example_is_told(tmp_path: Path) -> None:
    told: list[int] = []
    build(tmp_path, on_example=lambda: told.append(1))
    assert len(told) == sum(SIZES.values())


def test_what_was_made_loads_without_the_builder(built: Builder) -> None:
    from_files = tfds.builder_from_directory(built.data_path)
    assert len(list(from_files.as_dataset(split="train"))) == 3


def test_tfds_load_needs_the_import_alone(tmp_path: Path, python: Callable[..., Any]) -> None:
    done = python(
        f"""
import tensorflow_datasets as tfds
import tfds_builders

dataset, info = tfds.load(
    "diffusion_fields/sources_05",
    split="test",
    data_dir={str(tmp_path / "tfds")!r},
    with_info=True,
    as_supervised=True,
    builder_kwargs={{"examples": {{"train": 1, "validation": 1, "test": 2}}}},
)
for image, field in dataset:
    assert image.shape == field.shape == (512, 512, 1)
    assert len(set(image.numpy().ravel())) == 6
print(info.full_name, info.splits["test"].num_examples)
""",
        cwd=tmp_path,
    )
    assert done.stdout.splitlines()[-1] == "diffusion_fields/sources_05/1.0.0 2"


def test_tfds_build_works_in_the_builders_folder(tmp_path: Path) -> None:
    for name in ("apache_beam", "mlcroissant"):
        pytest.importorskip(name, reason="TFDS's command line imports it")
    command = [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main"]
    words = ["build", "--config=sources_01", "--max_examples_per_split=2", f"--data_dir={tmp_path}"]
    done = subprocess.run(
        [*command, *words],
        cwd=Path(tfds_builders.__file__).parent / "diffusion_fields",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = tmp_path.glob("diffusion_fields/sources_01/*/dataset_info.json")
    builder = tfds.builder_from_directory(found.parent)
    assert {name: s.num_examples for name, s in builder.info.splits.items()} == {
        "train": 2,
        "validation": 2,
        "test": 2,
    }
