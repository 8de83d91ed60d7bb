"""The masks of a family's regions, from the files that a configuration names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo

from diffkeras.errors import DataError, PhysicsError
from diffkeras.physics.sampling.families.masks import is_text_of_mask, text_of_mask
from diffkeras.system.image_files import ARRAYS, PICTURES, read_numbers
from diffkeras.system.messages import short


def with_masks(family: Any, info: ValidationInfo) -> Any:
    """A section `data.family` with masks in place of the names of their files.

    So a configuration holds its geometry, and what is made of it needs no file any more. Files are
    found beside that of the configuration, whose folder is in the context of the validation, or by
    their paths.
    """
    regions = family.get("regions") if isinstance(family, Mapping) else None
    if not isinstance(regions, Mapping):
        return family
    folder = (info.context or {}).get("folder", Path())
    return {
        **family,
        "regions": {name: _mask(name, file, folder) for name, file in regions.items()},
    }


def _mask(name: Any, file: Any, folder: Path) -> Any:
    if not isinstance(file, str) or is_text_of_mask(file):
        return file
    path = folder / file if (folder / file).is_file() else Path(file)
    if path.suffix.lower() not in ARRAYS + PICTURES:
        kinds = ", ".join(ARRAYS + PICTURES)
        raise PhysicsError(
            f"{short(file)} is of an unknown kind; choose one of {kinds}", f"regions.{name}"
        )
    try:
        return text_of_mask(str(name), read_numbers(path, "mask", labels=True))
    except (DataError, PhysicsError) as error:
        raise PhysicsError(str(error), f"regions.{name}") from None
