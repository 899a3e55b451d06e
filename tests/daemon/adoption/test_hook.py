"""A hook's run: whatever it does ends in one line, within its time, and nothing of it is left."""

import os
import select
import signal
import sys

import pytest
from retuned.daemon.adoption.hook import MOST_OUTPUT, run_hook
from retuned.daemon.masking import Mask
from retuned.daemon.processes import is_running

MASK = Mask(("hunter2",))
LEAVES = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(160)']).pid)"


def run(code, tmp_path, given=b"{}", timeout_s=20.0):
    environment = {"PATH": os.environ["PATH"], "MINE": "1"}
    return run_hook([sys.executable, "-I", "-S", "-c", code], given, tmp_path, environment, timeout_s, MASK)


@pytest.mark.parametrize(
    ("code", "is_done", "detail"),
    [
        ("import sys; print(sys.stdin.read())", True, "{}"),
        ("import os; print(sorted(set(os.environ) - {'LC_CTYPE'}), os.getcwd())", True, "['MINE', 'PATH'] FOLDER"),
        ("import sys; print('the key is hunter2'); sys.exit(3)", False, "exit code 3: the key is ***"),
        ("print('\\x1b[31mred\\x07')", True, "\\x1b[31mred\\x07"),  # nothing that acts on a terminal
        ("import os; os.kill(os.getpid(), 9)", False, "ended by signal 9"),
        ("import sys; sys.stdout.buffer.write(bytes([255, 254]))", True, "\ufffd\ufffd"),
        ("pass", True, ""),
        ("import sys, os; sys.stdout.close(); os.close(2)", True, ""),  # it hides its output
    ],
)
def test_a_hook_ends_in_one_line(tmp_path, code, is_done, detail):
    end = run(code, tmp_path)
    assert (end.is_done, end.detail) == (is_done, detail.replace("FOLDER", str(tmp_path)))


def test_of_a_flood_the_last_lines_are_kept(tmp_path):
    end = run("print('x' * 5_000_000); print('the end')", tmp_path)
    assert end.is_done
    assert end.detail.endswith("x the end")
    assert len(end.detail) <= MOST_OUTPUT


def test_a_hook_that_reads_nothing_of_a_large_change_holds_nothing_up(tmp_path):
    assert run("print('done')", tmp_path, given=b"x" * 5_000_000).detail == "done"


def test_at_its_limit_a_hook_is_killed_with_its_children(tmp_path):
    end = run(f"{LEAVES}; sys.stdout.flush(); import time; time.sleep(160)", tmp_path, timeout_s=2.0)
    why, _, child = end.detail.rpartition(": ")
    assert (end.is_done, why) == (False, "it did not end within 2 s and was killed")
    assert has_ended(int(child))


def has_ended(pid):
    """Whether a process ends, or has: a signal to its group takes effect a moment later."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended, _, _ = select.select([handle], [], [], 60.0)
    os.close(handle)
    return bool(ended)


def test_a_child_that_keeps_the_output_open_is_not_waited_for(tmp_path):
    child = int(run(LEAVES, tmp_path).detail)
    assert is_running(child)
    os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("argv", [["/no/such/program"], ["no\0program"]])
def test_a_hook_that_cannot_be_started_says_so(tmp_path, argv):
    end = run_hook(argv, b"", tmp_path, {}, 5.0)
    assert not end.is_done
    assert "cannot be started: " in end.detail
