"""What a network is trained on: one class for each kind of data, with all that depends on it.

Examples have random sources in one medium, in media of several diffusion lengths, or in tissues.
Sources of uniform media may produce (`PhysicsConfig.produces`), and all others hold the field at
their values.
"""

from collections.abc import Iterator

from diffkeras.config.baselines import OF_TISSUES, OF_UNIFORM_MEDIA
from diffkeras.config.data_section import DataConfig
from diffkeras.config.sections import PhysicsConfig
from diffkeras.config.types import format_counts
from diffkeras.errors import PhysicsError
from diffkeras.physics import ExampleRecipe, Medium

# Diffusion lengths in lattice steps. With shorter ones the field vanishes at the next node; with
# longer ones rounding dominates if no boundary absorbs.
SHORTEST_LENGTH, LONGEST_LENGTH = 0.05, 1e4
# of the arguments of recipes
KEYS = {
    "decay": "physics.decay",
    "divide_by_maximum": "data.divide_by_maximum",
    "overlap": "data.placement.overlap",
    "tissue": "data.tissue",
}


class DataKind:
    """What examples are made of. What is written here is that of random sources in one medium.

    Attributes:
        physics, data: the sections of the configuration.
        drawn: the features of an example that are drawn, among them what differs in its medium.
        inputs: what networks see of a medium, besides the source image.
        varies: whether the medium of an image varies from node to node.
        ranges: (low, high) of what differs between media, by name.
        unused: dotted keys of a dataset's identity that have no effect on its examples.
        baselines: those that may apply; `media` says to what the others don't.
        name: how the names of datasets begin, `{0}` being the source count; `number` and `content`,
            in words; `{1}` makes a plural.
        tests: the test examples, in words.
        training: what a network was trained on, in words; empty for one medium.
        section: the key of the section that makes it this kind.
    """

    section = "physics"
    varies = False
    drawn: tuple[str, ...] = ("sources", "source_image")
    inputs: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    baselines, media = OF_UNIFORM_MEDIA, "uniform media (data.tissue: null)"
    number = "{0} source{1}"
    training = ""

    def __init__(self, physics: PhysicsConfig, data: DataConfig) -> None:
        self.physics, self.data = physics, data
        self.ranges: dict[str, tuple[float, float]] = {}
        self.name = "sources_{0:02d}" + ("-production" if physics.produces else "")
        self.content = "{0} disc{1} of " + ("production" if physics.produces else "fixed value")
        counts = format_counts(data.sources).replace("-", " to ").replace(",", ", ")
        total, (rows, columns) = data.test_examples * len(data.sources), physics.lattice
        self.tests = f"{total} test images of {rows}×{columns} nodes with {counts} sources"

    @property
    def maps(self) -> tuple[str, ...]:
        """The inputs that are maps, some of `MAPS` of `physics.problem.maps`, in its order."""
        return self.inputs if self.varies else ()

    @property
    def record(self) -> tuple[str, ...]:
        """The features of a stored example."""
        return (*self.drawn, "field", *(("maximum",) if self.data.divide_by_maximum else ()))

    @property
    def given(self) -> tuple[str, ...]:
        """The features of a supervised pair, besides the field."""
        return tuple(name for name in self.drawn if name not in ("sources", "diffusion_length"))

    @property
    def slowest_medium(self) -> Medium:
        """The medium of the configuration, with the smallest decay that an example has."""
        lengths, medium = self.data.diffusion_length, self.physics.medium
        return medium if lengths is None else medium.with_diffusion_length(lengths[1])

    @property
    def trained_for(self) -> str:
        """The media of a surrogate's training, as the beginning of a sentence."""
        length = self.physics.medium.diffusion_length
        training = self.training or f"for one medium, of diffusion length {length:g}"
        return f"this surrogate was trained {training}"

    def recipe(self, count: int) -> ExampleRecipe:
        """The recipe of the examples of so many sources."""
        data = self.data
        return ExampleRecipe(
            count,
            self.physics.lattice,
            self.physics.medium,
            data.radius,
            seed=data.seed,
            placement=data.placement,
            values=data.values,
            diffusion_length=data.diffusion_length,
            production=self.physics.produces,
            divide_by_maximum=data.divide_by_maximum,
            tissue=data.tissue,
        )

    def conflicts(self) -> Iterator[str]:
        """What is wrong with the combinations of values in both sections, each with its key."""
        try:
            self.recipe(self.data.sources[0])
        except PhysicsError as error:
            if (key := KEYS.get(error.argument or "")) is None:
                yield f"{self.section}: {error}"
            else:
                sources = f" (physics.sources: {self.physics.sources})"
                yield f"{key}: {error.problem}{sources if 'sources' in error.problem else ''}"


