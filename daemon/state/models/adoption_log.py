"""The table of adoptions: what each promised, what its hook did, and what it brought."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ....strategies.adoption.account import Account, Measured, account_of, days_between
from ....strategies.adoption.gain import Gain, Promise, gain_sentence
from ..database_errors import of_row
from ..store import Row, Store, from_text, moment_or_none, to_json, to_text
from .registry import Model

MOST_HOOK_STARTS = 3
"""A hook that was cut off so often, by a machine that went down for instance, is not started again."""


class Kind(StrEnum):
    """How settings became current."""

    ADOPTED = "adopted"  # a campaign's values, by a person
    BY_ITSELF = "by_itself"  # a campaign's values, by [adoption] auto
    FROM_FILE = "from_file"  # values that a person wrote into the settings file
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class Adoption:
    """One adoption. `hook_state`: waiting, done or failed, None without a hook; `hook_starts`: how often it was begun;
    `hook_detail`: how it ended. `gain` None: not measured yet; `measured_in`: the campaign that did."""

    model_id: int
    settings_version: int
    kind: Kind
    from_version: int
    campaign_id: int | None
    by: str
    why: str | None
    metric: str
    lower_is_better: bool
    promise: Promise | None
    adopted_at: datetime
    hook_state: str | None = None
    hook_starts: int = 0
    hook_detail: str | None = None
    hook_ended_at: datetime | None = None
    gain: Gain | None = None
    measured_in: int | None = None
    measured_at: datetime | None = None

    @property
    def hook_sentence(self) -> str:
        """What became of the hook, as a clause; empty without one."""
        if self.hook_state is None:
            return ""
        if self.hook_state == "waiting":
            return "its hook waits to be run" if not self.hook_starts else "its hook was begun, and no end is on record"
        again = f", on start {self.hook_starts}: it may have run more than once" if self.hook_starts > 1 else ""
        ended = (
            "its hook ran" if self.hook_state == "done" else "its hook FAILED, the settings are current all the same"
        )
        return f"{ended}{again}" + (f": {self.hook_detail}" if self.hook_detail else "")

    @property
    def gain_sentence(self) -> str:
        """What came of it, as a clause."""
        if self.gain is None:
            return "whether the gain arrives is measured in the next re-evaluation"
        return gain_sentence(self.promise, self.gain, self.metric) + f", in campaign {self.measured_in}"


def insert_adoption(store: Store, adoption: Adoption) -> None:
    """Record an adoption inside the open transaction."""
    store.insert(
        "adoptions",
        {
            "model_id": adoption.model_id, "settings_version": adoption.settings_version, "kind": adoption.kind.value,
            "from_version": adoption.from_version, "campaign_id": adoption.campaign_id, "by": adoption.by,
            "why": adoption.why, "metric": adoption.metric, "lower_is_better": int(adoption.lower_is_better),
            "promise": None if adoption.promise is None else to_json(adoption.promise.to_json()),
            "adopted_at": to_text(adoption.adopted_at), "hook_state": adoption.hook_state,
        },
    )  # fmt: skip


def adoptions_of(store: Store, model_id: int) -> tuple[Adoption, ...]:
    """Every adoption of a model, oldest first."""
    rows = store.rows("SELECT * FROM adoptions WHERE model_id = ? ORDER BY settings_version", (model_id,))
    return tuple(map(_adoption, rows))


def adoption_of(store: Store, model_id: int, settings_version: int) -> Adoption | None:
    """How a settings version became current; None where it was registered."""
    row = store.row("SELECT * FROM adoptions WHERE model_id = ? AND settings_version = ?", (model_id, settings_version))
    return None if row is None else _adoption(row)


def waiting_hooks(store: Store) -> tuple[Adoption, ...]:
    """Adoptions whose hook is still to be run, oldest first; a settings file that is not written yet goes before it."""
    rows = store.rows(
        """SELECT adoptions.* FROM adoptions JOIN settings ON settings.model_id = adoptions.model_id
        AND settings.version = settings_version WHERE hook_state = 'waiting' AND is_file_pending = 0
        ORDER BY adopted_at, adoptions.rowid"""
    )
    return tuple(map(_adoption, rows))


def note_hook_start(store: Store, adoption: Adoption) -> None:
    """Count a start of the hook, before it."""
    with store.transaction():
        store.change(
            "UPDATE adoptions SET hook_starts = hook_starts + 1 WHERE model_id = ? AND settings_version = ?",
            (adoption.model_id, adoption.settings_version),
        )


def note_hook_end(store: Store, adoption: Adoption, *, is_done: bool, detail: str, now: datetime) -> None:
    """Record how the hook ended."""
    with store.transaction():
        store.change(
            """UPDATE adoptions SET hook_state = ?, hook_detail = ?, hook_ended_at = ?
            WHERE model_id = ? AND settings_version = ?""",
            ("done" if is_done else "failed", detail, to_text(now), adoption.model_id, adoption.settings_version),
        )


def note_gain(store: Store, model_id: int, settings_version: int, gain: Gain, campaign_id: int, now: datetime) -> None:
    """Record inside the open transaction what an adoption brought, measured in that campaign."""
    store.change(
        """UPDATE adoptions SET gain = ?, measured_in = ?, measured_at = ?
        WHERE model_id = ? AND settings_version = ? AND gain IS NULL""",
        (to_json(gain.to_json()), campaign_id, to_text(now), model_id, settings_version),
    )


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A model whose current settings were adopted from a campaign, and not re-evaluated since."""

    model_id: int
    model: str
    adopted_at: datetime


