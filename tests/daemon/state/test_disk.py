"""A disk that fills up: the ballast is given free, what is acknowledged stays, and all goes on when there is room."""

import contextlib
import json
import os
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.disk import Disk, Marks, free_bytes
from retuned.daemon.state.faults import get_fact, recent_faults
from retuned.daemon.state.store import Store
from retuned.strategies.errors import DiskFull

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 48 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], capture_output=True, text=True, check=False
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
    assert "is full since 2026-01-31 09:00 UTC; free" in recent_faults(store)[0].sentence
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


def test_a_write_to_a_full_disk_is_one_line_and_loses_nothing_that_was_written(small_disk):
    store = Store(small_disk / "state")
    with store.transaction():
        store.change("INSERT INTO service_facts VALUES ('kept', '1', '2026-01-01')")
    fill(small_disk)
    with pytest.raises(DiskFull, match="is full; what was written until now stays; free some space"):
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
