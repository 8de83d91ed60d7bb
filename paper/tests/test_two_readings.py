from click.testing import CliRunner

from paper.two_readings import RESULTS, main
from tests.helpers.tables import read_csv


def test_the_table_has_the_columns_of_the_published_one(tmp_path):
    words = ["--counts", "1", "--examples", "1", "--output", str(tmp_path / "table")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    [row] = read_csv(tmp_path / "table.csv")
    published = read_csv(RESULTS.with_suffix(".csv"))
    assert [*row] == [name for name in published[0] if name != "measured on"]
    assert row["n"] == published[0]["n"]
    assert (tmp_path / "table.png").is_file()
