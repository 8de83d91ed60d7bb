from diffkeras.config import Config


def test_a_part_of_an_alternating_loss_is_set_by_its_key(tiny: Config) -> None:
    pair = {"error": "alternating", "first": "absolute", "second": "squared"}
    config = tiny.with_overrides({"training.loss": pair})
    config = config.with_overrides({"training.loss.second.weight": "tanh"})
    second = {"error": "squared", "weight": "tanh"}
    assert config.training.loss == {**pair, "second": second}
