"""What is evaluated: a surrogate, or predictions that another program left in a file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError
from diffkeras.evaluation.image_files import ImageFile
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods.table import (
    SURROGATE,
    ComputedFields,
    Method,
    leaves_sources,
    network_fields,
    with_sources_set,
)
from diffkeras.evaluation.order import check_order
from diffkeras.evaluation.predictions import read_predictions
from diffkeras.reporting.text import value_text
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_identity import differing_keys
from diffkeras.surrogates.surrogate import Surrogate


@dataclass(frozen=True)
class Subject:
    """What is evaluated.

    Attributes:
        methods: the fields that are compared with the exact ones, the first without changes.
        predict: test images → fields in the unit of the source values, whose errors are bounded;
            None for no bounds.
        run: the run of a surrogate; None for predictions of another program.
        description: in words.
        compared: other models, which are measured on the same images.
    """

    methods: list[Method]
    predict: Callable[[ImageBatch], NDArray] | None = None
    run: Run | None = None
    description: str = ""
    compared: list["Subject"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """That of its first method."""
        return self.methods[0].name

    @property
    def all_methods(self) -> list[Method]:
        """Those of the models that it is compared with, too."""
        return self.methods + [method for other in self.compared for method in other.methods]

    @property
    def models(self) -> dict[str, str]:
        """Name → description of it and of the models that it is compared with."""
        return {one.name: one.description for one in (self, *self.compared)}


def of_surrogate(surrogate: Surrogate, run: Run, name: str = SURROGATE) -> Subject:
    """A surrogate, which is the one of a run, under a name."""

    def predict(batch: ImageBatch) -> NDArray:
        return surrogate.predict(batch.problem).field

    network = Method(name, network_fields(surrogate), takes_batches=True)
    description = "the output of the trained surrogate"
    if name != SURROGATE:
        description += f" in {run.path}"
    return Subject(_methods(network, surrogate.config), predict, run, description)


def different_physics(learned: Config, tested: Config) -> list[str]:
    """What of the physics of test images a network was not trained on, in words.

    The lattice may be another one that the network takes, and a range of diffusion lengths a part
    of the trained one.
    """
    keys = ("physics.", "data.divide_by_maximum")
    changed = [d for d in differing_keys(learned, tested) if d.startswith(keys)]
    different = [d for d in changed if not d.startswith("physics.lattice ")]
    rule = learned.model.lattices
    if not rule.takes(tested.physics.lattice):
        lattice = value_text(tested.physics.lattice)
        different.append(f"physics.lattice {lattice} here, and the network takes {rule}")
    own, other = learned.data.diffusion_length, tested.data.diffusion_length
    if own != other and not (own and other and own[0] <= other[0] and other[1] <= own[1]):
        different.append(
            f"data.diffusion_length {value_text(own)} there, {value_text(other)} here; choose a "
            "range within the trained one"
        )
    if learned.view.maps != tested.view.maps:
        names = [", ".join(maps) or "none" for maps in (learned.view.maps, tested.view.maps)]
        different.append("maps that vary (data.tissue): {} there, {} here".format(*names))
    return different


def of_predictions(
    path: Path,
    config: Config,
    exact: Iterable[NDArray],
    name: str = SURROGATE,
    images: ImageFile | None = None,
) -> Subject:
    """The fields in a file, which are looked up and so take no time that is measured.

    Args:
        path: a `.npz` with an array (images, rows, columns) for each source count n, named
            `sources_NN`, in the order of the test split. Fields are on the dataset's scale. If they
            are of a file of test images, they are of all its images, of which the test data may be
            a part.
        config: of the test data.
        exact: their fields by source count, in batches (images, rows, columns).
        name: of the model.
        images: the file of the test images; None for datasets.

    Raises:
        DataError: a missing or damaged file, a missing array, one of another shape, predictions of
            other test images, or predictions of which some are swapped.
        ConfigurationError: the test data have a range of diffusion lengths.
    """
    if config.data.diffusion_length is not None:
        raise ConfigurationError(
            "data.diffusion_length: models of other programs are judged on one medium; leave it out"
        )
    data = config.data if images is None else images.config.data
    numbers = dict.fromkeys(config.data.sources, data.test_examples)
    named = None if images is None else (images.name, images.sha256)
    stored = read_predictions(path, numbers, config.physics.lattice, images=named)
    tested = {count: fields[: config.data.test_examples] for count, fields in stored.items()}
    check_order(path, tested, exact)

    def compute(batch: ImageBatch) -> ComputedFields:
        return ComputedFields(stored[batch.sources[0].count][batch.numbers])

    def predict(batch: ImageBatch) -> NDArray:
        fields = compute(batch).fields
        if not config.data.divide_by_maximum:
            return fields
        return fields * config.view.size(batch.images[..., None], fields[..., None])[..., 0]

    method = Method(name, compute, takes_batches=True, timed=False)
    return Subject(_methods(method, config), predict, None, f"the predictions in {path}")


def _methods(method: Method, config: Config) -> list[Method]:
    return [method, with_sources_set(method)] if leaves_sources(config) else [method]
