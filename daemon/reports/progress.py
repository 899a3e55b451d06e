"""How far a campaign is."""

from dataclasses import dataclass
from datetime import datetime

from ...strategies.records import LegEnd
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
    diary = campaign.facts.get("panda")
    days = [row for row in rows if row["name"].startswith("search.") and ".d" in row["name"]]
    search = [row for row in rows if row["name"].startswith("search.") and ".r" in row["name"]]
    rungs = [int(row["name"].rpartition(".r")[2]) for row in search]
    rung = max(rungs, default=None)
    top = [row for row, at in zip(search, rungs, strict=True) if at == rung and row["score"] is not None]
    scores = {row["name"].rpartition(".r")[0]: row["score"] for row in top}
    incumbent = scores.pop("search.000", None)
    if diary is not None:
        scores = {str(one["day"]): one["score"] for one in diary["evenings"]}
    done = {row["name"] for row in rows if row["ended"] is not None}
    return Progress(
        phase=campaign.phase,
        planned=len(rows),
        ended=len(done),
        failed=sum(row["ended"] not in (None, LegEnd.COMPLETED.value, LegEnd.STOPPED.value) for row in rows),
        trials=len({row["name"].rpartition(".")[0] for row in (*search, *days)}),
        alive=sum(at == rung and row["ended"] in (None, "completed") for row, at in zip(search, rungs, strict=True)),
        rung=rung if diary is None else None,
        pairs=sum(name.replace(".c", ".i") in done for name in done if name.startswith("confirm.c")),
        incumbent=incumbent,
        best=max(scores.values(), default=None),
        compute_s=sum(row["seconds"] or 0.0 for row in rows),
        started_at=campaign.started_at,
        seconds_expected=campaign.facts.get("seconds_expected"),
        stopped=sum(row["ended"] == LegEnd.STOPPED.value for row in rows),
    )
