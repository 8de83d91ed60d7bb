"""Fields that other programs wrote: PhysiCell's MultiCellDS files, and tables of voxels.

PhysiCell's files are read with scipy.io: pcdl 4.1.9 stops at those of PhysiCell 1.10 in PerMedCoE's
repository (its `_read_xml` asks an XML element for an attribute `tex`).
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.io import loadmat

import diffkeras as dk

SIDES = {"xmin": "left", "xmax": "right", "ymin": "top", "ymax": "bottom"}
SIDES |= {"zmin": "front", "zmax": "back"}
RATES = ("uptake_rates", "secretion_rates", "saturation_densities", "net_export_rates")
NEEDED = ("position", "total_volume", *RATES)


class FileError(Exception):
    """A file that can't be read; the message says what was expected."""


@dataclass(frozen=True)
class OtherField:
    """A field of another program.

    Attributes:
        values: (planes, rows, columns), so (z, y, x).
        step: edge of a voxel, in the file's unit of length.
        origin: centre of the first voxel, (z, y, x).
        time: when it was written, in the file's unit; None if the file doesn't say.
        source: program, version and substance, for messages.
    """

    values: NDArray[np.float64]
    step: float
    origin: tuple[float, float, float]
    time: float | None
    source: str


def read_field(path: Path, name: str | None = None) -> OtherField:
    """The field of an `.xml` file of PhysiCell, or of a `.csv` file with columns x, y, z.

    Args:
        path: the file. Next to a PhysiCell file lie those that it names.
        name: the substance, or the column; by default the only one.

    Raises:
        FileError: another format, another version of it, or voxels that are no lattice.
    """
    if path.suffix == ".xml":
        return _field_of_physicell(path, _snapshot(path), name)
    if path.suffix == ".csv":
        return _field_of_table(path, name)
    raise FileError(f"{path}: neither .xml of PhysiCell nor .csv, which are the formats it reads")


def physicell_problem(path: Path, name: str | None = None) -> dk.Problem:
    """What PhysiCell's field should solve: its cells, walls and rates.

    Cells act on the voxel that holds their centre, with the weight of their volume over that of the
    voxel. Held walls are read from PhysiCell_settings.xml next to the file.

    Raises:
        FileError: as `read_field`, or settings that are missing, or numbers that make no problem.
    """
    snapshot = _snapshot(path)
    field = _field_of_physicell(path, snapshot, name)
    index, variable = _substance(path, snapshot, name)
    diffusivity, decay = (
        _number(path, key, variable.findtext(f"physical_parameter_set/{key}"))
        for key in ("diffusion_coefficient", "decay_rate")
    )
    production, uptake = _cells(path, snapshot, field, index)
    values, fixed = _walls(path.with_name("PhysiCell_settings.xml"), variable.get("name"), field)
    try:
        medium = dk.Medium(diffusivity, decay, field.step, boundary="reflecting", dimensions=3)
        return dk.Problem(values, fixed=fixed, production=production, uptake=uptake, medium=medium)
    except dk.DiffkerasError as error:
        raise FileError(f"{path}: {error}") from None


def _snapshot(path: Path) -> ElementTree.Element:
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from None
    except ElementTree.ParseError as error:
        raise FileError(f"{path}: no XML ({error})") from None
    if root.tag != "MultiCellDS":
        raise FileError(
            f"{path}: holds <{root.tag}>, not <MultiCellDS>; give an output…xml file of PhysiCell"
        )
    if root.get("version") != "2":
        raise FileError(
            f"{path}: MultiCellDS of version {root.get('version')}, but version 2 is read, which "
            "PhysiCell writes since 1.8"
        )
    return root


def _substance(
    path: Path, snapshot: ElementTree.Element, name: str | None
) -> tuple[int, ElementTree.Element]:
    variables = snapshot.findall("microenvironment/domain/variables/variable")
    names = [str(variable.get("name")) for variable in variables]
    return (k := _choice(path, "substance", names, name)), variables[k]


