import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

import tfds_builders
from diffkeras.config import Config, DataConfig, PhysicsConfig, load_config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.errors import DataError
from tfds_builders import Builder, DiffusionFieldsConfig

DATASET = DatasetConfig(3, PhysicsConfig(lattice=(16, 20)), DataConfig(radius=2.0, seed=5))
SMALL = DiffusionFieldsConfig.of(DATASET)
SIZES = {"train": 3, "validation": 1, "test": 2}


def build(path: Path, config: DiffusionFieldsConfig = SMALL, **options: Any) -> Builder:
    builder = Builder(config=config, data_dir=str(path), examples=SIZES, **options)
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return build(tmp_path_factory.mktemp("built"))


def test_the_paper_has_a_configuration_per_source_count() -> None:
    names = [f"sources_{n:02d}" for n in range(1, 21)]
    assert list(Builder.builder_configs) == names + [f"{name}-production" for name in names]
    for name, ending in (("paper", ""), ("paper_production", "-production")):
        config = DiffusionFieldsConfig.of_config(20, load_config(name))
        assert config.name == f"sources_20{ending}"
        registered = Builder.builder_configs[config.name]
        assert config.dataset.identity() == registered.dataset.identity()


def test_a_name_of_the_paper_isnt_for_other_data(tmp_path: Path) -> None:
    dataset = DatasetConfig(5, data=DataConfig(seed=7))
    own = DiffusionFieldsConfig(name="sources_05", dataset=dataset)
    with pytest.raises(ValueError, match="sources_05"):
        Builder(config=own, data_dir=str(tmp_path))
    same = DiffusionFieldsConfig.of(DatasetConfig(5, data=DataConfig(train_examples=3)))
    found = Builder(config=same, data_dir=str(tmp_path)).builder_config
    assert found is Builder.builder_configs["sources_05"]


@pytest.mark.parametrize(
    "download",
    [tfds.load, lambda *args, **options: tfds.builder(*args, **options).download_and_prepare()],
)
def test_gigabytes_are_not_written_unasked(tmp_path: Path, download: Callable[..., Any]) -> None:
    name, where = "diffusion_fields/sources_05", {"data_dir": str(tmp_path / "data")}
    with pytest.raises(
        DataError, match=r"20800 examples, 2\d\.\d GB, .* examples=\"paper\""
    ) as raised:
        download(name, **where)
    assert "takes about" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("consent", ["examples", "maximum", "tfds build"])
def test_who_asks_gets_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, consent: str
) -> None:
    module = Builder.__module__
    monkeypatch.setattr(f"{module}.LARGEST_UNASKED", 0)
    monkeypatch.setattr(f"{module}.PAPER_DATA", DataConfig(**{f"{s}_examples": 1 for s in SIZES}))
    options: dict[str, Any] = {"config": SMALL, "data_dir": str(tmp_path)}
    with pytest.raises(DataError, match=r"3 examples, \d"):
        Builder(**options).download_and_prepare()
    if consent == "tfds build":
        monkeypatch.setitem(sys.modules, "tensorflow_datasets.scripts.cli.build", sys)
    builder = Builder(**options, examples="paper" if consent == "examples" else None)
    most = 1 if consent == "maximum" else None
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(max_examples_per_split=most)
    )
    assert builder.info.splits.total_num_examples == 3
    Builder(**options).download_and_prepare()  # it exists
    with pytest.raises(DataError, match=r"'train': 1.* and {'train': 5} were asked for; delete it"):
        Builder(**options, examples={"train": 5}).download_and_prepare()
    with pytest.raises(DataError, match=r'examples must be "paper" or .*, not \'all\''):
        Builder(**options, examples="all")


def test_the_splits_have_the_sizes_asked_for(built: Builder) -> None:
    assert {name: split.num_examples for name, split in built.info.splits.items()} == SIZES


def test_features_and_metadata(built: Builder) -> None:
    features = built.info.features
    assert features["source_image"].shape == features["field"].shape == (16, 20, 1)
    assert features["sources"]["rows"].shape == (3,)
    assert dict(built.info.metadata) == DATASET.identity()
    assert built.info.metadata["lattice"] == [16, 20]
    assert built.info.metadata["decay"] == 1 / 400


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
            made = DATASET.recipe().example(split, k)
            np.testing.assert_array_equal(stored[k]["source_image"][..., 0], made.source_image)
            np.testing.assert_array_equal(stored[k]["field"][..., 0], made.field)


def test_what_was_made_loads_without_the_builder(built: Builder) -> None:
    from_files = tfds.builder_from_directory(built.data_path)
    assert len(list(from_files.as_dataset(split="train"))) == 3


def test_steps_of_beam_make_the_same_examples(
    built: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pipeline itself takes long: tests/data/test_kinds.py."""

    class Steps(list):
        def __or__(self, step: Any) -> Any:
            return step(self)

    beam: Any = ModuleType("apache_beam")
    beam.Create, beam.Reshuffle = Steps, lambda: Steps
    beam.Map = lambda function: lambda elements: Steps(map(function, elements))
    monkeypatch.setitem(sys.modules, "apache_beam", beam)
    by_beam = Builder(config=SMALL, data_dir=str(tmp_path), examples=SIZES, beam=True)
    made = by_beam._generate_examples("test")
    for (key, example), (own_key, own) in zip(made, built._generate_examples("test"), strict=True):
        assert key == own_key
        np.testing.assert_array_equal(example["field"], own["field"])


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
    assert done.stdout.splitlines()[-1] == "diffusion_fields/sources_05/3.0.0 2"


@pytest.mark.slow
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


def test_the_builder_reads_what_generate_writes(tiny: Config, data_dir: Path) -> None:
    for count in (1, 2):
        config = DiffusionFieldsConfig.of_config(count, tiny)
        builder = Builder(config=config, data_dir=str(data_dir))
        assert len(builder.as_dataset(split="test")) == 5
        from_files = tfds.builder_from_directory(builder.data_path)
        assert from_files.info.full_name == builder.info.full_name
        assert builder.info.full_name == f"diffusion_fields/{config.name}/3.0.0"
