from diffkeras.evaluation.worst_cases.image_space import Candidate
from diffkeras.evaluation.worst_cases.starts import Start, choose_starts, largest_test_error
from diffkeras.physics import Sources

IMAGE = Candidate(Sources.from_lists([1], [1], [1], [1]))


def starts(count: int, *errors: float) -> list[Start]:
    return [Start(count, k, IMAGE, error, max(errors)) for k, error in enumerate(errors)]


WORST = [starts(1, 0.3, 0.2), starts(2, 0.9, 0.8, 0.7), starts(5, 0.5)]


def test_each_search_starts_from_another_count_while_there_is_one() -> None:
    def chosen(number: int) -> list[tuple[int, float]]:
        return [(start.count, start.error) for start in choose_starts(WORST, number)]

    assert chosen(2) == [(2, 0.9), (5, 0.5)]
    assert chosen(5) == [(2, 0.9), (5, 0.5), (1, 0.3), (2, 0.8), (1, 0.2)]
    assert len(chosen(100)) == 6  # all there are


def test_the_test_maximum_is_over_all_counts() -> None:
    assert largest_test_error(WORST) == 0.9