def _choice(path: Path, kind: str, names: Sequence[str], name: str | None) -> int:
    if name is None and len(names) == 1:
        return 0
    if not names:
        raise FileError(f"{path}: has no {kind}")
    if name not in names:
        found = f"several {kind}s" if name is None else f"no {kind} {name!r}"
        raise FileError(f"{path}: has {found}; give --substance, one of {', '.join(names)}")
    return list(names).index(str(name))


def _number(path: Path, what: str, text: str | None) -> float:
    """The finite number in an element or attribute."""
    with suppress(ValueError):
        if np.isfinite(number := float(text or "")):
            return number
    raise FileError(f"{path}: {what} must be a finite number, not {text!r:.60}")


def _matrix(path: Path, file: str | None, key: str) -> NDArray[np.float64]:
    """The matrix in a file beside a snapshot, which names it."""
    if not file or Path(file).name != file:
        raise FileError(f"{path}: must name the file of {key!r} beside it, not {file!r:.60}")
    matrix = path.with_name(file)
    try:
        found = loadmat(matrix)[key]
        if found.ndim != 2 or np.iscomplexobj(found):
            raise ValueError(f"it is {found.dtype} of shape {found.shape}")
        return np.asarray(found, np.float64)
    except OSError:
        raise FileError(f"{matrix}: is missing, or can't be read; it belongs to the .xml") from None
    except Exception as error:  # the reader of damaged files raises errors of any type
        raise FileError(f"{matrix}: has no matrix {key!r} of MATLAB version 4 ({error})") from error


def _field_of_physicell(path: Path, snapshot: ElementTree.Element, name: str | None) -> OtherField:
    index, variable = _substance(path, snapshot, name)
    file = snapshot.findtext("microenvironment/domain/data/filename")
    table = _matrix(path, file, "multiscale_microenvironment")
    place = path.with_name(str(file))
    if len(table) <= 4 + index:
        raise FileError(f"{place}: {len(table)} rows, but substance {index} is in row {5 + index}")
    values, step, origin = _lattice(place, table[:3], table[4 + index])
    version = snapshot.findtext("metadata/software/version")
    time = snapshot.findtext("metadata/current_time")
    when = _number(path, "current_time", time) if time else None
    return OtherField(values, step, origin, when, f"PhysiCell {version}, {variable.get('name')}")


def _field_of_table(path: Path, name: str | None) -> OtherField:
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: no table ({error})") from None
    places = ["x", "y", "z"]
    if missing := [place for place in places if place not in table]:
        raise FileError(f"{path}: has no column {missing[0]!r}; it needs x, y, z and a value")
    time = next((column for column in ("time", "timestep") if column in table), None)
    last = None
    if time is not None:
        try:
            last = float(table[time].astype(np.float64).max())
        except ValueError as error:
            raise FileError(f"{path}: the column {time!r}: {error}") from None
        table = table[table[time] == last]
    skipped = {*places, "time", "timestep", "vol", "volume"}
    names = [c for c in map(str, table) if c not in skipped and not c.startswith("Unnamed")]
    column = names[_choice(path, "column", names, name)]
    try:
        numbers = table[[*places, column]].to_numpy(np.float64)
    except ValueError as error:
        raise FileError(f"{path}: {error}") from None
    values, step, origin = _lattice(path, numbers[:, :3].T, numbers[:, 3])
    return OtherField(values, step, origin, last, f"{path.name}, {column}")


