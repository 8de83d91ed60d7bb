from click.testing import CliRunner

from paper.two_readings import TABLE, main
from tests.helpers.tables import read_csv


def test_the_table_has_the_columns_of_the_published_one(tmp_path):
    words = ["--counts", "1", "--examples", "1", "--output", str(tmp_path / "table.csv")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    [row], published = read_csv(tmp_path / "table.csv"), read_csv(TABLE)
    assert [*row] == [*published[0]]
    assert row["n"] == published[0]["n"]
