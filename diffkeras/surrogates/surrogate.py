"""A surrogate: a trained Keras model, its transform, and the physics that it was trained on."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Unpack

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from diffkeras.config import Config
from diffkeras.errors import PhysicsError, RunError, numbered
from diffkeras.nn.architectures.own import check_lattice
from diffkeras.physics import Medium, Problem, Sources
from diffkeras.physics.arguments import check_relative_tolerance, check_whole
from diffkeras.physics.problem.problem import as_problem, problem_list
from diffkeras.surrogates.build import build_model, load_weights
from diffkeras.surrogates.prediction import Prediction
from diffkeras.surrogates.run_directory import Run, shipped_surrogates
from diffkeras.view.network_view import outside_training
from diffkeras.view.trained_problems import SurrogateKeywords

logger = logging.getLogger(__name__)

BATCH_AXES = 3  # batch, rows, columns


@dataclass(frozen=True, repr=False, eq=False)
class Surrogate:
    """A trained network with its physics, which predicts fields and proves their bounds.

    Attributes:
        model: the Keras model, on the network's scale.
        config: the configuration it was trained with.
    """

    model: keras.Model
    config: Config

    @property
    def production(self) -> bool:
        """Whether sources produce; otherwise they hold their values.

        The production of a source image x is s = γx [concentration/time].
        """
        return self.config.physics.produces

    @property
    def maps(self) -> tuple[str, ...]:
        """Which of the maps of a tissue it takes, by name."""
        return self.config.view.maps

    @property
    def lattice(self) -> tuple[int, int]:
        """(rows, columns) that it was trained on; others run too."""
        return self.config.physics.lattice

    @property
    def medium(self) -> Medium:
        """The medium that it was trained for.

        Raises:
            PhysicsError: it was trained on several.
        """
        view = self.config.view
        if view.varying:
            raise PhysicsError(
                f"{view.in_words}, so it has no single medium; each problem has its own: "
                "`surrogate.problem(…).medium`"
            )
        return self.config.physics.medium

    def problem(self, image: ArrayLike | Sources, **keywords: Unpack[SurrogateKeywords]) -> Problem:
        """The problem of a source image in a medium that the surrogate was trained for.

        Args:
            image: (rows, columns), or `Sources`: 0 outside the sources, and on a source's
                nodes its value x. Sources hold the field at x, or, if `production`, add γx to it
                per time.
            **keywords: as for `diffkeras.Problem`. Parts of the medium that are left out keep the
                training's values, but what differs between the media of the training, `maps`, must
                be given. `diffusion_length` [length] sets the decay D/ℓ².

        Raises:
            PhysicsError: something is missing, or makes no problem.

        Example:
            >>> surrogate = dk.load_surrogate("tissue")  # doctest: +SKIP
            >>> problem = surrogate.problem(image, diffusivity=D, decay=k)  # doctest: +SKIP
        """
        return self.config.view.problem(image, **keywords)

    def predict(
        self,
        problem: Problem | ArrayLike | Sources,
        *,
        tolerance: float | None = None,
        **keywords: Unpack[SurrogateKeywords],
    ) -> Prediction:
        """Predict the field of a problem; with a tolerance, solve it unless that is proven met.

        The network was trained on images of largest value 1. An image is divided by its largest
        value, and so is what cells take up and release; the field is multiplied by it. Where a side
        has a given value or flux, nothing is scaled.

        Logs a warning, once for each surrogate, for lattices, source counts, radii, values and maps
        outside the trained ranges, as far as images show them.

        If the dataset's fields are divided by their maximum, the network predicts only the shape of
        a field. Its size is then the one that balances production with decay and flow, each node
        weighted by how far the shape exceeds a tenth of its maximum.

        Args:
            problem: for which the surrogate was trained. Or a source image and the keywords of a
                problem, as its short form, see `problem`. For several, see `predict_many`.
            tolerance: the largest error of the returned field, relative to its largest |value|.
                Where the network's field is not proven to meet it, nor a corrected one, the exact
                solver starts from there. None for the network's field as it is.
            **keywords: see `problem`.

        Returns:
            The field, with its proven bounds.

        Raises:
            PhysicsError: a problem that the surrogate was not trained for: with negative source
                values, on a lattice that its network does not take, with another step,
                boundary, uptake, production or medium; arguments that make no problem; a tolerance
                of 1 or more, which the field 0 meets, or one that rounding doesn't allow.
            RunError: predictions that are not finite, of a damaged model, or in units in which
                numbers leave the range of float32.
            ConvergenceError: the solver didn't meet the tolerance.

        Example:
            >>> surrogate = dk.load_surrogate("saved_models/quickstart")  # doctest: +SKIP
            >>> surrogate.predict(image, tolerance=1e-3).error_bound <= 1e-3  # doctest: +SKIP
            True
        """
        if isinstance(problem, Problem):
            as_problem(problem, keywords, SurrogateKeywords)  # an error if there are some
        else:
            problem = self.problem(problem, **keywords)
        [prediction] = self.predict_many([problem], tolerance=tolerance)
        return prediction

    def predict_many(
        self,
        problems: Iterable[Problem],
        *,
        tolerance: float | None = None,
        batch_size: int | None = None,
    ) -> list[Prediction]:
        """The predictions of several problems, each as `predict` makes it.

        Args:
            problems: a list of `Problem`, of one lattice or several.
            tolerance: as for `predict`.
            batch_size: images that go through the network at once; by default the
                evaluation's.

        Raises:
            PhysicsError, RunError, ConvergenceError: as `predict`.
        """
        if tolerance is not None:
            check_relative_tolerance(tolerance)  # before anything is predicted
        predictions: list[Prediction] = []
        for _, group in groupby(problem_list(problems), lambda problem: problem.lattice):
            alike = list(group)
            predictions += map(Prediction, self._fields(alike, batch_size), alike)
        return predictions if tolerance is None else [one.within(tolerance) for one in predictions]

    def fields(
        self,
        images: ArrayLike | Sequence[Problem],
        *,
        batch_size: int | None = None,
        divided: bool = False,
        **keywords: Unpack[SurrogateKeywords],
    ) -> NDArray[np.float32]:
        """The predicted fields alone, (batch, rows, columns).

        Args:
            images: source images, (batch, rows, columns), also with an axis of one channel; or
                problems of one lattice.
            batch_size: as for `predict_many`.
            divided: whether fields are on the scale of the dataset's, if those are divided by their
                maximum (`data.divide_by_maximum`): as the network predicts them, with a maximum of
                about 1.
            **keywords: of all images, see `problem`.

        Raises:
            PhysicsError, RunError: as `predict`; or no image.
        """
        if isinstance(images, np.ndarray):
            if images.ndim == BATCH_AXES + 1 and images.shape[-1] == 1:
                images = images[..., 0]
            if images.ndim != BATCH_AXES:
                raise PhysicsError(
                    f"images have the shape (batch, rows, columns), not {images.shape}; of one "
                    "image use predict"
                )
        each: list[Any] = list(images)  # type: ignore[arg-type]  # an array, too
        if keywords or not all(isinstance(one, Problem) for one in each):
            for number, image in enumerate(each):
                with numbered("image", number):
                    each[number] = self.problem(image, **keywords)
        if len({problem.lattice for problem in each}) != 1:
            raise PhysicsError("give at least one image, and images of one lattice")
        return self._fields(each, batch_size, divided=divided)

    def check_lattice(self, lattice: tuple[int, ...]) -> None:
        """Raise a PhysicsError if the network takes no lattice of so many rows and columns."""
        if lattice in self._lattices:
            return
        self.config.model.lattices.check(lattice)
        if self.config.model.is_own:
            check_lattice(self.model, lattice)
        self._lattices.add(lattice)

    def __repr__(self) -> str:
        """One line: its name, the lattice that it was trained on, and whether sources produce."""
        rows, columns = self.lattice
        produce = ", sources produce" if self.production else ""
        return f"Surrogate({self.config.name!r}, trained on {rows}×{columns} nodes{produce})"

    def _fields(
        self, problems: Sequence[Problem], batch_size: int | None = None, *, divided: bool = False
    ) -> NDArray[np.float32]:
        """The network's fields of problems of one lattice, with warnings of unusual inputs."""
        default = self.config.evaluation.batch_size
        size = check_whole("batch_size", default if batch_size is None else batch_size, 1)

        def network(x: NDArray) -> NDArray:
            parts = [self._forward(x[i : i + size]).numpy() for i in range(0, len(x), size)]
            return np.concatenate(parts)

        view = self.config.view
        inputs = view.inputs(problems)
        self.check_lattice(problems[0].lattice)
        fields = view.fields(network, inputs, divided=divided)
        if not np.isfinite(fields).all():
            raise RunError(
                "the surrogate predicts values that are not finite: its training diverged, or the "
                f"images, with values up to {inputs['source_images'].max():.3g}, and the medium "
                "leave the range of float32; train it again, or choose units in which sources have "
                "values of about 1"
            )
        for sentence in outside_training(view, inputs):
            if sentence not in self._warned:  # loops stay quiet
                self._warned.add(sentence)
                logger.warning(sentence)
        return fields[..., 0]

    @cached_property
    def _forward(self) -> Any:
        """The network, whose graph is traced when it first runs."""
        model = self.model
        # not predict_on_batch: under MirroredStrategy it gives the batch once for each replica
        return tf.function(
            lambda x: model(x, training=False), autograph=False, reduce_retracing=True
        )

    @cached_property
    def _lattices(self) -> set[tuple[int, ...]]:
        return {self.lattice}  # that the network is known to take

    @cached_property
    def _warned(self) -> set[str]:
        return set()  # what was logged


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
    return surrogate_of_run(Run.open(Path(run_dir)))


def surrogate_of_run(run: Run) -> Surrogate:
    """The surrogate of a run; it raises the errors of `load_surrogate`."""
    config = run.config()
    model = build_model(config)
    load_weights(run.weights_file, model, config.model)
    return Surrogate(model, config)
