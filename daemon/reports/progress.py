"""How far a campaign is."""

from dataclasses import dataclass
from datetime import datetime

from ...strategies.legs.names import full_run, read_name
from ...strategies.records import LegEnd, Purpose, Role
from ..state.campaigns import Campaign
from ..state.store import Store


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a campaign stands. Scores are development scores, higher is better; None: nothing ended yet."""

    phase: str
    planned: int
    ended: int
    failed: int
    trials: int
    alive: int
    rung: int | None
    pairs: int
    incumbent: float | None
    best: float | None
    compute_s: float
    started_at: datetime | None
    seconds_expected: float | None
    stopped: int = 0  # ended early, as hopeless


def progress_of(store: Store, campaign: Campaign) -> Progress:
    """Where the campaign stands, from its rows."""
    rows = store.rows(
        "SELECT name, ended, score, seconds FROM legs WHERE campaign_id = ? ORDER BY rowid", (campaign.id,)
    )
    facts, legs = campaign.facts, [(read_name(row["name"]), row) for row in rows]
    at_rungs = [(leg, row) for leg, row in legs if leg.rung is not None]
    rung = max((leg.rung for leg, _ in at_rungs if leg.rung is not None), default=None)
    top = [(leg, row) for leg, row in at_rungs if leg.rung == rung]
    scores = {leg.number: row["score"] for leg, row in top if row["score"] is not None}
    incumbent = scores.pop(0, None)
    if facts.panda is not None:
        scores = {evening.day: evening.score for evening in facts.panda.evenings}
    done = {row["name"] for row in rows if row["ended"] is not None}
    challengers = [leg.number for leg, row in legs if leg.role is Role.CHALLENGER and row["ended"] is not None]
    return Progress(
        phase=campaign.phase,
        planned=len(rows),
        ended=len(done),
        failed=sum(row["ended"] not in (None, LegEnd.COMPLETED.value, LegEnd.STOPPED.value) for row in rows),
        trials=len({leg.number for leg, _ in legs if leg.is_of_search}),
        alive=sum(row["ended"] in (None, "completed") for _, row in top),
        rung=rung if facts.panda is None else None,
        pairs=sum(full_run(Purpose.CONFIRM, Role.INCUMBENT, number) in done for number in challengers),
        incumbent=incumbent,
        best=max(scores.values(), default=None),
        compute_s=sum(row["seconds"] or 0.0 for row in rows),
        started_at=campaign.started_at,
        seconds_expected=None if facts.chosen is None else facts.chosen.seconds_expected,
        stopped=sum(row["ended"] == LegEnd.STOPPED.value for row in rows),
    )
