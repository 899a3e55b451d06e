"""Snapshots of the data, and the owner's command that brings it up to date."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from retuned.daemon.config.model_tables import DataTable
from retuned.daemon.training.fingerprints import data_fingerprint
from retuned.daemon.training.snapshot import run_prepare, sources, take
from retuned.strategies.errors import CampaignFailed, StateError

PYTHON = sys.executable


def table(**keys: object) -> DataTable:
    return DataTable.model_validate(keys)


def taken(data: DataTable, store: Path, **limits: int) -> Path:
    return take(data, "rides", store, data_fingerprint(sources(data)), **limits)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    (folder / "old").mkdir(parents=True)
    (folder / "a.csv").write_text("1\n")
    (folder / "b.csv").write_text("2\n")
    (folder / "old" / "c.csv").write_text("3\n")
    (folder / "notes.txt").write_text("x\n")
    return folder


def test_a_file_is_copied_under_its_own_name_and_cannot_be_written(tmp_path, data):
    copy = taken(table(path=str(data / "a.csv")), tmp_path / "store")
    assert copy.relative_to(tmp_path / "store").parts[::2] == ("rides", "a.csv")
    assert copy.read_text() == "1\n"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o444


def test_a_folder_is_copied_with_what_is_below_it(tmp_path, data):
    copy = taken(table(path=str(data)), tmp_path / "store")
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*.*")) == [
        "a.csv",
        "b.csv",
        "notes.txt",
        "old/c.csv",
    ]
    assert data_fingerprint([copy]) == data_fingerprint([data])


def test_a_pattern_gives_a_folder_with_the_files_that_match(tmp_path, data):
    copy = taken(table(glob=str(data / "**" / "*.csv")), tmp_path / "store")
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*.*")) == ["a.csv", "b.csv", "old/c.csv"]


def test_a_pattern_that_matches_one_file_gives_a_folder_too(tmp_path, data):
    copy = taken(table(glob=str(data / "a*")), tmp_path / "store")
    assert [path.name for path in copy.iterdir()] == ["a.csv"]


def test_a_folder_with_one_file_is_copied_as_a_folder(tmp_path, data):
    copy = taken(table(path=str(data / "old")), tmp_path / "store")
    assert (copy / "c.csv").read_text() == "3\n"


def test_taking_the_same_data_again_returns_the_copy_that_is_there(tmp_path, data):
    first = taken(table(path=str(data)), tmp_path / "store")
    inode = first.stat().st_ino
    assert taken(table(path=str(data)), tmp_path / "store") == first
    assert first.stat().st_ino == inode


def test_progress_is_shown_while_a_command_runs_and_while_files_are_copied(tmp_path, data):
    shown = []
    run_prepare(["/bin/sleep", "5.5"], tmp_path, {}, 20.0, show_progress=lambda: shown.append("command"))
    assert shown == ["command", "command"]
    keys = table(path=str(data))
    take(keys, "rides", tmp_path / "store", data_fingerprint(sources(keys)), show_progress=lambda: shown.append("file"))
    assert shown.count("file") >= 2 * 4


def test_changed_data_is_kept_beside_the_old(tmp_path, data):
    first = taken(table(path=str(data)), tmp_path / "store")
    (data / "a.csv").write_text("9\n")
    second = taken(table(path=str(data)), tmp_path / "store")
    assert ((first / "a.csv").read_text(), (second / "a.csv").read_text()) == ("1\n", "9\n")


def test_what_an_interrupted_copy_left_is_replaced(tmp_path, data):
    fingerprint = data_fingerprint([data])
    left = tmp_path / "store" / "rides" / fingerprint.key() / ".data.partial"
    left.mkdir(parents=True)
    (left / "half").write_text("")
    copy = take(table(path=str(data)), "rides", tmp_path / "store", fingerprint)
    assert not (copy / "half").exists()
    assert os.listdir(copy.parent) == ["data"]


def test_data_that_changes_between_fingerprint_and_copy_is_refused_and_leaves_nothing(tmp_path, data):
    fingerprint = data_fingerprint([data])
    (data / "a.csv").write_text("9\n")
    with pytest.raises(CampaignFailed, match="changed while it was copied"):
        take(table(path=str(data)), "rides", tmp_path / "store", fingerprint)
    assert list((tmp_path / "store" / "rides" / fingerprint.key()).iterdir()) == []


def test_too_much_data_is_refused_with_the_way_out(tmp_path, data):
    with pytest.raises(CampaignFailed, match='snapshot = "reference"'):
        taken(table(path=str(data)), tmp_path / "store", limit_bytes=3)


def test_a_store_that_cannot_be_written_is_told(tmp_path, data):
    (tmp_path / "store").write_text("a file is in the way")
    with pytest.raises(StateError, match="could not be kept"):
        taken(table(path=str(data)), tmp_path / "store")


@pytest.mark.parametrize("how", ["reference", "none"])
def test_a_reference_is_the_owners_own_path(tmp_path, data, how):
    assert taken(table(path=str(data), snapshot=how), tmp_path / "store") == data
    assert not (tmp_path / "store").exists()


def test_a_pattern_by_reference_is_a_folder_of_links(tmp_path, data):
    folder = taken(table(glob=str(data / "*.csv"), snapshot="reference"), tmp_path / "store")
    assert sorted(path.readlink() for path in folder.iterdir()) == [data / "a.csv", data / "b.csv"]


def test_data_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CampaignFailed, match="no data found at"):
        sources(table(path=str(tmp_path / "gone")))
    with pytest.raises(CampaignFailed, match="no data found at"):
        sources(table(glob=str(tmp_path / "*.csv")))


def prepare(folder: Path, script: str, timeout_s: float = 20.0, **environment: str) -> None:
    run_prepare([PYTHON, "-I", "-c", script], folder, environment, timeout_s)


def test_a_prepare_command_runs_in_its_folder_with_its_environment_only(tmp_path):
    prepare(tmp_path, "import os; open('seen', 'w').write(os.environ['A'] + str('HOME' in os.environ))", A="1")
    assert (tmp_path / "seen").read_text() == "1False"


def test_no_shell_reads_the_words_of_a_prepare_command(tmp_path):
    run_prepare(["/bin/echo", "$(touch made); touch made"], tmp_path, {}, 20.0)
    assert list(tmp_path.iterdir()) == []


FAILURES = [
    ("print('one'); print('no such table'); raise SystemExit(3)", "ended with code 3; its last line: no such table"),
    ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9; it wrote nothing"),
    ("import sys; sys.stdout.buffer.write(b'\\xff\\n'); sys.exit(1)", "ended with code 1; its last line"),
    ("print('x' * 300_000); print('end'); raise SystemExit(1)", "its last line: end"),
]


@pytest.mark.parametrize(("script", "message"), FAILURES)
def test_a_prepare_command_that_fails_is_told_with_its_last_line(tmp_path, script, message):
    with pytest.raises(CampaignFailed, match=message):
        prepare(tmp_path, script)


def test_a_prepare_command_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CampaignFailed, match="could not be started: No such file"):
        run_prepare(["/no/such/program"], tmp_path, {}, 1.0)


def test_a_prepare_command_over_its_time_is_ended_with_what_it_started(tmp_path):
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    with pytest.raises(CampaignFailed, match="ran longer than 2 s; its last line: ") as caught:
        prepare(tmp_path, script, timeout_s=2.0)
    child = int(str(caught.value).split("its last line: ")[1].split(";")[0])
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(child).wait(timeout=20)  # killed already; the kernel may take a moment


def test_an_interrupt_while_a_command_begins_ends_it(tmp_path, monkeypatch):
    """Where nothing has the process in hand yet."""
    begun = []

    class Begun(subprocess.Popen):
        def __init__(self, *words, **options):
            super().__init__(*words, **options)
            begun.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Begun)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_prepare(["/bin/sleep", "60"], tmp_path, {}, 20.0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert begun[0].wait(timeout=10) == -signal.SIGKILL
