"""The shipped families: their files, what is proven in them, and names that don't exist."""

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.errors import DataError
from diffkeras.physics.families.shipped import FAMILIES, file_of

MOST_BYTES = 2_000_000


@pytest.mark.parametrize("name", FAMILIES)
def test_a_shipped_family_proves_its_fields(name):
    basis = dk.load_family(name)
    assert file_of(name).stat().st_size <= MOST_BYTES
    for point in basis.family.draw(4, seed=3):
        exact = dk.solve(basis.family.problem_at(point), tolerance=1e-9)
        for tolerance in (None, 1e-2, 1e-3, 1e-5):
            solution = basis.predict(point, tolerance)
            error = np.abs(solution.field - exact.field)
            assert (error <= solution.node_bound + exact.node_bound).all()
            if tolerance is not None:
                assert solution.error_bound <= tolerance * solution.field.max()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_card_has_the_ranges_of_its_family(name):
    card = file_of(name).with_suffix(".md").read_text(encoding="utf-8")
    for parameter in FAMILIES[name]().parameters:
        assert f"| `{parameter.name}` | {parameter.low:g} | {parameter.high:g} |" in card


def test_an_unknown_name_is_refused():
    with pytest.raises(DataError, match=r"no shipped family 'tumor', but tumour"):
        dk.load_family("tumor")
    with pytest.raises(DataError, match=r"no shipped family \['tumour'\], but tumour"):
        dk.load_family(["tumour"])
