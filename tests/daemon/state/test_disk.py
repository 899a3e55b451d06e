"""A disk that fills up: the ballast is freed, acknowledged writes stay, and everything resumes when there is space."""

import contextlib
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.durable_files import NO_ROOM_CODE, free_inodes, has_room, is_no_room
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.disk import Disk, Marks, free_bytes
from retuned.daemon.state.faults import get_fact, recent_faults
from retuned.daemon.state.store import Store
from retuned.daemon.upkeep.doctor_findings import Case
from retuned.daemon.upkeep.doctor_state import check_disk
from retuned.strategies.errors import DiskFull

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 48 MiB."""
    yield from mount(tmp_path / "disk", "size=48m")


@pytest.fixture
def few_inodes(tmp_path):
    """A real file system of 2,000 inodes."""
    yield from mount(tmp_path / "disk", "size=200m,nr_inodes=2000")


def mount(folder, options):
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        reason = f"NOT TESTED: a full disk; no small file system can be mounted here: {mounted.stderr.strip()}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder, leave=0, name="filler"):
    """Take up all of the disk but so many bytes; the file that does it."""
    filler = folder / name
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while (room := free_bytes(folder) - leave) > 0:
            file.write(bytes(min(MIB, room)))
    return filler


def use_up(folder, leave=0):
    """Take up all inodes but so many; the folder that does it."""
    filler = folder / "files"
    filler.mkdir()
    with contextlib.suppress(OSError):
        for number in range(free_inodes(folder) - leave):
            (filler / str(number)).touch()
    return filler


def test_the_marks_leave_room_for_a_new_ballast_and_more():
    assert Marks.of(64 * MIB) == Marks(16 * MIB, 112 * MIB)
    assert Marks.of(1) == Marks(4 * MIB, 12 * MIB + 1)


def test_a_disk_with_room_gets_its_ballast(small_disk, clock):
    disk = Disk(Store(small_disk / "state"), 8 * MIB)
    disk.step(clock.now())
    assert not disk.is_full
    ballast = small_disk / "state" / "ballast"
    assert ballast.stat().st_blocks * 512 == 8 * MIB


def test_a_disk_without_room_to_spare_goes_without(small_disk, clock):
    disk = Disk(Store(small_disk / "state"), 40 * MIB)
    disk.step(clock.now())
    assert not (small_disk / "state" / "ballast").exists()
    assert not disk.is_full


def test_a_full_disk_is_told_and_recovers_only_with_room_to_spare(small_disk, clock):
    store = Store(small_disk / "state")
    disk = Disk(store, 8 * MIB)
    disk.step(clock.now())
    filler = fill(small_disk)
    disk.step(clock.now())
    assert disk.is_full
    assert not (small_disk / "state" / "ballast").exists()
    assert get_fact(store, "disk_mode")[0]["mode"] == "full"
    assert "has been full since 2026-01-31 09:00 UTC; free" in recent_faults(store)[0].sentence
    filler.unlink()
    fill(small_disk, leave=17 * MIB)  # a little more is not enough
    disk.step(clock.now())
    assert disk.is_full
    filler.unlink()
    clock.move(minutes=1)
    disk.step(clock.now())
    assert not disk.is_full
    assert get_fact(store, "disk_mode")[0]["mode"] == "normal"
    assert (small_disk / "state" / "ballast").exists()


def test_a_disk_without_inodes_is_full_and_recovers_with_inodes_to_spare(few_inodes, clock):
    store = Store(few_inodes / "state")
    disk = Disk(store, MIB)
    disk.step(clock.now())
    assert not disk.is_full
    filler = use_up(few_inodes)
    disk.step(clock.now())
    assert disk.is_full
    (fault,) = recent_faults(store)
    assert "MiB" not in fault.sentence
    assert re.search(r"; free \d{3} files \(inodes\) more there; nothing is lost", fault.sentence)
    shutil.rmtree(filler)
    filler = use_up(few_inodes, leave=500)
    clock.move(minutes=1)
    disk.step(clock.now())
    assert disk.is_full
    shutil.rmtree(filler)
    disk.step(clock.now())
    assert not disk.is_full


def test_the_doctor_sees_that_inodes_run_out(few_inodes, clock, tmp_path):
    Store(few_inodes / "state").close()
    case = Case(Config(state=few_inodes / "state"), {}, clock.now(), None, tmp_path, tmp_path, tmp_path / "mounts")
    few = [(finding.level, finding.sentence) for finding in check_disk(case) if "inodes" in finding.sentence]
    use_up(few_inodes, leave=100)
    none = [(finding.level, finding.sentence) for finding in check_disk(case) if "inodes" in finding.sentence]
    assert [level for level, _ in (*few, *none)] == ["warning", "error"]
    assert none[0][1].endswith(" more files (inodes) fit on the disk of the state folder")


def test_a_file_system_that_makes_inodes_as_it_needs_them_is_not_full(tmp_path, clock, monkeypatch):
    usage = list(os.statvfs(tmp_path))
    usage[5:8] = [0, 0, 0]  # total, free and available inodes, as btrfs says them
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(usage))
    disk = Disk(Store(tmp_path / "state"), MIB)
    disk.step(clock.now())
    assert (free_inodes(tmp_path), disk.is_full, has_room(tmp_path)) == (None, False, True)


def test_a_campaign_lives_through_a_disk_without_inodes(few_inodes, new_desk, tmp_path):
    undisturbed = new_desk(tmp_path)
    disturbed = new_desk(few_inodes)
    for desk in (undisturbed, disturbed):
        desk.register()
        desk.baseline()
        desk.write_data(optimum=-3.0, sleep_s=0.05)
    expected = undisturbed.retune(seed=1).verdict
    command = [sys.executable, "-m", "retuned.daemon", "--state", str(disturbed.config.state)]
    running = subprocess.Popen([*command, "retune", "toy", "--seed", "1", "--json"], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: ended(disturbed) >= 6)
    filler = use_up(few_inodes)
    time.sleep(3.0)
    assert running.poll() is None
    shutil.rmtree(filler)
    said, _ = running.communicate(timeout=120)
    assert json.loads(said)["verdict"]["outcome"] == expected.outcome.value
    campaign = find_campaign(disturbed.store, 2)
    assert campaign.verdict.to_json() | {"compute_s": 0} == expected.to_json() | {"compute_s": 0}
    legs = (few_inodes / "state" / "campaigns" / "2" / "legs").iterdir()
    assert [leg.name for leg in legs if not leg.name.endswith(".a1")] == []


@pytest.mark.parametrize("kind", ["inodes", "bytes"])
def test_a_process_that_finds_no_room_ends_with_a_code_of_its_own(few_inodes, new_desk, kind):
    desk = new_desk(few_inodes)
    desk.register()
    use_up(few_inodes) if kind == "inodes" else fill(few_inodes)
    command = [sys.executable, "-m", "retuned.daemon", "--state", str(desk.config.state), "campaign", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, "Traceback" in done.stderr) == (NO_ROOM_CODE, False)
    assert find_campaign(desk.store, 1).is_open


@pytest.mark.parametrize("kind", ["inodes", "bytes"])
def test_a_database_that_cannot_be_opened_for_lack_of_room_says_so(few_inodes, kind):
    Store(few_inodes / "state").close()
    use_up(few_inodes) if kind == "inodes" else fill(few_inodes)
    with pytest.raises(DiskFull, match="is full; what has been written is safe"):
        Store(few_inodes / "state")


def test_a_lack_of_room_is_known_by_its_number_also_of_a_quota():
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOENT)
    assert [is_no_room(OSError(number, "")) for number in numbers] == [True, True, False, False]


def test_a_write_to_a_full_disk_is_one_line_and_loses_nothing_that_was_written(small_disk):
    store = Store(small_disk / "state")
    with store.transaction():
        store.change("INSERT INTO service_facts VALUES ('kept', '1', '2026-01-01')")
    fill(small_disk)
    with pytest.raises(DiskFull, match="is full; what has been written is safe; free some space"):
        write_much(store)
    assert [row["name"] for row in store.rows("SELECT name FROM service_facts")] == ["kept"]


def write_much(store):
    for number in range(64):
        with store.transaction():
            store.change("INSERT INTO service_facts VALUES (?, ?, '')", (f"much {number}", "x" * 200_000))
            if number == 63:
                pytest.fail("the disk is not full")
        if number >= 0:
            with store.transaction():
                store.change("DELETE FROM service_facts WHERE name LIKE 'much%'")


def test_a_campaign_lives_through_a_full_disk(small_disk, new_desk, tmp_path):
    undisturbed = new_desk(tmp_path)
    disturbed = new_desk(small_disk)
    for desk in (undisturbed, disturbed):
        desk.register()
        desk.baseline()
        desk.write_data(optimum=-3.0, sleep_s=0.05)
    expected = undisturbed.retune(seed=1).verdict
    disk, clock = Disk(disturbed.store, 8 * MIB), SystemClock()
    disk.step(clock.now())
    command = [sys.executable, "-m", "retuned.daemon", "--state", str(disturbed.config.state)]
    running = subprocess.Popen([*command, "retune", "toy", "--seed", "1", "--json"], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: ended(disturbed) >= 6)
    filler = fill(small_disk)
    acknowledged = {result.request.name: result for result in results_of(disturbed.store, 2)}
    time.sleep(0.3)
    disk.step(clock.now())
    assert disk.is_full
    second = fill(small_disk, name="second")  # whatever else runs there takes the room of the ballast as well
    time.sleep(2.0)
    assert running.poll() is None
    kept = {result.request.name: result for result in results_of(disturbed.store, 2)}
    assert acknowledged.items() <= kept.items()
    filler.unlink()
    second.unlink()
    disk.step(clock.now() + timedelta(seconds=1))
    assert not disk.is_full
    said, _ = running.communicate(timeout=120)
    assert json.loads(said)["verdict"]["outcome"] == expected.outcome.value
    campaign = find_campaign(disturbed.store, 2)
    assert campaign.verdict.to_json() | {"compute_s": 0} == expected.to_json() | {"compute_s": 0}
    final = {result.request.name: result for result in results_of(disturbed.store, 2)}
    assert acknowledged.items() <= final.items()


def ended(desk):
    return desk.store.row("SELECT count(ended) AS n FROM legs WHERE campaign_id = 2")["n"]


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
