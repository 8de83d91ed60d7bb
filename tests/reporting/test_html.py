from pathlib import Path

import pytest

from diffkeras.errors import RunError
from diffkeras.reporting.html import Cell, Table, mark_best, number
from diffkeras.reporting.text import duration, value_text
from diffkeras.system.atomic_files import (
    check_replaceable,
    read_csv,
    read_json,
    replace_directory,
    write_csv,
    write_json,
    write_text,
)


def test_the_smallest_figure_of_each_column_is_marked() -> None:
    rows = mark_best([("a", [0.25, None, 3.0]), ("b", [0.5, None, 1.0])])
    assert rows == [
        ["a", Cell("0.25", True), Cell("–", False), Cell("3", False)],
        ["b", Cell("0.5", False), Cell("–", False), Cell("1", True)],
    ]


def test_columns_of_text_are_aligned() -> None:
    table = Table(["method", "MAE"], [["zero field", Cell("0.5")], ["x", "12.25"]])
    assert table.to_text().splitlines() == [
        "method        MAE",
        "-----------------",
        "zero field    0.5",
        "x           12.25",
    ]


def test_numbers_have_three_digits() -> None:
    assert [number(v) for v in (0.0123456, 0, None, 1234.5)] == ["0.0123", "0", "–", "1.23e+03"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("absolute", "absolute"),
        ({"error": "huber", "delta": 0.1}, "huber(delta=0.1)"),
        ({"error": "absolute", "weight": {"name": "step", "amplitude": 10}}, None),
        ([1, 5], "1,5"),
        (0.5, "0.5"),
    ],
)
def test_values_in_words(value: object, text: str | None) -> None:
    assert value_text(value) == (text or "absolute × step(amplitude=10)")


def test_times_in_words() -> None:
    assert [duration(s) for s in (5, 600, 7200)] == ["5 s", "10 min", "2.0 h"]


def test_json_is_strict(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "a.json"
    write_json(file, {"a": float("nan"), 1: [float("inf"), 2.5]})
    assert read_json(file) == {"a": None, "1": [None, 2.5]}
    file.write_text("{")
    with pytest.raises(RunError, match=r"a\.json is missing or damaged"):
        read_json(file)


def test_csv_has_empty_cells_where_there_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    write_csv(file, ["a", "b"], [[1, None], [float("nan"), "x,y"]])
    assert read_csv(file) == [{"a": "1", "b": ""}, {"a": "", "b": "x,y"}]


def test_nothing_is_left_half_written(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    write_csv(file, ["a"], [[1]])

    def rows() -> object:
        yield [2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_csv(file, ["a"], rows())
    assert read_csv(file) == [{"a": "1"}]


def test_a_directory_is_replaced_by_a_whole_one_only(tmp_path: Path) -> None:
    place = tmp_path / "results"
    replace_directory(place, lambda path: write_text(path / "a", "1"))

    def half(path: Path) -> None:
        write_text(path / "a", "2")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_directory(place, half)
    assert visible(place) == {"a": "1"}
    replace_directory(place, lambda path: write_text(path / "b", "3"))
    assert visible(place) == {"b": "3"}
    assert [p.name for p in tmp_path.iterdir()] == ["results"]


def test_stale_pictures_go_and_notes_beside_them_stay(tmp_path: Path) -> None:
    place = tmp_path / "results"
    replace_directory(
        place, lambda path: [write_text(path / d / "old.png", "1") for d in ("figures", "maps")]
    )
    write_text(place / "figures" / "notes.txt", "precious")
    replace_directory(place, lambda path: write_text(path / "new.png", "2"))
    assert visible(place) == {"figures/notes.txt": "precious", "new.png": "2"}
    assert not (place / "maps").exists()


def test_stale_files_of_an_interrupted_move_go_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "results"

    def no_more(*_: object) -> None:
        raise KeyboardInterrupt

    replace_directory(place, lambda path: write_text(path / "a", "1"))
    with monkeypatch.context() as patch:
        patch.setattr("diffkeras.system.atomic_files._remove", no_more)
        with pytest.raises(KeyboardInterrupt):
            replace_directory(place, lambda path: write_text(path / "b", "2"))
    assert visible(place) == {"a": "1", "b": "2"}
    replace_directory(place, lambda path: write_text(path / "c", "3"))
    assert visible(place) == {"c": "3"}


@pytest.mark.parametrize("listed", ['["../mine", "/mine", 3, "."]', '{"a": 1}', "[", ""])
def test_a_damaged_list_of_files_removes_nothing(tmp_path: Path, listed: str) -> None:
    write_text(tmp_path / "mine", "precious")
    write_text(tmp_path / "results" / "notes", "precious")
    write_text(tmp_path / "results" / ".files.json", listed)
    replace_directory(tmp_path / "results", lambda path: write_text(path / "a", "1"))
    assert visible(tmp_path) == {
        "mine": "precious",
        "results/notes": "precious",
        "results/a": "1",
    }


def visible(place: Path) -> dict[str, str]:
    """The text of the files below a directory, but for diffkeras' own list of them."""
    return {
        file.relative_to(place).as_posix(): file.read_text()
        for file in place.rglob("*")
        if file.is_file() and file.name != ".files.json"
    }


def test_the_working_directory_can_be_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    replace_directory(Path(), lambda path: write_text(path / "a", "1"))
    assert (tmp_path / "here" / "a").read_text() == "1"


def test_only_earlier_results_are_replaceable(tmp_path: Path) -> None:
    check_replaceable(tmp_path / "new" / "deep", "mark")
    (tmp_path / "empty").mkdir()
    check_replaceable(tmp_path / "empty", "mark")
    write_text(tmp_path / "old" / "mark", "")
    check_replaceable(tmp_path / "old", "mark")
    write_text(tmp_path / "mine" / "thesis.tex", "")
    with pytest.raises(RunError, match="holds other files"):
        check_replaceable(tmp_path / "mine", "mark")
    with pytest.raises(RunError, match="is a file"):
        check_replaceable(tmp_path / "old" / "mark", "mark")
    with pytest.raises(RunError, match="can't be written"):
        check_replaceable(tmp_path / "old" / "mark" / "below", "mark")
