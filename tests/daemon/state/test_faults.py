"""What went wrong lately, and what the service knows of itself."""

import subprocess
import sys
from datetime import timedelta

from retuned.daemon.state.faults import KEPT, get_fact, note_fault, recent_faults, set_fact

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from retuned.daemon.state.faults import note_fault
from retuned.daemon.state.store import Store
store = Store(Path(sys.argv[1]))
for number in range(30):
    note_fault(store, sys.argv[2], f"fault {number}", datetime.now(UTC))
"""


def test_the_newest_come_first_and_an_equal_one_is_not_told_twice(desk, clock):
    for sentence in ("a\n failed", "b failed", "a failed"):
        note_fault(desk.store, "looks", sentence, clock.now())
        clock.move(minutes=1)
    found = recent_faults(desk.store)
    assert [fault.sentence for fault in found] == ["a failed", "b failed"]
    assert found[0].at - found[1].at == timedelta(minutes=1)


def test_the_same_sentence_of_another_part_is_another_fault(desk, clock):
    note_fault(desk.store, "looks", "failed", clock.now())
    note_fault(desk.store, "queue", "failed", clock.now())
    assert len(recent_faults(desk.store)) == 2


def test_only_the_newest_are_kept(desk, clock):
    for number in range(KEPT + 30):
        note_fault(desk.store, "looks", f"fault {number}", clock.now())
    assert len(recent_faults(desk.store, 10_000)) == KEPT
    assert recent_faults(desk.store, 1)[0].sentence == f"fault {KEPT + 29}"


def test_processes_that_write_at_once_lose_nothing(desk):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, desk.config.state, name]) for name in ("one", "two")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert len(recent_faults(desk.store, 100)) == 60


def test_a_fact_is_any_json_and_knows_its_time(desk, clock):
    assert get_fact(desk.store, "mode") is None
    set_fact(desk.store, "mode", {"full": [1, None]}, clock.now())
    clock.move(hours=1)
    set_fact(desk.store, "mode", "normal", clock.now())
    assert get_fact(desk.store, "mode") == ("normal", clock.now())
