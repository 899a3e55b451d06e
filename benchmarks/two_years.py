"""Two simulated years of due dates with a handed-in clock, while everything happens to the daemon and to the clock.

    python benchmarks/two_years.py --out benchmarks/results/two_years.json

Models of mixed schedules; the daemon is down for hours to weeks, is killed by SIGKILL in the middle of a round, and
its clock jumps ahead and back. What should have been due is worked out here, by other means than the code under test.
Exit code 1 where a due date was lost or ran twice.
"""

import argparse
import calendar
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from machine import header, print_table, write_record
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.config.schedule_tables import HouseScheduleTable
from retuned.daemon.service.schedule import queue_due
from retuned.daemon.state.models.registry import find_model, register
from retuned.daemon.state.store import Store, from_text, to_text

START, DAYS = datetime(2027, 11, 30, 9, 30, tzinfo=UTC), 731  # over a leap day
BERLIN = ZoneInfo("Europe/Berlin")
HOUSE = HouseScheduleTable(timezone="Europe/Berlin")
RULES = (
    'every = "3 months"',
    'every = "1 month"',
    'every = "2 weeks"',
    'every = "1 year"',
    'every = "auto"',
    'every = "3 months"\njitter = "5d"',
    'cron = "0 3 1 */3 *"',
    'cron = "30 2 * * sun"',
)
MODEL = """
name = "{name}"
owner = "study"
[training]
command = ["true", "{{lr}}"]
budget = {{steps = 1}}
[objective]
metric = "score"
direction = "maximize"
[hyperparameters.lr]
type = "float"
low = 0.1
high = 1.0
value = 0.5
[schedule]
{rule}
"""


@dataclass
class World:
    """The simulated machine: true time, what its clock shows, whether the daemon runs, and what happened."""

    state: Path
    draw: random.Random
    true: datetime = START
    offset: timedelta = timedelta()
    down_until: datetime = START
    events: Counter[str] = field(default_factory=Counter)
    ran_at: dict[int, datetime] = field(default_factory=dict)  # true times by campaign

    @property
    def shown(self) -> datetime:
        """What the machine's clock shows."""
        return self.true + self.offset


