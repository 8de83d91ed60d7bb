"""What a network sees of problems: one object for training, predictions, exports and warnings.

A network whose training data were divided by their maximum predicts the shape of a field and not
its size. The size follows from the mass balance of the steady state: the sources produce as much as
decays and flows out. With the production s = γx of a source image x, the lattice equation Au = s
holds node by node, so for any weights w of the nodes

    Σ w s = Σ w A u.

The right-hand side is linear in u, so the field û of a network times Σ w s / Σ w A û is in balance.

With w = 1 this is the balance of the whole lattice. But far from the sources, where û is nearly 0,
its errors are as large as elsewhere, and most nodes are there: on 512² nodes with one disc of
radius 5 and ℓ = 20, a û that is too small by 0.001 everywhere would give a size that is 7 times too
large. So nodes count by how far û exceeds a tenth of its maximum, w = max(û − 0.1, 0). Then the
same û gives a size that is off by 0.05 %, and one with independent errors of 0.001 by 0.5 %.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diffkeras.physics.problem.sides import both_sides
from diffkeras.system.messages import low_to_high
from diffkeras.view.scales import CONCENTRATIONS, Transform, channel_of_length, channel_of_map
from diffkeras.view.target import pack_target
from diffkeras.view.trained_problems import ROUNDING, TrainedProblems

LEAST = 0.1  # nodes below this share of the maximum don't count in the mass balance
TINY = 1e-30  # makes 0/0 a 0
# nodes of one image are neighbours along rows and columns, and nodes of different images never
NEIGHBOURS = ndimage.generate_binary_structure(3, 1) & [[[False]], [[True]], [[False]]]
BOUNDS_HOLD = "; bounds hold there, too, but the errors may be larger"

Network = Callable[[Any], Any]  # from network input to its field, on the network's scale


@dataclass(frozen=True, eq=False)
class NetworkView(TrainedProblems):
    """What a network sees of problems, on top of those that it was trained for.

    Its methods take inputs by name: "source_images" (batch, rows, columns, 1), with
    "diffusion_length" (batch,) [length], or maps of the shape of the images, in the units of
    `physics.maps_of`. A single example has no batch axis. Arrays are NumPy's, or of the
    array namespace `xp`, such as `keras.ops`.
    """

    transform: Transform  # from the linear to the network's scale, of images and fields
    any_lattice: bool  # whether the network is the same on every lattice, as corrections alone are

    @property
    def scales(self) -> bool:
        """Whether images are divided by their largest value; what sides supply can't be."""
        return self.recipe.medium.has_homogeneous_sides

    @property
    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Of the inputs by name; None for the batch, and for rows and columns."""
        image = (None, None, None, 1)
        return {name: (None,) if name == "diffusion_length" else image for name in self.names}

    @property
    def equation(self) -> str:
        """What fields satisfy, in words."""
        if self.recipe.production:
            return "D∇²u − γu + γx = 0 with the source image x"
        balance = "D∇²u − γu"
        if self.maps:
            balance = "∇·(D∇u) − γu"
            balance += " − uptake·u/(saturation + u)" if "uptake" in self.maps else ""
            balance += " + production" if "production" in self.maps else ""
        return f"{balance} = 0 outside sources, u = source image on them"

    def described(self, physics: Mapping[str, Any]) -> dict[str, Any]:
        """The part of `diffkeras.json` about problems; `physics` is the configuration's."""
        physics = {name: part for name, part in physics.items() if name not in self.maps}
        physics["lattice"] = list(self.recipe.lattice)  # both sides, also of squares
        images, further = "float32 (batch, rows, columns, 1), linear scale", ""
        if self.maps:
            further = f"; {' and '.join(self.maps)}, of the shape of the source images"
        elif self.varying:
            del physics["decay"]  # each image has its own, D/ℓ²
            physics["diffusion_length"] = list(self.ranges["diffusion_length"])
            further = "; diffusion_length, float32 (batch,), in the unit of step, within the range "
            further += "in physics"
        return {
            "physics": physics,
            "equation": self.equation,
            "input": f"source images, {images}{further}",
            "output": f"fields, {images}",
            "trained_on": {
                "source_counts": list(self.counts),
                "radii": list(self.recipe.radii),
                "divide_by_maximum": self.recipe.divide_by_maximum,
                "tissue": self.recipe.tissue and asdict(self.recipe.tissue),
            },
        }

    def scaled(self, inputs: Mapping[str, Any], xp: Any = np) -> tuple[dict[str, Any], Any]:
        """The inputs with images of largest value 1, and the scale by which they were divided.

        The field of source images x is the scale times the field of x/scale, if concentrations in
        the medium are divided. The scale is (…, 1, 1, 1). It is 1 for an image
        without sources, and where nothing is divided.
        """
        if not self.scales:
            return dict(inputs), 1.0
        largest = xp.max(inputs["source_images"], axis=(-3, -2, -1), keepdims=True)
        scale = xp.where(largest > 0, largest, xp.ones_like(largest))
        divided = ("source_images", *CONCENTRATIONS)
        return {name: v / scale if name in divided else v for name, v in inputs.items()}, scale

    def channels(self, inputs: Mapping[str, Any], xp: Any = np) -> Any:
        """The network's input of scaled inputs, (…, rows, columns, channels)."""
        parts = []
        for name in self.names:
            values = inputs[name]
            if name == "source_images":
                values = self.transform.forward(values, xp)
            elif name == "diffusion_length":
                channel = channel_of_length(values, *self.ranges[name], xp)[..., None, None, None]
                values = channel * xp.ones_like(inputs["source_images"])
            else:
                values = channel_of_map(name, values, self.diffusivity, self.step, xp)
            parts.append(values)
        return xp.concatenate(parts, axis=-1)

    def pair(self, example: Mapping[str, Any], xp: Any = np) -> tuple[Any, Any]:
        """The pair (x, y) that a network is trained on, of an example of a dataset or several.

        Both are of the source image divided by its largest value: x is the network's input, and y
        the packed target (`pack_target`).
        """
        count = xp.sum(xp.ones_like(example["sources"]["radii"]), axis=-1)
        inputs = {name: example[name] for name in self.varying}
        # overlapping discs have a scale other than 1
        inputs, scale = self.scaled({"source_images": example["source_image"], **inputs}, xp)
        field = example["field"] / (1.0 if self.recipe.divide_by_maximum else scale)
        target = self.transform.forward(field, xp)
        return self.channels(inputs, xp), pack_target(target, inputs["source_images"], count, xp)

    def fields(
        self, network: Network, inputs: Mapping[str, Any], *, divided: bool = False, xp: Any = np
    ) -> Any:
        """The fields of a network for its inputs, (batch, rows, columns, 1) on the linear scale.

        `divided` leaves fields divided by their maximum, if the dataset's fields are. Where the
        equation is homogeneous, an image without sources has the field 0.
        """
        inputs, scale = self.scaled(inputs, xp)
        fields = self.transform.inverse(network(self.channels(inputs, xp)), xp)
        images = inputs["source_images"]
        if self.scales and "production" not in self.names:
            largest = xp.max(images, axis=(-3, -2, -1), keepdims=True)
            fields = xp.where(largest > 0, fields, xp.zeros_like(fields))
        if not self.recipe.divide_by_maximum:
            return fields * scale
        if divided:
            return fields
        return fields * (self.size(images, fields, inputs.get("diffusion_length"), xp) * scale)

    def size(self, images: Any, shapes: Any, diffusion_length: Any = None, xp: Any = np) -> Any:
        """The maxima of fields of sources that produce, of which only the shapes are known.

        They balance production with decay and flow, see above. As w increases with û, no term of
        Σ w A û is negative, and the sum is at least γ Σ w û. So no prediction, however bad, makes
        the maximum infinite. It is 0 where w is: for images without sources, and for shapes that
        don't exceed a tenth at the sources.

        `images` are x and `shapes` û, (batch, rows, columns, 1). `diffusion_length` is (batch,)
        [length], or None for the medium of the training.
        """
        medium = self.recipe.medium
        if diffusion_length is None:
            reach: Any = (medium.diffusion_length / medium.step) ** 2
        else:
            reach = xp.square(diffusion_length / medium.step)[..., None, None, None]

        def total(values: Any) -> Any:
            return xp.sum(values, axis=(-3, -2, -1), keepdims=True)

        weights = xp.maximum(shapes - LEAST, 0.0)
        produced, decayed, flowed = total(weights * images), total(weights * shapes), 0.0
        w, u = weights, shapes
        for boundary in medium.side_kinds:  # −Σ w δ²u of each axis, by differences of neighbours
            flowed += total((w[:, 1:] - w[:, :-1]) * (u[:, 1:] - u[:, :-1]))
            low, high = both_sides(boundary)
            if low == "absorbing":
                flowed += total(w[:, :1] * u[:, :1])
            if high == "absorbing":
                flowed += total(w[:, -1:] * u[:, -1:])
            if low == "periodic":
                flowed += total((w[:, :1] - w[:, -1:]) * (u[:, :1] - u[:, -1:]))
            w, u = xp.swapaxes(w, 1, 2), xp.swapaxes(u, 1, 2)
        return produced / xp.maximum(decayed + reach * flowed, TINY)


