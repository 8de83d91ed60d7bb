"""Which parts of a network, and of its data, need which physics."""

from diffkeras.config.data_section import DataConfig
from diffkeras.config.sections import ModelConfig, PhysicsConfig
from diffkeras.physics import Medium
from diffkeras.physics.boundaries import sides_in_words, smallest_given
from diffkeras.physics.operators.spectral import SpectralOperator


def check_sides(
    physics: PhysicsConfig, data: DataConfig, model: ModelConfig, *, symmetries: bool
) -> None:
    """Check that all that is chosen takes the sides of the lattice; a ValueError if it doesn't."""
    outline = Medium(boundary=physics.boundary)
    if outline.has_equal_sides:
        return
    alone = model.architecture in ("ring_density_network", "unrolled_cg")
    key = "architecture" if alone else "corrections"
    in_tissue = data.maps and model.architecture != "ring_density_network"
    given, differ = not outline.is_homogeneous, any(isinstance(s, tuple) for s in outline.sides)
    without, equal = "sides without a given value or flux", "the same at both sides of an axis"
    needs = (
        (
            f"model.{key}: {getattr(model, key)}",
            f"{without}, {equal}, where media don't vary (data.tissue)",
            model.solves_equation and not in_tissue,
        ),
        ("data.divide_by_maximum: true", without, data.divide_by_maximum and given),
        ("training.symmetries: true", equal, symmetries and differ),
        (
            "model.transform: log",
            "values and fluxes from 0 on, as it takes no fields below -1",
            model.transform == "log" and smallest_given(outline.sides) < 0,
        ),
    )
    for setting, wanted, chosen in needs:
        if chosen:
            raise ValueError(
                f"physics.boundary: {setting} needs {wanted}, not {sides_in_words(outline.sides)}; "
                f"choose other sides, or change {setting.partition(':')[0]}"
            )


def check_network(physics: PhysicsConfig, data: DataConfig, model: ModelConfig) -> None:
    """Check that what follows the network fits the problem; a ValueError if it doesn't."""
    if physics.sources == "production":
        _check_production(model)
    shortest = 2 * model.modes - 1
    if model.architecture == "fourier_neural_operator" and min(physics.lattice) < shortest:
        raise ValueError(
            f"model.modes: {model.modes} frequencies need at least {shortest} nodes a side, not "
            f"{min(physics.lattice)}; choose at most {(min(physics.lattice) + 1) // 2}"
        )
    if model.architecture == "unrolled_cg" and not model.corrections:
        raise ValueError(
            "model.corrections: unrolled_cg consists of corrections alone, so 0 would leave "
            "nothing; choose at least 1"
        )
    if not model.solves_equation:
        return
    key = "corrections" if model.corrections else "architecture"
    if model.transform != "linear":
        raise ValueError(
            f"model.transform: {key} {getattr(model, key)} needs fields on the linear scale, on "
            f"which the equation is linear, not {model.transform}; choose linear"
        )
    if data.maps:
        if model.architecture == "ring_density_network":
            raise ValueError(
                "model.architecture: a ring_density_network computes the field of its densities by "
                "a transform pair, which media that vary (data.tissue) don't have; choose u_net "
                "with corrections"
            )
        return
    medium = physics.medium
    if data.diffusion_length is not None:
        medium = medium.with_diffusion_length(data.diffusion_length[1])
    if SpectralOperator(physics.lattice, medium).deflated:
        raise ValueError(
            f"model.{key}: in single precision, transforms lose too many digits where no boundary "
            f"absorbs and the decay is as small as {float(medium.decay):g}; choose a larger "
            "decay, an absorbing boundary, or a network without transforms"
        )


def _check_production(model: ModelConfig) -> None:
    if model.fixed_values:
        raise ValueError(
            "model.fixed_values: sources that produce don't hold the field at a value, so none is "
            "known there; choose false, or physics.sources: fixed_value"
        )
    if model.solves_equation:
        key = "corrections" if model.corrections else "architecture"
        raise ValueError(
            f"model.{key}: for sources that produce, one correction gives the exact field, "
            "for any prediction: it is one transform pair of the production; use "
            "`diffkeras solve`, or choose corrections: 0 and another architecture"
        )