class DiffusionLengths(DataKind):
    """Random sources, and a uniform medium of another diffusion length for each example."""

    section = "data.diffusion_length"
    drawn = (*DataKind.drawn, "diffusion_length")
    inputs = ("diffusion_length",)
    unused = ("decay",)

    def __init__(self, physics: PhysicsConfig, data: DataConfig) -> None:
        super().__init__(physics, data)
        assert data.diffusion_length is not None
        self.ranges = {"diffusion_length": data.diffusion_length}
        lengths = "diffusion lengths of {:g} to {:g}".format(*data.diffusion_length)
        self.tests += f" and {lengths}"
        self.training = f"on {lengths}"

    def conflicts(self) -> Iterator[str]:
        """See `DataKind`."""
        physics = self.physics
        if physics.decay != type(physics).model_fields["decay"].default:
            yield (
                f"data.diffusion_length: each example gets the decay D/ℓ², so physics.decay "
                f"{physics.decay:g} would have no effect; leave it out, or choose "
                "diffusion_length: null"
            )
        for length in self.ranges["diffusion_length"]:
            steps = length / physics.step
            if not SHORTEST_LENGTH <= steps <= LONGEST_LENGTH:
                yield (
                    f"data.diffusion_length: {length:g} is {steps:.3g} lattice steps of "
                    f"physics.step {physics.step:g}; choose lengths of {SHORTEST_LENGTH:g} to "
                    f"{LONGEST_LENGTH:g} steps"
                )
        yield from super().conflicts()


class Tissues(DataKind):
    """Random sources that hold the field at their values, each time in a random tissue."""

    section = "data.tissue"
    varies = True
    baselines, media = OF_TISSUES, "media that vary (data.tissue)"

    def __init__(self, physics: PhysicsConfig, data: DataConfig) -> None:
        super().__init__(physics, data)
        assert data.tissue is not None
        tissue = data.tissue
        self.drawn += tissue.maps
        self.inputs = tissue.varying_maps
        low, high = tissue.diffusivity
        self.ranges = {
            "diffusivity": (physics.diffusivity * low, physics.diffusivity * high),
            "decay": (physics.decay, physics.decay + tissue.uptake[1]),
            "uptake": (0.0, tissue.uptake[1]),
            "saturation": tissue.saturation or (0.0, 0.0),
            "production": (0.0, tissue.secretion[1]),
        }
        self.unused = () if tissue.saturation else ("tissue.saturation",)
        if not tissue.secretes:
            self.unused += ("tissue.secreting_cells", "tissue.secretion")
        self.name = "sources_{0:02d}-tissue"
        self.content += " in tissues of cells and regions"
        self.tests += ", in tissues of cells and regions"
        if self.maps:
            names = " and ".join(", ".join(self.maps).rsplit(", ", 1))
            several = "" if len(self.maps) > 1 else " from node to node"
            self.training = f"on media whose {names} vary{several}"


def kind_of(physics: PhysicsConfig, data: DataConfig) -> DataKind:
    """The kind of data that both sections describe."""
    if data.tissue is not None:
        return Tissues(physics, data)
    if data.diffusion_length is not None:
        return DiffusionLengths(physics, data)
    return DataKind(physics, data)
