"""What is damaged, or is not what its name says, is made again."""

import json
import shutil

import pytest

from diffkeras.errors import RunError
from diffkeras.evaluation.methods import SET, SURROGATE
from diffkeras.studies.evaluations import check_evaluation
from diffkeras.studies.plan import plan
from diffkeras.studies.study_run import run_study
from diffkeras.surrogates.run_directory import Run


def test_damaged_runs_are_made_again(study, own, log):
    data, runs, directory = own
    planned = plan(study, runs)
    (next(iter(planned[0].tests.values())) / "metrics.json").write_text('{"methods": []}')
    (planned[1].run_dir / "weights.npz").unlink()
    (next(iter(planned[3].tests.values())) / "examples.csv").unlink()
    assert [run.done for run in plan(study, runs)] == [False, False, True, False]
    examples = next(iter(planned[2].tests.values())) / "examples.csv"
    examples.write_bytes(b"".join(examples.read_bytes().splitlines(keepends=True)[:4]))
    (examples.parent / "metrics.json").unlink()  # an evaluation ended before its last file
    assert not any(run.done for run in plan(study, runs))
    run_study(study, data, directory, runs_dir=runs)
    assert all(run.done for run in plan(study, runs))
    warned = [line for line in log.messages if "measuring it again" in line]
    for run, name in ((planned[0], "metrics"), (planned[2], "metrics"), (planned[3], "examples")):
        assert sum(run.identity in line and f"{name}." in line for line in warned) == 1
    assert len(warned) == 3


def test_runs_that_cannot_be_read_are_kept_and_trained_again(own, write_other, tmp_path, log):
    data, runs, _ = own
    # a new test set, because the report alone needs neither the model nor the configuration
    other = write_other(**{"{test: {data.sources: 1-3}}": "{test: {data.sources: 1-2}}"})
    damaged = {}
    for run, name in zip(
        plan(other, runs), ("run.json", "config.yaml", "history.csv", "weights.npz"), strict=True
    ):
        file = run.run_dir / name
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0x81  # no text any more, and a weight that no header shows
        file.write_bytes(content)
        damaged[file] = content
    run_study(other, data, tmp_path / "other", runs_dir=runs)
    for file, content in damaged.items():
        kept = file.parent.with_name(f"{file.parent.name}.previous") / file.name
        assert kept.read_bytes() == content
        warned = [line for line in log.messages if str(file) in line and "trai" in line]
        assert [f"renamed to {kept.parent.name}" in line for line in warned] == [True]
    assert all(run.done for run in plan(other, runs))


def test_a_run_under_the_name_of_another_one_is_trained_again(study, own, log):
    data, runs, directory = own
    first, second = (run.run_dir for run in plan(study, runs)[:2])
    shutil.rmtree(second)
    shutil.copytree(first, second)
    assert [run.done for run in plan(study, runs)] == [True, False, True, True]
    run_study(study, data, directory, runs_dir=runs)
    assert any("holds another run than its name says" in line for line in log.messages)
    assert Run(second).config().training.loss == {"error": "huber", "delta": 0.1}
    assert all(run.done for run in plan(study, runs))


def test_errors_of_another_test_set_are_not_used(study, own, write_other):
    _, runs, _ = own
    run = plan(study, runs)[0]
    [path] = run.tests.values()
    for changed in ("{data.sources: 1-2}", "{data.sources: 1-4}", "{data.test_examples: 4}"):
        other = write_other(**{"{data.sources: 1-3}": changed})
        assert [run.done for run in plan(other, runs)] == [False] * 4
        with pytest.raises(RunError, match="another test set"):
            check_evaluation(path, other.test, run.identity)


def test_networks_that_set_known_values_have_no_copy_that_sets_them(study, own):
    _, runs, _ = own
    run = plan(study, runs)[0]
    file = next(iter(run.tests.values())) / "metrics.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    del content["methods"][SURROGATE + SET]
    file.write_text(json.dumps(content), encoding="utf-8")
    assert plan(study, runs)[0].done
