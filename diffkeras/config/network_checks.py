"""Which parts of a network, and of its data, need which physics."""

from diffkeras.config.data_section import DataConfig
from diffkeras.config.sections import ModelConfig, PhysicsConfig
from diffkeras.physics import Medium
from diffkeras.physics.boundaries import sides_in_words, smallest_given
from diffkeras.physics.operators.spectral import SpectralOperator


def check_sides(
    physics: PhysicsConfig, data: DataConfig, model: ModelConfig, *, symmetries: bool
) -> None:
    """Raise a ValueError if something in a configuration doesn't take the sides of the lattice."""
    outline = Medium(boundary=physics.boundary)
    if outline.has_equal_sides:
        return
    inhomogeneous = not outline.is_homogeneous
    differ = any(isinstance(sides, tuple) for sides in outline.sides)
    plain, equal = "sides without a value or a flux", "the same at both sides of an axis"
    needs = (
        ("data.storage: compact", f"{plain}, {equal}", data.storage == "compact"),
        (
            f"model.corrections: {model.corrections}",
            f"{plain}, {equal}, where media don't vary (data.tissue)",
            model.solves_equation and not data.maps,
        ),
        ("data.divide_by_maximum: true", plain, data.divide_by_maximum and inhomogeneous),
        ("training.symmetries: true", equal, symmetries and differ),
        (
            "model.transform: log",
            "values and fluxes from 0 on, as it takes no fields below -1",
            model.transform == "log" and smallest_given(outline.sides) < 0,
        ),
    )
    for setting, sides, chosen in needs:
        if chosen:
            raise ValueError(
                f"physics.boundary: {setting} needs {sides}, not {sides_in_words(outline.sides)}; "
                f"choose other sides, or change {setting.partition(':')[0]}"
            )


def check_network(physics: PhysicsConfig, data: DataConfig, model: ModelConfig) -> None:
    """Raise a ValueError if what follows the network doesn't fit the problem."""
    if physics.sources == "production":
        _check_production(model)
    if model.kind.knows_equation and not model.corrections:
        raise ValueError(
            f"model.corrections: {model.architecture} consists of corrections alone, so 0 would "
            "leave nothing; choose at least 1"
        )
    if not model.solves_equation:
        return
    if model.transform != "linear":
        raise ValueError(
            f"model.transform: corrections {model.corrections} need fields on the linear scale, on "
            f"which the equation is linear, not {model.transform}; choose linear"
        )
    if data.maps:
        return
    medium = physics.medium
    if data.diffusion_length is not None:
        medium = medium.with_diffusion_length(data.diffusion_length[1])
    if SpectralOperator(physics.lattice, medium).deflated:
        raise ValueError(
            "model.corrections: in single precision, transforms lose too many digits where no "
            f"boundary absorbs and the decay is as small as {float(medium.decay):g}; choose a "
            "larger decay, an absorbing boundary, or a network without transforms"
        )


def _check_production(model: ModelConfig) -> None:
    if model.fixed_values:
        raise ValueError(
            "model.fixed_values: sources that produce don't fix the value of the field, so none is "
            "known there; choose false, or physics.sources: fixed_value"
        )
    if model.solves_equation:
        raise ValueError(
            "model.corrections: for sources that produce, one correction gives the exact field, "
            "for any prediction: it is one transform pair of the production; use "
            "`diffkeras solve`, or choose corrections: 0 and another architecture"
        )
