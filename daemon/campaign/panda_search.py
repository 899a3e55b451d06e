"""A panda search: its days one after another, its diary in the record, and the wishes of people."""

from collections.abc import Sequence
from dataclasses import replace

from ...strategies.legs.names import read_name
from ...strategies.panda.diary import Nudging
from ...strategies.panda.moved import moved_by_panda
from ...strategies.panda.panda import DAYS, Diary, decide
from ...strategies.panda.task import PandaRules, PandaTask
from ...strategies.records import LegRequest
from ...strategies.schedule.due import parse_duration_s
from ...strategies.search.task import Finished, SearchTask
from ..foreign_files import remove
from ..state.campaigns.campaign_facts import CampaignFacts
from ..state.campaigns.phase_records import PandaDiary
from ..training.spool import leg_in
from .context import CampaignContext


def run_panda(context: CampaignContext, task: PandaTask) -> Finished:
    """The end of the search, after the panda's lives were trained day by day. Each decision follows from recorded legs
    and wishes alone; a wish is given the first day that is not planned yet, before that day is decided."""
    while True:
        task = replace(task, rules=replace(task.rules, wishes=context.campaign.facts.wishes))
        decision, diary = decide(task, context.runs.search_results)
        if isinstance(decision, Finished):
            _record(context, diary)
            return decision
        if any(wish.day is None for wish in task.rules.wishes):
            _give_days(context, diary.days + 1)
            continue
        _record(context, diary)
        context.runs.run(decision.legs)
        _forget(context, diary, decision.legs)


def panda_task(context: CampaignContext, search: SearchTask, lives: int) -> PandaTask:
    """The owner's rules for a panda search, with the length of a day, and the number of lives."""
    table, moves = context.file.search, moved_by_panda(search.space, search.incumbent)
    day_s = parse_duration_s(table.day) if isinstance(table.day, str) else None
    day = None if day_s is not None else float(table.day or search.budget / DAYS)
    return PandaTask(PandaRules(search, moves, day, day_s, Nudging(table.nudge)), lives)


def _record(context: CampaignContext, diary: Diary) -> None:
    """Record the diary for watchers and for the page."""
    recorded = PandaDiary(diary.day_ends, diary.nudges, diary.best_trial, diary.days)
    context.lease.advance("search", lambda facts: replace(facts, panda=recorded), context.clock.now())


def _forget(context: CampaignContext, diary: Diary, legs: Sequence[LegRequest]) -> None:
    """Remove the checkpoints of days that can no longer be rolled back to: a life may last for weeks."""
    needed = diary.ring | {leg.name for leg in legs}
    if not diary.ring:
        return
    for checkpoint in (context.lease.folder / "legs").glob("*/checkpoint"):
        leg = leg_in(checkpoint.parent)
        if read_name(leg).day is not None and leg not in needed:
            remove(checkpoint)


def _give_days(context: CampaignContext, next_day: int) -> None:
    """Give the wishes without a day the next day, or the one after if the next is already under way."""
    is_planned = any(read_name(name).day == next_day for name in context.lease.planned())

    def with_days(facts: CampaignFacts) -> CampaignFacts:
        day = next_day + is_planned
        wishes = (replace(wish, day=day) if wish.day is None else wish for wish in facts.wishes)
        return replace(facts, wishes=tuple(wishes))

    context.lease.amend(with_days)