def main() -> int:
    """Live two years, then compare with what should have been due."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "two_years.json")
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        register_all(state, options.models)
        world = live(World(state, random.Random(options.seed)))
        counts = compared(Store(state / "state"), options.models, world.ran_at)
    print_table("what happened", [dict(world.events)])
    print_table("due dates", [counts])
    command = f"python benchmarks/two_years.py --models {options.models} --seed {options.seed}"
    seconds = round(time.perf_counter() - started, 1)
    events = dict(sorted(world.events.items()))
    write_record(options.out, header(command) | {"seconds": seconds, "events": events, "due_dates": counts})
    return 1 if counts["lost"] or counts["run_twice"] or counts["never_due"] else 0


def register_all(state: Path, models: int) -> None:
    """Models of every kind of schedule, registered over three days, their baselines out of the way."""
    store = Store(state / "state")
    for number in range(models):
        path = state / f"{number}.toml"
        path.write_text(MODEL.format(name=f"m{number}", rule=RULES[number % len(RULES)]))
        moment = START + timedelta(minutes=number * 4 % 4000)
        register(store, load_model_file(path), path, moment, HOUSE)
    end_campaigns(store, moment, 1, 0)
    store.close()


def live(world: World) -> World:
    """Two years in rounds of some hours; the daemon ticks in each in which it runs."""
    end = START + timedelta(days=DAYS)
    store = Store(world.state / "state")
    while world.true < end:
        world.true += timedelta(minutes=world.draw.choice((10, 60, 300, 300, 600)))
        happen(world)
        if world.true < world.down_until:
            world.events["rounds_while_down"] += 1
            continue
        if world.draw.random() < 0.15:
            store.close()
            store = Store(world.state / "state")
            killed_round(world)
        else:
            queue_due(store, world.shown, HOUSE)
            world.events["rounds"] += 1
        take_note(store, world)
        end_campaigns(store, world.shown, 3, world.events["rounds"])
    world.offset = timedelta()
    for _ in range(3):  # two years have passed: what is open ends, what was missed runs late
        end_campaigns(store, world.true, 1, 0)
        queue_due(store, world.true, HOUSE)
        take_note(store, world)
    end_campaigns(store, world.true, 1, 0)
    store.close()
    return world


def take_note(store: Store, world: World) -> None:
    """Remember the true time at which the newest campaigns were queued."""
    for row in store.rows("SELECT id FROM campaigns WHERE id > ?", (max(world.ran_at, default=0),)):
        world.ran_at[row["id"]] = world.true


def happen(world: World) -> None:
    """Downtimes and jumps of the clock, at random."""
    draw = world.draw.random()
    if draw < 0.01:
        world.down_until = world.true + timedelta(hours=world.draw.choice((3, 20, 100, 400, 1200)))
        world.events["downtimes"] += 1
    elif draw < 0.015:
        world.offset = timedelta(days=world.draw.choice((-40, -3, -0.1, 0.2, 5, 45, 400)))
        world.events["clock_jumps"] += 1
    elif draw < 0.15 and world.offset:
        world.offset = timedelta()
        world.events["clock_jumps"] += 1


def killed_round(world: World) -> None:
    """One round in a process of its own, killed by SIGKILL some milliseconds after its start."""
    child = os.fork()
    if child == 0:
        try:
            queue_due(Store(world.state / "state"), world.shown, HOUSE)
        finally:
            os._exit(0)
    time.sleep(world.draw.uniform(0.0, 0.03))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    world.events["kills" if os.WIFSIGNALED(status) else "rounds"] += 1


def end_campaigns(store: Store, now: datetime, share: int, shift: int) -> None:
    """End every share-th of the open campaigns."""
    with store.transaction():
        store.change(
            "UPDATE campaigns SET phase = 'done', ended_at = ? WHERE ended_at IS NULL AND (id * 7 + ?) % ? = 0",
            (to_text(now), shift, share),
        )


def compared(store: Store, models: int, ran_at: dict[int, datetime]) -> dict[str, int]:
    """How each date that should have been due fared, by true time; a date is covered by its own campaign, or by an
    earlier date's that was late and ran after it."""
    end = START + timedelta(days=DAYS)
    found: Counter[str] = Counter({"lost": 0, "run_twice": 0, "never_due": 0})
    for number in range(models):
        model = find_model(store, f"m{number}")
        rows = store.rows("SELECT id, due_at FROM campaigns WHERE model_id = ? AND kind = 'retune'", (model.id,))
        runs = [(from_text(row["due_at"]), ran_at[row["id"]]) for row in rows]
        own = Counter(due for due, _ in runs)
        expected = set(wanted(RULES[number % len(RULES)], model.registered_at, end, runs))
        found["due_dates"] += len(expected)
        found["run_twice"] += sum(count - 1 for count in own.values())
        found["never_due"] += sum(due not in expected and due <= end for due in own)
        for due in expected:
            if due in own:
                ran = next(ran for each, ran in runs if each == due)
                late = ran - due
                kind = "ahead" if late < timedelta() else "in_time" if late < timedelta(days=1) else "late"
                found[f"run_{kind}"] += 1
            elif any(each < due <= ran for each, ran in runs):
                found["missed_with_an_earlier_one_that_ran_late"] += 1
            else:
                found["lost"] += 1
    return dict(sorted(found.items()))


def wanted(rule: str, anchor: datetime, end: datetime, runs: list[Any]) -> Iterator[datetime]:
    """The dates that the rule means, worked out by hand."""
    jitter = timedelta()
    if "jitter" in rule:
        jitter = min(due for due, _ in runs) - months_on(anchor, 3)
        assert timedelta() <= jitter < timedelta(days=5)
    for due in _dates(rule, anchor, end):
        if anchor < due + jitter <= end:
            yield due + jitter


def _dates(rule: str, anchor: datetime, end: datetime) -> Iterator[datetime]:
    days = {"2 weeks": 14, "auto": 91}
    months = {"3 months": 3, "1 month": 1, "1 year": 12}
    for text, count in months.items():
        if f'"{text}"' in rule:
            yield from (months_on(anchor, count * number) for number in range(1, 30))
    for text, count in days.items():
        if f'"{text}"' in rule:
            yield from (anchor + timedelta(days=count * number) for number in range(1, 60))
    if rule == 'cron = "0 3 1 */3 *"':
        for year in range(START.year, end.year + 1):
            for month in (1, 4, 7, 10):
                yield datetime(year, month, 1, 3, tzinfo=BERLIN).astimezone(UTC)
    if rule == 'cron = "30 2 * * sun"':
        day = datetime(START.year, START.month, 1, tzinfo=UTC)
        while day < end:
            if day.weekday() == calendar.SUNDAY:  # on the last Sunday of March 2:30 is not there: it is 3:30
                yield day.replace(hour=2, minute=30, tzinfo=BERLIN).astimezone(UTC)
            day += timedelta(days=1)


def months_on(anchor: datetime, months: int) -> datetime:
    """The same day so many months later, or that month's last day."""
    year, month = divmod(anchor.month - 1 + months, 12)
    year, month = anchor.year + year, month + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, calendar.monthrange(year, month)[1]))


if __name__ == "__main__":
    raise SystemExit(main())
