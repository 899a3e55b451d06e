"""How far a campaign is."""

from dataclasses import dataclass
from datetime import datetime

from ...strategies.records import LegEnd
from ..state.campaigns import Campaign
from ..state.legs import leg_states
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
    legs = leg_states(store, campaign.id)
    diary = campaign.facts.get("panda")
    days = [leg for leg in legs if leg.name.startswith("search.") and ".d" in leg.name]
    search = [leg for leg in legs if leg.name.startswith("search.") and ".r" in leg.name]
    rungs = [int(leg.name.rpartition(".r")[2]) for leg in search]
    rung = max(rungs, default=None)
    top = [leg for leg, at in zip(search, rungs, strict=True) if at == rung]
    scores = {leg.name.rpartition(".r")[0]: leg.score for leg in top if leg.score is not None}
    incumbent = scores.pop("search.000", None)
    if diary is not None:
        scores = {str(one["day"]): one["score"] for one in diary["evenings"]}
    done = {leg.name for leg in legs if leg.end is not None}
    return Progress(
        phase=campaign.phase,
        planned=len(legs),
        ended=len(done),
        failed=sum(leg.end not in (None, LegEnd.COMPLETED, LegEnd.STOPPED) for leg in legs),
        trials=len({leg.name.rpartition(".")[0] for leg in (*search, *days)}),
        alive=sum(at == rung and leg.end in (None, LegEnd.COMPLETED) for leg, at in zip(search, rungs, strict=True)),
        rung=rung if diary is None else None,
        pairs=sum(name.replace(".c", ".i") in done for name in done if name.startswith("confirm.c")),
        incumbent=incumbent,
        best=max(scores.values(), default=None),
        compute_s=sum(leg.seconds or 0.0 for leg in legs),
        started_at=campaign.started_at,
        seconds_expected=campaign.facts.get("seconds_expected"),
        stopped=sum(leg.end is LegEnd.STOPPED for leg in legs),
    )
