"""Fields of ligands in a tissue section: from an AnnData object and back into it.

    pip install anndata
    python docs/examples/ligand_fields.py section.h5ad CXCL12,TGFB1 20,50,100

`ligand_fields(section, ligands, length=…)` is what you need in a notebook. All ligands of a section
are one list of problems: D∇²c − λc + s = 0, with one diffusion length √(D/λ) and s in proportion
to expression.
"""

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

import diffkeras as dk

try:
    import anndata
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}: `pip install anndata` installs it") from None

LARGEST = 4_000_000  # nodes of a field


class SectionError(Exception):
    """A section without coordinates or without a ligand."""


def ligand_fields(
    section: anndata.AnnData,
    ligands: Sequence[str],
    *,
    length: float,
    step: float,
    key: str = "spatial",
    layer: str | None = None,
) -> NDArray[np.float64]:
    """The fields of ligands; what arrives at each spot goes into `section.obsm["ligand_fields"]`.

    A spot produces in proportion to its expression, in the node that it lies in. The tissue is what
    lies within two spacings of spots of one; nothing diffuses out of it. The production is divided
    by λ, so that a field has the unit of expression, whatever its length.

    Args:
        section: with coordinates (x, y) in `obsm[key]`, in the unit of the lengths.
        ligands: names of genes.
        length: how far ligands diffuse, √(D/λ); the same for all.
        step: edge of a node.
        key: where the coordinates are.
        layer: the expression, by default `X`.

    Returns:
        (ligands, rows, columns), rows along y; row 0 lies two spacings before the first spot.

    Raises:
        SectionError: no coordinates, a gene that isn't there, or a step that is much too small.
    """
    places = _places(section, key)
    expression = _expression(section, ligands, layer)
    spacing = float(np.median(KDTree(places).query(places, k=2)[0][:, 1]))
    first = places.min(axis=0) - 2 * spacing
    sides = np.ceil((np.ptp(places, axis=0) + 4 * spacing) / step)
    if not sides.prod() <= LARGEST:
        raise SectionError(
            f"a step of {step:g} makes {sides[1]:.6g} × {sides[0]:.6g} nodes; the spots are about "
            f"{spacing:.3g} apart: are coordinates and step in one unit?"
        )
    columns, rows = sides.astype(int)
    column, row = ((places - first) // step).astype(int).T
    sources = np.zeros((len(ligands), rows, columns))
    for source, expressed in zip(sources, expression.T, strict=True):
        np.add.at(source, (row, column), expressed)
    medium = _tissue(places, first, (rows, columns), step, spacing, length)
    # D = 1, so λ = 1/length²
    problems = [dk.Problem(production=each / length**2, medium=medium) for each in sources]
    fields = np.stack([each.field for each in dk.solve_many(problems, tolerance=1e-8)])
    section.obsm["ligand_fields"] = fields[:, row, column].T
    section.uns["ligand_fields"] = {
        "ligands": list(ligands),
        "length": length,
        "step": step,
        "origin": first,
    }
    return fields


def _places(section: anndata.AnnData, key: str) -> NDArray[np.float64]:
    if key not in section.obsm:
        found = ", ".join(section.obsm) or "nothing"
        raise SectionError(f"the section has no coordinates: obsm has no {key!r}, but {found}")
    places = np.asarray(section.obsm[key], np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or len(places) < 2:
        raise SectionError(
            f"obsm[{key!r}] has the shape {places.shape}; (spots, 2) is needed, so x and y"
        )
    return places


def _expression(
    section: anndata.AnnData, ligands: Sequence[str], layer: str | None
) -> NDArray[np.float64]:
    """(spots, ligands)."""
    if missing := [name for name in ligands if name not in section.var_names]:
        raise SectionError(f"the section has no gene {missing[0]!r} among its {section.n_vars}")
    chosen = section[:, list(ligands)]
    values = chosen.X if layer is None else chosen.layers[layer]
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values, np.float64)


def _tissue(
    places: NDArray[np.float64],
    first: NDArray[np.float64],
    lattice: tuple[int, int],
    step: float,
    spacing: float,
    length: float,
) -> dk.Medium:
    """A medium with D = 1 in the tissue, and a ten-thousandth of it outside."""
    row, column = np.indices(lattice)
    nodes = first + (np.stack([column, row], axis=-1) + 0.5) * step
    inside = KDTree(places).query(nodes)[0] <= 2 * spacing
    return dk.Medium(np.where(inside, 1.0, 1e-4), length**-2, step, boundary="reflecting")


def main(file: str, ligands: str, lengths: str = "50,100,200", step: float = 20.0) -> None:
    """Print a scan over diffusion lengths."""
    section, names = anndata.read_h5ad(file), ligands.split(",")
    for length in map(float, lengths.split(",")):
        ligand_fields(section, names, length=length, step=step)
        for name, received in zip(names, section.obsm["ligand_fields"].T, strict=True):
            middle, most = np.quantile(received, [0.5, 0.99])
            print(f"{length:g}: {name} {middle:.4g} at half of the spots, {most:.4g} at 1 %")


if __name__ == "__main__":
    main(*sys.argv[1:4])