def outside_training(view: NetworkView, inputs: Mapping[str, NDArray[np.float32]]) -> Iterator[str]:
    """Warnings of what lies outside the ranges of the training, as the network sees it."""
    images, recipe = inputs["source_images"], view.recipe
    trained, sides = ("×".join(map(str, s)) for s in (recipe.lattice, images.shape[1:3]))
    if trained != sides and not view.any_lattice:
        yield f"the surrogate was trained on {trained} nodes, and this image has {sides}"
    if not view.scales:
        yield from _outside_values(view, images)
    yield from _outside_sources(view, images[..., 0])
    scaled, _ = view.scaled(inputs)
    for name in view.varying:
        low, high = view.ranges[name]
        least, largest = float(scaled[name].min()), float(scaled[name].max())
        if not (least >= low * (1 - ROUNDING) and largest <= high * (1 + ROUNDING)):
            relative = " times the image's largest value" if name in CONCENTRATIONS else ""
            yield (
                f"the surrogate was trained with {name} from {low:g} to {high:g}{relative}, and "
                f"these maps have {least:g} to {largest:g}{BOUNDS_HOLD}"
            )


def _outside_values(view: NetworkView, images: NDArray[np.float32]) -> Iterator[str]:
    """Values beyond the trained range, where sides keep fields from being scaled."""
    # all discs may be on one node
    most = max(view.counts) if view.recipe.placement.overlap else 1
    largest = images.max(axis=(1, 2, 3))
    outside = (largest > 0) & ~((largest >= 1) & (largest <= most))
    if outside.any():
        yield (
            "the surrogate was trained on images whose largest value is "
            f"{low_to_high(1, most)}, and here it is {largest[outside][0]:g}; sides have a value "
            f"or a flux, so images are not scaled{BOUNDS_HOLD}"
        )