def _lattice(
    path: Path, places: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float, tuple[float, float, float]]:
    """Values as (z, y, x), the step and the first centre, of voxels in any order."""
    if not np.isfinite(places).all() or not np.isfinite(values).all():
        raise FileError(f"{path}: has places or values that are no finite numbers")
    axes, indices = zip(
        *(np.unique(axis.round(6), return_inverse=True) for axis in places), strict=True
    )
    steps = np.concatenate([np.diff(axis) for axis in axes])
    if not len(steps):
        plural = "s" * (len(values) != 1)
        raise FileError(f"{path}: has {len(values)} voxel{plural} in one place; a field has more")
    shape = tuple(len(axis) for axis in axes[::-1])
    if np.ptp(steps) > 1e-6 * steps.max() or values.size != np.prod(shape):
        raise FileError(
            f"{path}: {values.size} voxels with steps from {steps.min():g} to {steps.max():g} are "
            f"no full lattice of cubes ({' × '.join(map(str, shape))} would be)"
        )
    field = np.full(shape, np.nan)
    field[indices[::-1]] = values
    if np.isnan(field).any():
        raise FileError(f"{path}: lists a voxel twice, and leaves another one out")
    x, y, z = (float(axis[0]) for axis in axes)
    return field, float(steps[0]), (z, y, x)


def _cells(
    path: Path, snapshot: ElementTree.Element, field: OtherField, substance: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Production and rate constant of uptake of each voxel."""
    data = snapshot.find("cellular_information//simplified_data")
    labels = {} if data is None else {one.text: one for one in data.findall("labels/label")}
    missing = [label for label in NEEDED if label not in labels]
    if data is None or missing:
        raise FileError(
            f"{path}: lists no {missing[0]!r} of cells, as versions of PhysiCell before 1.9 do; "
            "certify it with --test and --reading"
        )
    file = data.findtext("filename")
    table = _matrix(path, file, "cells")
    rows = {}
    for name in NEEDED:
        first = _number(path, f"the index of {name!r}", labels[name].get("index", "0"))
        more = 2 if name == "position" else 0 if name == "total_volume" else substance
        if not (first.is_integer() and 0 <= first < len(table) - more):
            raise FileError(
                f"{path}: {name!r} begins in row {first:g}, and {file} has {len(table)} rows"
            )
        rows[name] = int(first)
    rates = (table[rows[label] + substance] for label in RATES)
    uptake, secretion, target, export = rates
    places = table[rows["position"] : rows["position"] + 3][::-1].T
    if not np.isfinite(places).all():
        raise FileError(f"{path.with_name(str(file))}: has cells at no place: NaN or infinite")
    voxels = np.rint((places - field.origin) / field.step).astype(int)
    if np.any(voxels < 0) or np.any(voxels >= field.values.shape):
        raise FileError(f"{path}: has cells outside of the lattice {field.values.shape} (z, y, x)")
    volume = field.step**3
    weight = table[rows["total_volume"]] / volume
    made, taken = np.zeros((2, *field.values.shape))
    np.add.at(made, tuple(voxels.T), weight * secretion * target + export / volume)
    np.add.at(taken, tuple(voxels.T), weight * (secretion + uptake))
    return made, taken


def _walls(
    settings: Path, name: str | None, field: OtherField
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values of the held voxels, and which these are."""
    values, fixed = np.zeros(field.values.shape), np.zeros(field.values.shape, bool)
    try:
        root = ElementTree.parse(settings).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise FileError(f"{settings}: names the held walls, but can't be read ({error})") from None
    variables = root.findall("microenvironment_setup/variable")
    variable = next((each for each in variables if each.get("name") == name), None)
    if variable is None:
        raise FileError(f"{settings}: knows no substance {name!r}")
    for wall in variable.findall("Dirichlet_options/boundary_value"):
        if str(wall.get("enabled")).lower() == "true" and wall.get("ID") in SIDES:
            axis = 2 - "xyz".index(str(wall.get("ID"))[0])
            held = _number(settings, f"the value of {wall.get('ID')}", wall.text)
            place: list[slice | int] = [slice(None)] * 3
            place[axis] = 0 if str(wall.get("ID")).endswith("min") else -1
            values[tuple(place)], fixed[tuple(place)] = held, True
    return values, fixed
