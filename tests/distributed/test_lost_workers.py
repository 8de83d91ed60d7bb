"""Workers that are killed, cut off or stopped, that can't train, or never come."""

import os
import signal
import subprocess
import time

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("victim", [pytest.param(0, id="the chief"), pytest.param(1, id="other")])
def test_a_killed_worker_is_waited_for_and_training_goes_on(victim, workers, four_epochs, alone):
    workers.configure(four_epochs, every_step=True)
    addresses = workers.addresses
    both = [workers.start_command(index, addresses) for index in (0, 1)]
    workers.wait_for_checkpoint(1, 2)
    both[victim].kill()
    both[victim].wait()
    workers.start_command(victim, addresses)
    outputs = workers.outputs()
    assert len(outputs) == 2
    assert f"lost the connection to worker {victim} ({addresses[victim]})" in outputs[0]
    assert "resuming at epoch" in "".join(outputs)
    workers.assert_course_of(alone)


@pytest.fixture
def hosts():
    """Two network namespaces with a cable between them, 10.77.0.1 and 10.77.0.2."""
    names = [f"diffkeras-{os.getpid()}-{side}" for side in "ab"]
    ends = [f"dk{os.getpid() % 10**7}{side}" for side in "ab"]

    def ip(words: str) -> None:
        subprocess.run(["ip", *words.split()], check=True, capture_output=True)

    made = []
    try:
        for name in names:
            ip(f"netns add {name}")
            made.append(name)
        ip(f"link add {ends[0]} netns {names[0]} type veth peer name {ends[1]} netns {names[1]}")
        for number, (name, end) in enumerate(zip(names, ends, strict=True), start=1):
            ip(f"-n {name} addr add 10.77.0.{number}/24 dev {end}")
            ip(f"-n {name} link set lo up")
            ip(f"-n {name} link set {end} up")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network namespaces here: they need root and Debian's iproute2")
    else:
        yield names
    finally:
        for name in made:
            ip(f"netns del {name}")


@pytest.mark.slow
def test_two_hosts_whose_cable_is_pulled_for_a_while_train_to_the_end(
    hosts, workers, four_epochs, alone
):
    workers.configure(four_epochs, every_step=True)
    addresses = ["10.77.0.1:12345", "10.77.0.2:12345"]
    for index, host in enumerate(hosts):
        inside = ("ip", "netns", "exec", host, "unshare", "--uts")
        workers.start_command(index, addresses, before=inside)
    workers.wait_for_checkpoint(1, 2)
    cable = f"dk{os.getpid() % 10**7}a"
    for state in ("down", "up"):
        subprocess.run(["ip", "-n", hosts[0], "link", "set", cable, state], check=True)
        time.sleep(20 if state == "down" else 0)
    outputs = workers.outputs()
    for own, output in enumerate(outputs):
        assert f"lost the connection to worker {1 - own} ({addresses[1 - own]})" in output
    assert "resuming at epoch" in outputs[0]
    workers.assert_course_of(alone)


@pytest.mark.slow
def test_a_signal_to_one_worker_ends_both_with_a_checkpoint(workers):
    workers.start(0)
    workers.start(1, "SIGTERM", 3)
    outputs = workers.outputs(128 + signal.SIGTERM)
    assert all("stopped by SIGTERM at epoch" in output for output in outputs)
    assert list((workers.run / "checkpoints").glob("[0-9]*"))


def test_what_keeps_one_worker_from_training_ends_all_before_anything_is_lost(workers, tmp_path):
    workers.start(0)
    workers.start(1, data_dir=tmp_path / "nowhere")
    outputs = workers.outputs(1)
    assert "DataError" in outputs[1]
    assert "worker 1" in outputs[0]
    assert "can't train; its output says why" in outputs[0]
    assert not workers.run.exists()


@pytest.mark.slow
def test_workers_that_do_not_share_the_run_directory_are_refused(workers, tmp_path):
    workers.start(0, run=tmp_path / "one")
    workers.start(1, run=tmp_path / "other")
    assert f"run isn't in {tmp_path / 'other'} of this one" in workers.outputs(1)[1]


@pytest.mark.slow
def test_a_worker_that_does_not_come_is_named(workers):
    workers.start(0, timeout=1)
    (output,) = workers.outputs(1)
    assert f"worker 1 ({workers.addresses[1]}) didn't answer within 1 s" in output
    assert "Traceback" not in output
    assert not workers.run.exists()
