import os
import signal
import subprocess
import time
from dataclasses import replace

import pytest
from retuned.daemon.processes import boot_id, identify, is_alive, kill_marked, marked, send, stat_fields


@pytest.fixture
def sleeper():
    with subprocess.Popen(
        ["sleep", "60"], env={"PATH": os.environ["PATH"], "RETUNED_WORKER": f"t{os.getpid()}"}
    ) as child:
        yield child
        child.kill()


@pytest.mark.parametrize("name", ["sh", "a b", "a) S 1 (b", "((", ")) 1 2 3"])
def test_a_command_name_cannot_shift_the_fields(name):
    fields = " ".join(str(number) for number in range(4, 53))
    assert stat_fields(f"77 ({name}) S {fields}\n")[19] == "22"


def test_a_living_process_is_known_by_start_time_and_boot(sleeper):
    process = identify(sleeper.pid)
    assert process is not None
    assert is_alive(process)
    assert not is_alive(replace(process, start_time=process.start_time - 1))
    assert not is_alive(replace(process, boot_id="another boot"))


def test_a_zombie_is_not_alive(sleeper):
    process = identify(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(process)
    assert identify(sleeper.pid) == process


@pytest.mark.parametrize("stranger", [{"start_time": 5}, {"boot_id": "another boot"}])
def test_a_process_that_only_has_the_pid_is_never_signalled(sleeper, stranger):
    process = replace(identify(sleeper.pid), **stranger)
    assert send(process, signal.SIGKILL) is False
    time.sleep(0.05)
    assert sleeper.poll() is None


def test_a_signal_reaches_the_very_process_once_it_is_the_one(sleeper):
    assert send(identify(sleeper.pid), signal.SIGTERM) is True
    assert sleeper.wait(timeout=5) == -signal.SIGTERM


def test_a_process_that_is_gone_has_no_identity(sleeper):
    process = identify(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert identify(sleeper.pid) is None
    assert send(process, signal.SIGTERM) is False


def test_marked_processes_are_found_by_the_whole_mark(sleeper):
    mark = f"t{os.getpid()}"
    assert [process.pid for process in marked(mark)] == [sleeper.pid]
    assert marked(mark[:-1]) == ()


def test_marked_processes_are_killed_until_none_is_left(sleeper):
    assert kill_marked(f"t{os.getpid()}", (), time.sleep)
    assert sleeper.wait(timeout=5) == -signal.SIGKILL


def test_the_boot_has_a_name():
    assert len(boot_id()) == 36
