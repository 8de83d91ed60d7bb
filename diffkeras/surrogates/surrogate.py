"""A surrogate: a trained Keras model, the transform it works on, and the physics it stands for."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from diffkeras import nn
from diffkeras.config import Config
from diffkeras.errors import PhysicsError, RunError
from diffkeras.physics import Certificate, Medium, Sources
from diffkeras.physics.arguments import check_tolerance, real_array
from diffkeras.physics.node_values import LARGEST
from diffkeras.representation.network_input import Range
from diffkeras.representation.transforms import Transform
from diffkeras.surrogates.given_media import (
    Media,
    MediumInputs,
    media_of,
    network_media,
)
from diffkeras.surrogates.predicted_fields import predicted_fields
from diffkeras.surrogates.prediction import Prediction
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.shipped import shipped_surrogates
from diffkeras.surrogates.surroundings import Surroundings
from diffkeras.surrogates.trained_ranges import outside_training
from diffkeras.system.keras_compat import load_error

logger = logging.getLogger(__name__)


@dataclass(frozen=True, repr=False)
class Surrogate:
    """A trained surrogate.

    Attributes:
        model: the Keras model, on the network's scale.
        config: the configuration it was trained with.
    """

    model: keras.Model
    config: Config
    timed = True  # whether the time of a call is that of a prediction

    @property
    def transform(self) -> Transform:
        """The pointwise transform between the linear and the network's scale."""
        return self.config.model.get_transform()

    @property
    def production(self) -> bool:
        """Whether sources produce; otherwise they hold their values.

        The production of a source image x is s = γx [concentration/time].
        """
        return self.config.physics.sources == "production"

    @property
    def diffusion_lengths(self) -> Range | None:
        """The trained range of diffusion lengths [length]; None if there was one medium."""
        return self.config.data.diffusion_length

    @property
    def maps(self) -> tuple[str, ...]:
        """Which of the maps of a tissue it takes, by name."""
        return self.config.data.maps

    @property
    def lattice(self) -> tuple[int, int]:
        """(rows, columns) that it was trained on; others run too."""
        return self.config.physics.lattice

    @property
    def side_divisor(self) -> int:
        """The number of nodes of each side must be a multiple of this."""
        return self.config.model.side_divisor

    @property
    def medium(self) -> Medium:
        """The medium that it was trained for.

        Raises:
            PhysicsError: it was trained on several.
        """
        if self.maps:
            raise PhysicsError(
                "this surrogate has no single medium: it was trained on maps of the "
                f"{' and the '.join(self.maps)}"
            )
        if self.diffusion_lengths is not None:
            raise PhysicsError(
                "this surrogate has no single medium: it was trained on diffusion lengths of "
                "{:g} to {:g}; use `medium_of(diffusion_length)`".format(*self.diffusion_lengths)
            )
        return self.config.physics.medium

    def medium_of(self, diffusion_length: float) -> Medium:
        """The medium of one of its diffusion lengths ℓ [length], with the decay D/ℓ².

        Raises:
            PhysicsError: it was trained for one medium, or for other diffusion lengths.
        """
        media = media_of(self.config, self.lattice, {"diffusion_length": diffusion_length})
        assert isinstance(media, Surroundings)
        return media.medium

    def predict(
        self,
        source_images: ArrayLike,
        *,
        tolerance: float | None = None,
        batch_size: int | None = None,
        **medium: Unpack[MediumInputs],
    ) -> Prediction:
        """Predict fields, and solve where a tolerance is given that they aren't proven to meet.

        The network was trained on images of largest value 1. Each image is divided by its largest
        value, and so is what cells take up and release; the field is multiplied by it. Where a side
        has a given value or flux, nothing is scaled.

        The log warns, once for each surrogate, of lattices, source counts, radii, values and maps
        outside the trained ranges, as far as images show them.

        If the dataset's fields are divided by their maximum, the network knows only the shape of a
        field. Its size is then the one that balances production with decay and flow, each node
        weighted by how far the predicted shape exceeds a tenth of the maximum. The field is 0 if
        there are no sources, or if the shape exceeds a tenth on none of them.

        Args:
            source_images: (rows, columns) or (batch, rows, columns): 0 outside the sources, and on
                a source's nodes its value x. Sources hold the field at x, or, if `production`, add
                γx to it per time.
            tolerance: the largest error that the returned field may have, relative as for `solve`.
                Where the network's field is not proven to meet it, nor the corrected field of its
                certificate, the exact solver starts from the latter. None for the network's field
                as it is.
            batch_size: images that go through the network at once; by default that of the
                evaluation.
            **medium: what differs between the media of its training data, and nothing else.
                `diffusion_length` [length] is one number for all images, or (batch,). `diffusivity`
                D [length²/time] and `decay` γ [1/time] are maps, (rows, columns) for all images or
                (batch, rows, columns), or numbers for all nodes. So are, where cells saturate or
                secrete, `uptake`, the maximum v [concentration/time], `saturation`, K
                [concentration], and `production` [concentration/time].

        Returns:
            The fields, with their proven bounds.

        Raises:
            PhysicsError: an image of another rank, with values that are negative or not finite, or
                with sides that are not multiples of `side_divisor`; a diffusion length or map that
                is missing or not expected; a length outside the trained range; a map of another
                shape than the images, with a diffusivity that isn't positive or a decay that is
                negative; a tolerance that can't be met.
            RunError: predictions that are not finite, of a damaged model, or in units in which
                numbers leave the range of float32.
            ConvergenceError: the solver didn't meet the tolerance.

        Example:
            >>> surrogate = dk.load_surrogate("saved_models/quickstart")  # doctest: +SKIP
            >>> surrogate.predict(image, tolerance=1e-3).error_bound <= 1e-3  # doctest: +SKIP
            True
        """
        images = self._check_images(source_images)
        media = media_of(self.config, images.shape, medium)
        if tolerance is not None:
            tolerance = check_tolerance(tolerance)
        stack, told = self._inputs(images, media)
        field: NDArray = self._fields(stack, told, batch_size).reshape(images.shape)
        prediction = Prediction(field, images, media, self.production)
        if tolerance is not None:
            prediction = prediction.within(tolerance)
        self._warn(stack, told)  # only now that nothing is refused any more
        return prediction

    def network_fields(
        self,
        source_images: ArrayLike,
        *,
        batch_size: int | None = None,
        **medium: Unpack[MediumInputs],
    ) -> NDArray[np.float32]:
        """Predicted fields on the scale of the dataset's, with which they can be compared.

        Those of `predict`, except if the dataset's fields are divided by their maximum
        (`data.divide_by_maximum`); then these are the network's, whose maximum is about 1.

        Arguments and errors are those of `predict`.
        """
        images = self._check_images(source_images)
        stack, told = self._inputs(images, media_of(self.config, images.shape, medium))
        fields = self._fields(stack, told, batch_size, divided=True)
        self._warn(stack, told)
        return fields.reshape(images.shape)

    def certify(self, source_images: ArrayLike, **medium: Unpack[MediumInputs]) -> Certificate:
        """Predict fields, correct them, and prove bounds of the errors of both.

        Arguments and errors are those of `predict`.

        Returns:
            The `Certificate` of an image, or the `BatchCertificate` of a batch: `field` is the
            corrected field, `node_bound` bounds the prediction's error.
        """
        return self.predict(source_images, **medium).certificate

    def __repr__(self) -> str:
        """One line: its name, the lattice that it was trained on, and whether sources produce."""
        rows, columns = self.lattice
        produce = ", sources produce" if self.production else ""
        return f"Surrogate({self.config.name!r}, trained on {rows}×{columns} nodes{produce})"

    def _inputs(
        self, images: NDArray[np.float64], media: Media
    ) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Images as the network takes them, (batch, rows, columns, 1), and what it is told."""
        stack = images.reshape(-1, *images.shape[-2:], 1).astype(np.float32)
        return stack, network_media(self.config, media, stack.shape)

    def _fields(
        self,
        stack: NDArray[np.float32],
        told: dict[str, NDArray[np.float32]],
        batch_size: int | None,
        *,
        divided: bool = False,
    ) -> NDArray[np.float32]:
        """The network's fields of its inputs; `divided` as of `predicted_fields`."""
        size = self.config.evaluation.batch_size if batch_size is None else batch_size
        if type(size) is not int or size < 1:
            raise PhysicsError(f"batch_size must be a whole number from 1 on, not {size!r}")

        def network(x: NDArray) -> NDArray:
            parts = [self._forward(x[i : i + size]).numpy() for i in range(0, len(x), size)]
            return np.concatenate(parts) if parts else x[..., :1]

        fields = predicted_fields(self.config, network, stack, told, divided=divided)
        if not np.isfinite(fields).all():
            raise RunError(
                "the surrogate predicts values that are not finite: its model is damaged, its "
                "training diverged, or the images, which hold values up to "
                f"{stack.max():.3g}, and the medium leave the range of float32; train it again, or "
                "choose units in which sources have values of about 1"
            )
        return fields

    def _warn(self, images: NDArray[np.float32], media: dict[str, NDArray[np.float32]]) -> None:
        """Log what the network wasn't trained on, each sentence once, so that loops stay quiet."""
        for sentence in outside_training(self.config, images, media):
            if sentence not in self._warned:
                self._warned.add(sentence)
                logger.warning(sentence)

    @cached_property
    def _warned(self) -> set[str]:
        return set()

    def _check_images(self, source_images: ArrayLike) -> NDArray[np.float64]:
        if isinstance(source_images, Sources):
            source_images = source_images.image()
        images = real_array("the source image", source_images)
        if images.ndim not in (2, 3):
            raise PhysicsError(
                f"source images have shape (batch, rows, columns) or (rows, columns), not "
                f"{images.shape}"
            )
        if self.side_divisor > 1:
            try:
                nn.check_lattice(images.shape[-2:], self.config.model.depth)
            except ValueError as error:
                raise PhysicsError(str(error)) from None
        network = self.config.model
        if network.architecture == "fourier_neural_operator":
            shortest = 2 * network.modes - 1
            if min(images.shape[-2:]) < shortest:
                raise PhysicsError(
                    f"this network's {network.modes} frequencies need at least {shortest} nodes a "
                    f"side, and the images have {images.shape[-2]}×{images.shape[-1]}"
                )
        wrong = ~((images >= 0) & (images <= LARGEST))
        if wrong.any():
            raise PhysicsError(
                f"source values lie between 0 and {LARGEST:g}, and the source image holds "
                f"{images[wrong][0]:g}"
            )
        return images

    @cached_property
    def _forward(self) -> Any:
        # not predict_on_batch: under MirroredStrategy it gives the batch once for each replica
        return tf.function(lambda x: self.model(x, training=False), reduce_retracing=True)


