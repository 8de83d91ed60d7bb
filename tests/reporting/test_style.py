import pytest

from diffkeras.reporting.figures import log_ticks, new_axis


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-4, 1.0, ["0.0001", "0.001", "0.01", "0.1", "1"]),
        (0.02, 0.4, ["0.03", "0.1", "0.3"]),
        (0.015, 0.12, ["0.02", "0.05", "0.1"]),
        (0.031, 0.062, ["0.04", "0.05"]),
        (0.05, 0.055, ["0.05", "0.052", "0.054"]),
        (100, 1.2e4, ["100", "1000", "10000"]),
    ],
)
def test_logarithmic_ticks_are_round_numbers(low, high, expected):
    figure, axis = new_axis(7.0, 2.8, yscale="log", ylim=(low, high))
    log_ticks(axis, "y", fewest=2 if low == 0.031 else 3)
    assert axis.get_ylim() == (low, high)
    figure.canvas.draw()
    assert [text.get_text() for text in axis.get_yticklabels()] == expected
