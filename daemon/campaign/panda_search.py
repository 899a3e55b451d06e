"""A panda through a runner: its days one after another, its diary in the record, and what people ask of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ...strategies.panda.diary import Nudging, Wish
from ...strategies.panda.panda import DAYS, Diary, decide, moved_by_panda
from ...strategies.panda.task import PandaRules, PandaTask
from ...strategies.records import LegRequest
from ...strategies.schedule.due import parse_duration_s
from ...strategies.search.task import Finished, SearchTask
from ..foreign_files import remove
from .context import Job


def run_panda(job: Job, task: PandaTask) -> Finished:
    """Let the panda live day after day until it names its challenger. Each decision follows from recorded legs and
    wishes alone; a wish gets the first day that is not planned yet, before that day is decided."""
    while True:
        task = replace(task, rules=replace(task.rules, wishes=_wishes(job.campaign.facts)))
        answer, diary = decide(task, job.desk.search_results)
        if isinstance(answer, Finished):
            job.lease.advance("search", {"panda": diary_facts(diary)}, job.clock.now())
            return answer
        if any(wish.day is None for wish in task.rules.wishes):
            _give_days(job, diary.days + 1)
            continue
        job.lease.advance("search", {"panda": diary_facts(diary)}, job.clock.now())
        job.desk.run(answer.legs)
        _forget(job, diary, answer.legs)


def panda_task(job: Job, search: SearchTask, lives: int) -> PandaTask:
    """How the owner wants the panda brought up."""
    table, moves = job.file.search, moved_by_panda(search.space, search.incumbent)
    day_s = parse_duration_s(table.day) if isinstance(table.day, str) else None
    day = None if day_s is not None else float(table.day or search.budget / DAYS)
    return PandaTask(PandaRules(search, moves, day, day_s, Nudging(table.nudge)), lives)


def diary_facts(diary: Diary) -> dict[str, Any]:
    """The diary as JSON values, for whoever watches and for the page."""
    return {
        "evenings": [asdict(evening) for evening in diary.evenings],
        "nudges": [{**asdict(nudge), "sentence": nudge.sentence} for nudge in diary.nudges],
        "best_trial": diary.best_trial,
        "days": diary.days,
    }


def _forget(job: Job, diary: Diary, legs: Sequence[LegRequest]) -> None:
    """Remove the checkpoints of days that cannot be gone back to any more: a life may last for weeks."""
    kept = diary.ring | {leg.name for leg in legs}
    if not diary.ring:
        return
    for checkpoint in (job.lease.folder / "legs").glob("search.*.d*/checkpoint"):
        if checkpoint.parent.name.rpartition(".a")[0] not in kept:
            remove(checkpoint)


def _wishes(facts: Mapping[str, Any]) -> tuple[Wish, ...]:
    return tuple(Wish.from_json(found) for found in facts.get("wishes", ()))


def _give_days(job: Job, next_day: int) -> None:
    """Give the wishes that have none the next day, or the one after where that is under way already."""
    is_planned = any(name.endswith(f".d{next_day:04d}") for name in job.lease.planned())

    def given(facts: Mapping[str, Any]) -> Mapping[str, Any]:
        day = next_day + is_planned
        wishes = [replace(wish, day=day) if wish.day is None else wish for wish in _wishes(facts)]
        return {"wishes": [wish.to_json() for wish in wishes]}

    job.lease.amend(given)