def load_surrogate(run_dir: str | Path) -> Surrogate:
    """The surrogate of a finished run, or one that comes with diffkeras.

    Args:
        run_dir: the run directory that `diffkeras train` wrote, or the name of a shipped surrogate,
            such as "default". A directory of that name wins over the name.

    Raises:
        RunError: missing (the message lists the names), unfinished, damaged, not a run, or with a
            model that is not the one that the configuration describes.

    Example:
        >>> surrogate = dk.load_surrogate("default")  # doctest: +SKIP
        >>> surrogate.predict(image).error_bound < 1e-3  # doctest: +SKIP
        True
    """
    if not isinstance(run_dir, str | Path) or not str(run_dir):  # Path("") is the present directory
        raise RunError(
            f"run_dir must be a run directory or one of {', '.join(shipped_surrogates())}, not "
            f"{run_dir!r:.60}"
        )
    run = Run.open(Path(run_dir))
    config = run.config()
    return Surrogate(_load_model(run), config)


def _load_model(run: Run) -> keras.Model:
    """The network of a run, checked by its hash."""
    file = run.model_file
    run.check_model()
    try:
        return keras.saving.load_model(file, compile=False)
    except Exception as error:  # of damaged files, zip, JSON, HDF5 and Keras raise any type
        raise RunError(f"{file} is damaged: {load_error(error)}") from error
