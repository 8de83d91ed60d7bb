import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tensorflow_datasets as tfds

import tfds_builders
from diffkeras.config import load_config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.section import DataConfig, PhysicsConfig
from diffkeras.errors import ConfigurationError, DataError
from tests.helpers.rounding import same_solutions
from tfds_builders import Builder, DiffusionFieldsConfig

DATASET = DatasetConfig(3, PhysicsConfig(lattice=(16, 20)), DataConfig(radius=2.0, seed=5))
SMALL = DiffusionFieldsConfig.of(DATASET)
SIZES = {"train": 3, "validation": 1, "test": 2}


def build(path: Path, config: DiffusionFieldsConfig = SMALL, **options: Any) -> Builder:
    builder = Builder(config=config, data_dir=str(path), examples=SIZES, **options)
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("built"))


def test_the_paper_has_a_configuration_per_source_count():
    names = [f"sources_{n:02d}" for n in range(1, 21)]
    assert list(Builder.builder_configs) == names + [f"{name}-production" for name in names]
    for name, ending in (("paper", ""), ("paper_production", "-production")):
        config = DiffusionFieldsConfig.of_config(20, load_config(name))
        assert config.name == f"sources_20{ending}"
        registered = Builder.builder_configs[config.name]
        assert config.dataset.identity == registered.dataset.identity


def test_a_name_of_the_paper_isnt_for_other_data(tmp_path):
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
def test_gigabytes_are_not_written_unasked(tmp_path, download):
    name, where = "diffusion_fields/sources_05", {"data_dir": str(tmp_path / "data")}
    with pytest.raises(
        DataError, match=r"20800 examples, 2\d\.\d GB, .* examples=\"paper\""
    ) as raised:
        download(name, **where)
    assert "takes about" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("consent", ["examples", "maximum", "tfds build"])
def test_who_asks_gets_any_size(tmp_path, monkeypatch, consent):
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
    for wrong in ("all", {}, {"train": 0}, {"trian": 2}, {"train": -1}, {"train": 1.5}):
        message = f'examples must be "paper" or .*, not {re.escape(repr(wrong))}'
        with pytest.raises(ConfigurationError, match=message):
            Builder(**options, examples=wrong)
    some = Builder(**options, examples={"train": 1, "validation": 0})
    assert [*some._split_generators(None)] == ["train"]


def test_the_builders_readme_tags_and_citation_are_read(built):
    assert built.info.description.startswith("Random disc sources")
    assert "2302.03786" in built.info.citation
    folder = Path(tfds_builders.__file__).parent / "diffusion_fields"
    tags = [line.partition(" ")[0] for line in (folder / "TAGS.txt").read_text().splitlines()]
    metadata = Builder.get_metadata()
    assert metadata.tags == tags
    assert metadata.description.strip() == (folder / "README.md").read_text().strip()


def test_steps_of_beam_make_the_same_examples(built, tmp_path, monkeypatch):
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
        assert same_solutions(example["field"], own["field"])


def test_the_builder_reads_what_generate_writes(tiny, data_dir):
    for count in (1, 2):
        config = DiffusionFieldsConfig.of_config(count, tiny)
        builder = Builder(config=config, data_dir=str(data_dir))
        assert len(builder.as_dataset(split="test")) == 5
        from_files = tfds.builder_from_directory(builder.data_path)
        assert from_files.info.full_name == builder.info.full_name
        assert builder.info.full_name == f"diffusion_fields/{config.name}/3.0.0"
