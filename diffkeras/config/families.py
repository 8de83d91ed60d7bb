"""`data.family` of a configuration: the files of its masks, and the family that it describes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffkeras.config.validation_messages import short
from diffkeras.errors import PhysicsError
from diffkeras.physics import Family
from diffkeras.physics.sampling.masks import is_text_of_mask, text_of_mask
from diffkeras.system.image_files import ARRAYS, PICTURES, read_numbers


def family_of(config: Any) -> Family | None:
    """The family of a `Config`; None where each example has sources of its own.

    Raises:
        PhysicsError, PackingError: as `FamilySampler.family`.
    """
    sampler, physics = config.data.family, config.physics
    return None if sampler is None else sampler.family(physics.lattice, physics.medium)


def with_masks(family: Any) -> Any:
    """A section `data.family` with masks in place of the names of their files.

    So a configuration holds its geometry, and what is made of it needs no file any more.
    """
    regions = family.get("regions") if isinstance(family, Mapping) else None
    if not isinstance(regions, Mapping):
        return family
    return {**family, "regions": {name: _mask(name, file) for name, file in regions.items()}}


def _mask(name: Any, file: Any) -> Any:
    if not isinstance(file, str) or is_text_of_mask(file):
        return file
    path = Path(file)
    if path.suffix.lower() not in ARRAYS + PICTURES:
        kinds = ", ".join(ARRAYS + PICTURES)
        raise ValueError(
            f"regions.{name}: {short(file)} is of an unknown kind; choose one of {kinds}"
        )
    try:
        return text_of_mask(str(name), read_numbers(path, "mask", mask=True))
    except PhysicsError as error:
        raise ValueError(f"regions.{name}: {error}") from None


def beside(raw: Any, folder: Path) -> Any:
    """The content of a configuration file, with the files of masks beside it by their paths."""
    data: Any = raw.get("data") if isinstance(raw, Mapping) else None
    family: Any = data.get("family") if isinstance(data, Mapping) else None
    regions: Any = family.get("regions") if isinstance(family, Mapping) else None
    if not isinstance(regions, Mapping):
        return raw
    own = {
        name: str(folder / file)
        if isinstance(file, str) and not is_text_of_mask(file) and (folder / file).is_file()
        else file
        for name, file in regions.items()
    }
    return {**raw, "data": {**data, "family": {**family, "regions": own}}}
