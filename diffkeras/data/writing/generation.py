"""Making datasets: only what is missing, shard by shard, on all cores or on Apache Beam."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from diffkeras.config import SPLITS, Config
from diffkeras.data.shards import Shard
from diffkeras.data.storage import (
    dataset_path,
    dataset_status,
    stored_features,
    stored_splits,
)
from diffkeras.data.writing.estimate import Forecast, Sample, measure
from diffkeras.data.writing.shard_writer import get_builder, write_shard
from diffkeras.data.writing.staging import Workshop, restore, tidy
from diffkeras.errors import DataError, DiffkerasError
from diffkeras.system.atomic_files import names_unwritable
from diffkeras.system.file_lock import locked
from diffkeras.system.process_pool import run_tasks
from tfds_builders import DiffusionFieldsConfig


@dataclass(frozen=True)
class Making:
    """Datasets that are to be made; this process alone works on them.

    Attributes:
        workshops: one per dataset, by source count.
        samples: what an example takes, by source count.
    """

    workshops: dict[int, Workshop]
    samples: dict[int, Sample]

    @property
    def forecast(self) -> Forecast:
        """What is missing and what it will take."""
        return Forecast.of(
            [
                (sum(task.shard.examples for task in workshop.missing()), self.samples[count])
                for count, workshop in self.workshops.items()
            ]
        )

    @property
    def kept(self) -> int:
        """Examples that are there already, from an interrupted call or a smaller dataset."""
        planned = sum(s.examples for workshop in self.workshops.values() for s in workshop.shards)
        return planned - self.forecast.examples

    def run(
        self,
        workers: int,
        *,
        on_examples: Callable[[int], None] = lambda number: None,
        on_dataset: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Write what is missing, and put each dataset in its place as soon as it is whole.

        Args:
            workers: processes that solve and write; the files are the same however many.
            on_examples: told how many examples were made since it was told last.
            on_dataset: told the source count of each dataset that is whole.

        Raises:
            OutputError: a file can't be written; finished files are kept.
        DiffkerasError: a worker process died; finished files are kept.
        """
        tasks = [task for workshop in self.workshops.values() for task in workshop.missing()]
        left = Counter(task.directory for task in tasks)
        counts = {workshop.directory: count for count, workshop in self.workshops.items()}
        for directory, count in counts.items():
            if not left[directory]:
                self._finish(count, on_dataset)
        workers = self.forecast.useful_workers(workers)
        # closing: after an error here, the workers end before it goes on
        with contextlib.closing(run_tasks(write_shard, tasks, workers, on_examples)) as results:
            for task, _ in results:
                left[task.directory] -= 1
                if not left[task.directory]:
                    self._finish(counts[task.directory], on_dataset)

    def run_on_beam(
        self, options: Sequence[str], *, on_dataset: Callable[[int], None] = lambda count: None
    ) -> None:
        """Write what is missing on Apache Beam, then put the datasets in their places.

        Args:
            options: Beam's pipeline options, e.g. ["--runner=DirectRunner"].
            on_dataset: told the source count of each dataset that is whole.

        Raises:
            ConfigurationError: Beam isn't installed, or doesn't take the options.
            DataError: the pipeline failed, or its workers don't share the data directory.
        """
        from diffkeras.data.writing.beam import write_shards

        write_shards(
            [task for workshop in self.workshops.values() for task in workshop.missing()], options
        )
        for count, workshop in self.workshops.items():
            if missing := workshop.missing():
                raise DataError(
                    f"Beam's workers reported success, but {missing[0].path} isn't there: they "
                    "must see the data directory under the same path as this machine"
                )
            self._finish(count, on_dataset)

    def _finish(self, count: int, on_dataset: Callable[[int], None]) -> None:
        workshop = self.workshops[count]
        with names_unwritable(workshop.place):
            workshop.finish()
        on_dataset(count)


@contextlib.contextmanager
def making(config: Config, counts: Sequence[int], data_dir: Path) -> Iterator[Making]:
    """Prepare the datasets of these source counts that are missing or too small.

    Until the block ends, other processes can't make the same ones. Those of other source counts
    in the same directory can be made at the same time, by other processes or machines.

    Args:
        config: physics, sizes and seed.
        counts: source counts.
        data_dir: where datasets lie.

    Raises:
        OutputError: the directory can't be written.
        DataError: it holds a damaged dataset, or another process is making one of these.
        PackingError: so many or so large discs don't fit.
    """
    with names_unwritable(data_dir), contextlib.ExitStack() as stack:
        workshops: dict[int, Workshop] = {}
        samples: dict[int, Sample] = {}
        for count in counts:
            dataset = DiffusionFieldsConfig.of_config(count, config)
            stack.enter_context(_alone(dataset.name, data_dir))
            restore(dataset_path(config, count, data_dir), data_dir)
            status = dataset_status(config, count, data_dir, mend=True)
            if status.holds(config):
                continue  # another process has just made it, or a crash had only moved it
            samples[count] = measure(dataset)
            examples: dict[str, int] = {
                split: max(config.data.examples(split), status.examples.get(split, 0))
                for split in SPLITS
            }
            workshop = Workshop.of(
                dataset, data_dir, status.path, examples, samples[count].record_bytes
            )
            stack.callback(workshop.leave)
            workshop.open()
            workshop.adopt(_shards_of(dataset, status.path))
            workshops[count] = workshop
        yield Making(workshops, samples)


def generate_dataset(
    config: Config,
    count: int,
    data_dir: Path,
    *,
    workers: int = 1,
    on_examples: Callable[[int], None] = lambda number: None,
) -> Path:
    """Make the dataset of `count` sources; one of fewer examples that lies there is replaced.

    Neither an interruption nor an error leaves a part of it in its place, or loses what was there.

    Raises:
        DataError: see `making`.
        PackingError: so many or so large discs don't fit.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with making(config, [count], data_dir) as job:
        job.forecast.check_space(data_dir)
        job.run(workers, on_examples=on_examples)
    return dataset_path(config, count, data_dir)


def tidy_up(config: Config, count: int, data_dir: Path) -> None:
    """Remove what an earlier call left of a dataset that is whole, unless a process works on it."""
    place = dataset_path(config, count, data_dir)
    name = place.parent.name
    patterns = (f".making-{name}-????????", f".making-{name}.lock")
    if any(any(data_dir.glob(pattern)) for pattern in patterns):
        with contextlib.suppress(DiffkerasError, OSError), _alone(name, data_dir):
            tidy(place, data_dir)


def _alone(name: str, data_dir: Path) -> contextlib.AbstractContextManager[None]:
    return locked(data_dir / f".making-{name}.lock", f"the dataset {name} in {data_dir}")


def _shards_of(dataset: DiffusionFieldsConfig, path: Path) -> dict[Shard, Path]:
    """The shards of a dataset with the features that would be written today, with their files."""
    stored = stored_features(path)
    if stored is None or stored.to_json() != get_builder(dataset).info.features.to_json():
        return {}
    return {shard: file for split in stored_splits(path) for shard, file in split.files.items()}
