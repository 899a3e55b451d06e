"""What killed writers leave is swept, and nothing else."""

import os
import subprocess
import sys

import pytest
from retuned.daemon.config.config import Config
from retuned.daemon.config.settings_file import write_settings
from retuned.daemon.durable_files import replace_json, sweep, temporary_beside
from retuned.daemon.foreign_files import remove
from retuned.daemon.training.spool import Spool
from retuned.daemon.upkeep.backup import sweep_state


@pytest.fixture(scope="module")
def dead():
    """The pid of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.fixture
def living():
    process = subprocess.Popen(["sleep", "600"])
    yield process.pid
    process.kill()
    process.wait()


def left(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_what_dead_writers_left_is_swept_and_what_others_have_is_not(tmp_path, dead, living):
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    gone = [
        f".a.json.{dead}.part",
        f".b.{zombie.pid}.part",
        f".c.{os.getpid()}.part",
        f".d.sqlite3.{dead}.part-journal",
    ]
    kept = [
        f".a.json.{living}.part", f".a.json.{dead}", f"a.json.{dead}.part", ".a.json.part", ".part", ".a.json.9x.part",
    ]  # fmt: skip
    for name in (*gone, *kept):
        (tmp_path / name).write_text("half")
    (tmp_path / f".data.{dead}.part" / "deep").mkdir(parents=True)
    (tmp_path / f".link.{dead}.part").symlink_to(tmp_path / ".part")
    assert sweep((tmp_path, tmp_path / "nowhere")) == len(gone) + 2
    assert left(tmp_path) == sorted(kept)
    zombie.wait()


def test_no_link_to_a_folder_is_followed(tmp_path, dead):
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / f".a.{dead}.part").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "others")
    assert sweep((tmp_path / "link",)) == 0
    assert left(tmp_path / "others") == [f".a.{dead}.part"]


KILLED = """if True:
    import os, signal, sys
    from pathlib import Path
    from retuned.daemon import durable_files
    os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
    durable_files.write_json(Path(sys.argv[1]), {"a": 1})
"""


def test_a_writer_that_is_killed_leaves_what_the_next_sweep_removes(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "x.json"], check=False, timeout=60)
    assert killed.returncode == -9
    assert len(left(tmp_path)) == 1
    sweep((tmp_path,))
    assert left(tmp_path) == []


def test_a_write_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        replace_json(tmp_path / "x.json", {"a": object()})
    assert left(tmp_path) == []


def test_a_campaigns_folders_are_swept(tmp_path, dead, living):
    spool = Spool(tmp_path)
    places = ["legs/a.a1/.exit.json", "legs/a.a1/.trial.json", "workers/w/.worker.json", ".training.json",
              "fusing/.kind.json"]  # fmt: skip
    for place in places:
        for pid in (dead, living):
            path = tmp_path / f"{place}.{pid}.part"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("half")
    (tmp_path / "000001-a.a1.new").write_text("")
    spool.sweep()
    assert [name for name in left(tmp_path) if name.endswith((".part", ".new"))] == sorted(
        f"{place}.{living}.part" for place in places
    )


def test_the_settings_folder_keeps_what_is_not_ours(tmp_path, dead):
    mine, others = tmp_path / f".live.json.{dead}.part", tmp_path / f".other.json.{dead}.part"
    mine.write_text("half")
    others.write_text("half")
    write_settings(tmp_path / "live.json", {"lr": 0.1}, ("lr",))
    assert left(tmp_path) == [others.name, "live.json"]


def test_the_service_sweeps_its_state_at_its_start(tmp_path, dead, living):
    config = Config(state=tmp_path)
    names = [f"backups/.retuned-1Z.sqlite3.{dead}.part", f"backups/.retuned-1Z.sqlite3.{dead}.part-journal",
             "backups/.retuned-1Z.sqlite3.partial", ".retuned.sqlite3.new", "api.json.new",
             f"snapshots/toy/abc/.data.{dead}.part/a.csv"]  # fmt: skip
    kept = f"snapshots/toy/abc/.data.{living}.part"
    for name in (*names, kept):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("half")
    sweep_state(config)
    assert left(tmp_path) == ["backups", "snapshots", "snapshots/toy", "snapshots/toy/abc", kept]


def test_a_temporary_name_is_that_of_this_process(tmp_path):
    assert temporary_beside(tmp_path / "x").name == f".x.{os.getpid()}.part"
    remove(tmp_path)
