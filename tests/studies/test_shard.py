import pytest

from diffkeras.errors import ConfigurationError
from diffkeras.studies.shard import Shard


@pytest.mark.parametrize("parts", [1, 2, 3, 8, 20])
def test_each_run_is_in_one_shard(parts: int) -> None:
    runs = list(range(11))
    found = [Shard.parse(f"{k}/{parts}").of(runs) for k in range(1, parts + 1)]
    assert sorted(run for shard in found for run in shard) == runs
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize(
    "text", ["9/8", "0/8", "x", "1", "1/0", "/8", "1/", "-1/8", "1/8/2", "1.0/8", "01/8", "²/8", ""]
)
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no shard; write K/N"):
        Shard.parse(text)


def test_a_shard_reads_as_it_is_written() -> None:
    assert str(Shard.parse(" 2/8 ")) == "2/8"
