from paper import costs
from paper.study_files import names


def test_each_study_has_a_row(monkeypatch):
    """Building the networks of all takes long."""
    monkeypatch.setattr(costs, "names", lambda: ["optimizers_reduced"])
    (study, full, every) = costs.rows()
    assert study[:2] == ["`optimizers_reduced`", "8"]
    assert (full[1], every[1:]) == ("0", study[1:])
    assert "optimizers_reduced" in names()
