"""How far a campaign has got."""

from dataclasses import dataclass
from datetime import datetime

from ...strategies.legs.names import full_run, read_name
from ...strategies.records import SECOND_STAGE, LegEnd, Purpose, Role
from ..state.campaigns.campaigns import Campaign
from ..state.campaigns.legs import leg_states
from ..state.store import Store


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress in counts and scores. Scores are from development rows, higher is better; None: no run ended yet.

    `pairs` are those of the stage that runs; `is_second`: the second one has begun.
    """

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
    is_second: bool = False


def progress_of(store: Store, campaign: Campaign) -> Progress:
    """The campaign's progress, from its rows."""
    facts, states = campaign.facts, leg_states(store, campaign.id)
    legs = [(read_name(state.name), state) for state in states]
    at_rungs = [(leg, state) for leg, state in legs if leg.rung is not None]
    rung = max((leg.rung for leg, _ in at_rungs if leg.rung is not None), default=None)
    top = [(leg, state) for leg, state in at_rungs if leg.rung == rung]
    scores = {leg.number: state.score for leg, state in top if state.score is not None}
    incumbent = scores.pop(0, None)
    if facts.panda is not None:
        scores = {day_end.day: day_end.score for day_end in facts.panda.day_ends if day_end.score is not None}
    done = {state.name for state in states if state.end is not None}
    challengers = [leg.number for leg, state in legs if leg.role is Role.CHALLENGER and state.end is not None]
    start = 0 if facts.first is None else SECOND_STAGE
    return Progress(
        phase=campaign.phase,
        planned=len(legs),
        ended=len(done),
        failed=sum(state.end not in (None, LegEnd.COMPLETED, LegEnd.STOPPED) for state in states),
        trials=len({leg.number for leg, _ in legs if leg.is_of_search}),
        alive=sum(state.end in (None, LegEnd.COMPLETED) for _, state in top),
        rung=rung if facts.panda is None else None,
        pairs=sum(
            number >= start and full_run(Purpose.CONFIRM, Role.INCUMBENT, number) in done for number in challengers
        ),
        incumbent=incumbent,
        best=max(scores.values(), default=None),
        compute_s=sum(state.seconds or 0.0 for state in states),
        started_at=campaign.started_at,
        seconds_expected=None if facts.chosen is None else facts.chosen.seconds_expected,
        stopped=sum(state.end is LegEnd.STOPPED for state in states),
        is_second=facts.first is not None,
    )
