"""The fleet for a page: one row a model, the one that needs its owner most first, and counts over all of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ....strategies.records import Outcome
from ....strategies.verdict.verdict_records import Verdict
from ..alert_rows import OF_CHANGE, answers_of
from ..database_errors import of_row
from ..outbox import untold_models
from ..paging import checked_limit
from ..store import Row, Store, from_text, moment_or_none, to_text

LAST_VERDICTS = 8
NO_VERDICT = "none"


class Condition(StrEnum):
    """How a model stands, the worst first: the first that holds of its verdict, of what it waits for and of what could
    not be told about it."""

    BROKEN = Outcome.BROKEN.value
    STALE = Outcome.STALE.value
    UNTOLD = "not told"  # a message about an alert of it was given up
    DEGRADED = Outcome.DEGRADED.value
    OVERDUE = "overdue"
    SUSPECT = "suspect data"
    INCONCLUSIVE = Outcome.INCONCLUSIVE.value
    NEW = "no verdict yet"
    FRESH = Outcome.FRESH.value
    RESTING = "resting"  # paused or retired


CONDITIONS = tuple(Condition)

_LAST = """SELECT id FROM campaigns WHERE campaigns.model_id = models.id AND kind = 'retune'
    AND verdict IS NOT NULL ORDER BY id DESC LIMIT 1"""

_OPEN = "SELECT model_id FROM campaigns WHERE ended_at IS NULL"
_ROWS = f"""WITH fleet AS (
    SELECT models.id, models.name, models.state, models.next_due_at, models.settings_version,
        body ->> '$.owner' AS owner, body -> '$.alerts.tags' AS tags, body ->> '$.objective.metric' AS metric,
        body ->> '$.objective.direction' AS direction, settings.created_at AS settings_since,
        coalesce(judged.verdict ->> '$.outcome', '{NO_VERDICT}') AS outcome, judged.verdict, judged.id AS judged_id,
        judged.ended_at AS judged_at, judged.settings_version AS judged_version,
        models.state = 'active' AND models.next_due_at < :late AND models.id NOT IN ({_OPEN}) AS is_late,
        models.id IN (SELECT value FROM json_each(:untold)) AS is_untold
    FROM models
    JOIN model_versions ON model_versions.model_id = models.id AND model_versions.version = models.version
    JOIN settings ON settings.model_id = models.id AND settings.version = models.settings_version
    LEFT JOIN campaigns AS judged ON judged.id = ({_LAST}))"""  # noqa: S608 - our own words

_HOLDS = {
    Condition.UNTOLD: "is_untold",
    Condition.OVERDUE: "is_late",
    Condition.SUSPECT: "json_array_length(verdict, '$.suspicions') > 0",
    Condition.NEW: f"outcome = '{NO_VERDICT}'",
    Condition.RESTING: "state <> 'active'",
    **{Condition(outcome.value): f"outcome = '{outcome.value}'" for outcome in Outcome},
}
_WHENS = (  # who rests is asked nothing else
    f"WHEN {_HOLDS[condition]} THEN {CONDITIONS.index(condition)}" for condition in (Condition.RESTING, *CONDITIONS)
)
_RANK = f"CASE {' '.join(_WHENS)} END"
_ORDERS = {
    "worst": f"{_RANK}, name",
    "name": "name",
    "owner": "owner, name",
    "due": "next_due_at IS NULL, next_due_at, name",
    "judged": "judged_at DESC, name",
    "running": f"id NOT IN ({_OPEN} AND started_at IS NOT NULL), id NOT IN ({_OPEN}), name",
}
ORDERS = tuple(_ORDERS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the fleet to show; None: any. `text` is looked for in names and owners; `verdict` is an outcome's value,
    or NO_VERDICT; `change` what open alerts of several models have in common; `order` one of ORDERS; `page` counts
    from 1."""

    text: str = ""
    owner: str | None = None
    tag: str | None = None
    verdict: str | None = None
    change: str | None = None
    order: str = "worst"
    page: int = 1


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier verdict: its outcome, when, and the mean scores in the metric's own sign, where pairs were run."""

    campaign: int
    outcome: Outcome
    ended_at: datetime
    stored: float | None
    challenger: float | None


