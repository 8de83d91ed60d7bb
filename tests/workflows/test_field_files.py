import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.workflows.field_files import FieldFiles, write_fields
from diffkeras.workflows.solve_files import solve_files


def test_a_plot_or_field_never_replaces_the_sources(tmp_path):
    image = np.zeros((16, 16))
    image[5:8, 5:8] = 1
    np.save(tmp_path / "a.npy", image)
    with pytest.raises(PhysicsError, match="same file"):
        solve_files(tmp_path / "a.npy", tmp_path / "a.npy")
    files = FieldFiles(tmp_path / "b.png", plot=tmp_path / "b.png")
    with pytest.raises(PhysicsError, match="same file"):
        solve_files(tmp_path / "a.npy", files)
    assert np.array_equal(np.load(tmp_path / "a.npy"), image)


def test_upper_case_suffixes(tmp_path):
    write_fields({tmp_path / "field.NPY": np.ones((4, 4))})
    assert [entry.name for entry in tmp_path.iterdir()] == ["field.NPY"]