def _outside_sources(view: NetworkView, images: NDArray[np.float32]) -> Iterator[str]:
    """More, smaller or larger sources than in training, as far as connected nodes show them.

    Connected nodes are one source or several that touch, so there are at least as many sources as
    groups of them, and none is larger than its group.
    """
    labels, number = ndimage.label(images != 0, NEIGHBOURS)
    if not number:
        return
    firsts = np.searchsorted(np.maximum.accumulate(labels.max(axis=(1, 2))), range(1, number + 1))
    recipe, counted, most = view.recipe, int(np.bincount(firsts).max()), max(view.counts)
    if counted > most:
        yield (
            f"the surrogate was trained on images of {low_to_high(min(view.counts), most)} "
            f"source(s), and this one has {counted}{BOUNDS_HOLD}"
        )
    sizes, radii = np.bincount(labels.ravel()), recipe.radii
    least, largest = map(_disc_nodes, radii)
    longest = 2 * math.floor(radii[1]) + 1
    outside = [size for size in sizes[1:] if size < least or size > most * largest]
    # discs that overlap, or touch and have one value, look like a larger one
    if not (recipe.placement.overlap or recipe.values == "constant"):
        for source, part in enumerate(ndimage.find_objects(labels), 1):
            extent = max(side.stop - side.start for side in part[1:])
            if sizes[source] > largest or extent > longest:
                values = images[part][labels[part] == source]
                outside += [values.size] if (values == values[0]).all() else []
    if outside:
        group = "a source" if outside[0] < least else "a source, or several that touch,"
        yield (
            f"the surrogate was trained on sources of radius {low_to_high(*radii)}, of "
            f"{low_to_high(least, largest)} nodes, and this image has {group} of {outside[0]} "
            f"nodes{BOUNDS_HOLD}"
        )


def _disc_nodes(radius: float) -> int:
    squares = np.arange(-math.floor(radius), math.floor(radius) + 1) ** 2
    return int((np.add.outer(squares, squares) <= np.float32(radius).item() ** 2).sum())