@dataclass(frozen=True, slots=True)
class FleetModel:
    """A model's row. `verdict` None: it has none yet; `is_of_current`: whether it is about the current settings.

    `running`: the open campaigns as (number, kind, phase, why it waits). `past`: the last verdicts, oldest first.
    `untold`: why the last message about it was given up; None: none was. `unanswered`, `snoozed`: alerts of it that
    are open, and that are put off.
    """

    name: str
    owner: str
    tags: tuple[str, ...]
    state: str
    condition: Condition
    metric: str
    lower_is_better: bool
    settings_version: int
    settings_since: datetime
    next_due_at: datetime | None
    verdict: Verdict | None
    judged_by: int | None
    judged_at: datetime | None
    is_of_current: bool
    running: tuple[tuple[int, str, str, str | None], ...]
    past: tuple[Past, ...]
    is_late: bool
    untold: str | None
    unanswered: int
    snoozed: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Models in use by last verdict, those that are paused or retired, and those due since a day or more."""

    by_verdict: Mapping[str, int]
    resting: int
    overdue: int
    oldest_due_at: datetime | None

    @property
    def active(self) -> int:
        """How many are in use."""
        return sum(self.by_verdict.values())


def fleet_page(store: Store, wanted: Wanted, limit: int, late: datetime) -> tuple[tuple[FleetModel, ...], int]:
    """The models of a page, and how many there are on all pages; what was due before `late` is overdue."""
    limit = checked_limit(limit)
    untold = untold_models(store)
    conditions, asked = _conditions(wanted)
    values: dict[str, object] = asked | {"late": to_text(late), "untold": json.dumps(list(untold))}
    # the order needs little of a model: the rest is read of those on the page alone
    chosen = store.rows(
        f"{_ROWS} SELECT id, {_RANK} AS rank, count(*) OVER () AS n FROM fleet{conditions}"  # noqa: S608
        f" ORDER BY {_ORDERS[wanted.order]} LIMIT :limit OFFSET :skip",
        values | {"limit": limit, "skip": (wanted.page - 1) * limit},
    )
    numbers = [row["id"] for row in chosen]
    of_page = f"{_ROWS} SELECT * FROM fleet WHERE id IN (SELECT value FROM json_each(:numbers))"  # noqa: S608 - ours
    found = {row["id"]: row for row in store.rows(of_page, values | {"numbers": json.dumps(numbers)})}
    around = _Around(untold, _open_of(store, numbers), _past_of(store, numbers), answers_of(store, numbers))
    rows = tuple(_model({**found[row["id"]], "rank": row["rank"]}, around) for row in chosen)
    return rows, chosen[0]["n"] if chosen else _count(store, conditions, values)


def fleet_counts(store: Store, overdue_since: datetime) -> Counts:
    """Counts over the whole fleet; overdue is what was due before `overdue_since` and has not run since."""
    rows = store.rows(
        f"{_ROWS} SELECT state = 'active' AS is_active, outcome, count(*) AS n FROM fleet GROUP BY 1, 2",  # noqa: S608
        {"late": "", "untold": "[]"},
    )
    (overdue,) = store.rows(
        "SELECT count(*) AS n, min(next_due_at) AS oldest FROM models WHERE state = 'active' AND next_due_at < ?",
        (to_text(overdue_since),),
    )
    return Counts(
        by_verdict={row["outcome"]: row["n"] for row in rows if row["is_active"]},
        resting=sum(row["n"] for row in rows if not row["is_active"]),
        overdue=overdue["n"],
        oldest_due_at=moment_or_none(overdue["oldest"]),
    )


def fleet_mark(store: Store) -> tuple[object, ...]:
    """What changes whenever a model is registered, changed, adopted for or judged; it is read in an instant."""
    (models,) = store.rows(
        """SELECT count(*) AS n, max(id) AS last, sum(version) AS versions, sum(settings_version) AS settings,
        sum(state = 'active') AS active FROM models"""
    )
    phases = store.rows("SELECT phase, count(*) AS n FROM campaigns GROUP BY phase ORDER BY phase")
    return (*models.values(), *((row["phase"], row["n"]) for row in phases))


def _count(store: Store, conditions: str, values: dict[str, object]) -> int:
    """How many models there are, for a page behind the last."""
    (counted,) = store.rows(f"{_ROWS} SELECT count(*) AS n FROM fleet{conditions}", values)  # noqa: S608 - our own
    return int(counted["n"])


def _conditions(wanted: Wanted) -> tuple[str, dict[str, object]]:
    found, values = [], dict[str, object]()
    if wanted.text:
        pattern = wanted.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values["text"] = f"%{pattern}%"
        found.append("(name LIKE :text ESCAPE '\\' OR owner LIKE :text ESCAPE '\\')")
    if wanted.owner is not None:
        values["owner"] = wanted.owner
        found.append("owner = :owner")
    if wanted.tag is not None:
        values["tag"] = wanted.tag
        found.append("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)")
    if wanted.verdict is not None:
        values["outcome"] = wanted.verdict
        found.append("outcome = :outcome AND state = 'active'")
    if wanted.change is not None:
        values["change"] = wanted.change
        found.append(f"id IN ({OF_CHANGE})")
    return (" WHERE " + " AND ".join(found) if found else ""), values


def _open_of(store: Store, numbers: Sequence[int]) -> Mapping[int, list[tuple[int, str, str, str | None]]]:
    rows = store.rows(
        """SELECT id, model_id, kind, phase, waits FROM campaigns WHERE ended_at IS NULL
        AND model_id IN (SELECT value FROM json_each(?)) ORDER BY id""",
        (json.dumps(numbers),),
    )
    found: dict[int, list[tuple[int, str, str, str | None]]] = {}
    for row in rows:
        found.setdefault(row["model_id"], []).append((row["id"], row["kind"], row["phase"], row["waits"]))
    return found


def _past_of(store: Store, numbers: Sequence[int]) -> Mapping[int, list[Row]]:
    rows = store.rows(
        """SELECT * FROM (
            SELECT campaigns.id, campaigns.model_id, ended_at, verdict ->> '$.outcome' AS outcome,
                verdict ->> '$.incumbent_mean' AS stored, verdict ->> '$.challenger_mean' AS challenger,
                row_number() OVER (PARTITION BY campaigns.model_id ORDER BY campaigns.id DESC) AS place
            FROM campaigns WHERE kind = 'retune' AND verdict IS NOT NULL
            AND campaigns.model_id IN (SELECT value FROM json_each(?))
        ) WHERE place <= ? ORDER BY id""",
        (json.dumps(numbers), LAST_VERDICTS),
    )
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["model_id"], []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class _Around:
    """What belongs to models of a page, by their numbers."""

    untold: Mapping[int, str]
    open_ones: Mapping[int, list[tuple[int, str, str, str | None]]]
    past: Mapping[int, list[Row]]
    answers: Mapping[int, tuple[int, int]]


@of_row("a model")
def _model(row: Row, around: _Around) -> FleetModel:
    sign = -1.0 if row["direction"] == "minimize" else 1.0
    unanswered, snoozed = around.answers.get(row["id"], (0, 0))
    return FleetModel(
        name=row["name"],
        owner=row["owner"],
        tags=tuple(json.loads(row["tags"] or "[]")),
        state=row["state"],
        condition=CONDITIONS[row["rank"]],
        metric=row["metric"],
        lower_is_better=sign < 0,
        settings_version=row["settings_version"],
        settings_since=from_text(row["settings_since"]),
        next_due_at=moment_or_none(row["next_due_at"]),
        verdict=None if row["verdict"] is None else Verdict.from_json(json.loads(row["verdict"])),
        judged_by=row["judged_id"],
        judged_at=moment_or_none(row["judged_at"]),
        is_of_current=row["judged_version"] == row["settings_version"],
        running=tuple(around.open_ones.get(row["id"], ())),
        past=tuple(_past(each, sign) for each in around.past.get(row["id"], ())),
        is_late=bool(row["is_late"]),
        untold=around.untold.get(row["id"]),
        unanswered=unanswered,
        snoozed=snoozed,
    )


def _past(row: Row, sign: float) -> Past:
    stored, challenger = (None if row[name] is None else sign * float(row[name]) for name in ("stored", "challenger"))
    return Past(row["id"], Outcome(row["outcome"]), from_text(row["ended_at"]), stored, challenger)