def unmeasured_adoptions(store: Store) -> tuple[Unmeasured, ...]:
    """Active models whose adoption no campaign has looked at since, or looks at now; those that ask for no follow-up
    are left out."""
    rows = store.rows(
        """SELECT models.id, name, adopted_at FROM adoptions JOIN models ON models.id = adoptions.model_id
        AND models.settings_version = adoptions.settings_version JOIN model_versions
        ON model_versions.model_id = models.id AND model_versions.version = models.version
        WHERE state = 'active' AND gain IS NULL AND adoptions.campaign_id IS NOT NULL
        AND coalesce(body ->> '$.adoption.follow_up', 1) <> 0
        AND NOT EXISTS (SELECT 1 FROM campaigns WHERE campaigns.model_id = models.id AND (ended_at IS NULL
            OR (kind = 'retune' AND campaigns.settings_version = adoptions.settings_version)))
        ORDER BY adopted_at, models.id"""
    )
    return tuple(Unmeasured(row["id"], row["name"], from_text(row["adopted_at"])) for row in rows)


def measured_between(store: Store, model_id: int, since: datetime, until: datetime) -> tuple[Adoption, ...]:
    """A model's adoptions whose gain was measured in that time, oldest first."""
    rows = store.rows(
        """SELECT * FROM adoptions WHERE model_id = ? AND gain IS NOT NULL AND measured_at > ? AND measured_at <= ?
        ORDER BY settings_version""",
        (model_id, to_text(since), to_text(until)),
    )
    return tuple(map(_adoption, rows))


def running_account(store: Store, model: Model, now: datetime) -> Account | None:
    """What re-tuning a model has earned, for how much compute; None while nothing was adopted."""
    adoptions = adoptions_of(store, model.id)
    row = store.row("SELECT sum(facts ->> '$.compute_s') AS seconds FROM campaigns WHERE model_id = ?", (model.id,))
    return account_of(
        tuple(Measured(made.metric, made.lower_is_better, made.gain) for made in adoptions),
        model.file.goal.metric,
        model.file.goal.direction == "minimize",
        float((row and row["seconds"]) or 0.0),
        days_between(model.registered_at, now),
    )


def previous_values(store: Store, adoption: Adoption) -> Mapping[str, object] | None:
    """The values of the settings before an adoption, as stored; None where they are gone."""
    row = store.row(
        "SELECT configuration FROM settings WHERE model_id = ? AND version = ?",
        (adoption.model_id, adoption.from_version),
    )
    return None if row is None else dict(json.loads(row["configuration"]))


@of_row("an adoption")
def _adoption(row: Row) -> Adoption:
    moments = {name: moment_or_none(row[name]) for name in ("hook_ended_at", "measured_at")}
    return Adoption(
        model_id=row["model_id"],
        settings_version=row["settings_version"],
        kind=Kind(row["kind"]),
        from_version=row["from_version"],
        campaign_id=row["campaign_id"],
        by=row["by"],
        why=row["why"],
        metric=row["metric"],
        lower_is_better=bool(row["lower_is_better"]),
        promise=None if row["promise"] is None else Promise.from_json(json.loads(row["promise"])),
        adopted_at=from_text(row["adopted_at"]),
        hook_state=row["hook_state"],
        hook_starts=row["hook_starts"],
        hook_detail=row["hook_detail"],
        gain=None if row["gain"] is None else Gain.from_json(json.loads(row["gain"])),
        measured_in=row["measured_in"],
        **moments,
    )
