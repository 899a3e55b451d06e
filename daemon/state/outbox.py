"""The durable queue of messages: written with what they report, delivered at least once, under a stable id."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from ..clock import SystemClock
from .store import Row, Store, from_text, to_text

BACKOFF_S = (10, 60, 300, 1800, 7200, 21600, 86400, 86400, 86400)
"""Seconds between attempts; after the last one the message is dead, and `retuned alerts` still shows it."""
WITHDRAWN = "withdrawn: the alert was answered, or over, before this was accepted"
"""Why a message is dead that nobody needs any more."""
SPREAD = 0.2
"""The largest share of a delay that is added to it, so that messages that failed together do not come back together."""
AT_ONCE, ROUND_S = 50, 20.0
"""The most messages in a round of deliveries, and the seconds after which it starts no further one."""
_DUE = """state = 'pending' AND next_attempt_at <= ? AND (channel IS NULL OR NOT EXISTS (
    SELECT 1 FROM outbox AS earlier WHERE earlier.alert_id = outbox.alert_id AND earlier.channel = outbox.channel
    AND earlier.state = 'pending' AND earlier.rowid < outbox.rowid))"""
"""What is due; a channel hears of an alert in order, or one that is over would be opened there for good."""
_SYSTEM = SystemClock()


@dataclass(frozen=True, slots=True)
class FirstDue:
    """The message that has been due for longest; an attempt changes it, or makes another the first."""

    id: str
    attempts: int
    next_attempt_at: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send; `attempts`: those made before.

    `channel`: the name of the channel that gives it its form; None: the payload is posted to `url` as it is.
    """

    id: str
    url: str
    secret_reference: str | None
    payload: str
    attempts: int
    next_attempt_at: str
    channel: str | None = None
    alert_id: int | None = None

    @classmethod
    def of(cls, row: Row) -> "Message":
        """The message of a row."""
        return cls(
            row["id"], row["url"], row["secret_reference"], row["payload"], row["attempts"], row["next_attempt_at"],
            row["channel"], row["alert_id"],
        )  # fmt: skip

    @property
    def place(self) -> str:
        """Where it goes, for people and logs."""
        return place_for(self.channel, self.url)

    @property
    def lane(self) -> str:
        """What its message waits for: no two of a channel, or of one address, are sent at the same time."""
        return self.url if self.channel is None else self.place


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended; `error` None: accepted. `wait_s`: for how long the receiver asks to be left alone.

    `is_final`: the same message will never be accepted. `note`: what an owner should know of one that was accepted.
    """

    error: str | None
    wait_s: float = 0.0
    is_final: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """Messages that wait for one channel or address; `last_error` None: no attempt failed yet."""

    place: str
    count: int
    oldest_at: datetime
    last_error: str | None


def enqueue(
    store: Store, *, message_id: str, alert_id: int, url: str, secret_reference: str | None, payload: str, now: datetime
) -> None:
    """Queue a message inside the open transaction; the same id twice is one message."""
    store.change(
        """INSERT OR IGNORE INTO outbox
        (id, alert_id, url, secret_reference, payload, state, next_attempt_at, created_at)
        VALUES (?, ?, ?, ?, ?, 'pending', ?, ?)""",
        (message_id, alert_id, url, secret_reference, payload, to_text(now), to_text(now)),
    )


def first_due(store: Store, now: datetime) -> FirstDue | None:
    """The message that has been due for longest; None when nothing is due."""
    row = store.row(
        """SELECT id, attempts, next_attempt_at FROM outbox WHERE state = 'pending' AND next_attempt_at <= ?
        ORDER BY next_attempt_at, rowid LIMIT 1""",
        (to_text(now),),
    )
    return None if row is None else FirstDue(row["id"], row["attempts"], row["next_attempt_at"])


def due_messages(store: Store, now: datetime, limit: int) -> tuple[Message, ...]:
    """The messages that are due, the longest due first."""
    rows = store.rows(
        f"SELECT * FROM outbox WHERE {_DUE} ORDER BY next_attempt_at, rowid LIMIT ?",  # noqa: S608 - our own condition
        (to_text(now), limit),
    )
    return tuple(Message.of(row) for row in rows)


def due_by_address(store: Store, now: datetime) -> tuple[Message, ...]:
    """Of the messages that are due, the one of each address that has been due for longest; in that order."""
    rows = store.rows(
        f"""SELECT * FROM (
            SELECT *, rowid AS number,
                row_number() OVER (PARTITION BY coalesce(channel, url) ORDER BY next_attempt_at, rowid) AS place
            FROM outbox WHERE {_DUE}
        ) WHERE place = 1 ORDER BY next_attempt_at, number""",  # noqa: S608 - our own condition
        (to_text(now),),
    )
    return tuple(Message.of(row) for row in rows)


def claim_message(store: Store, message: Message, now: datetime, until: datetime) -> bool:
    """Push the next attempt back before trying, so that two processes do not send the same message at once; the attempt
    is on record from its beginning on."""
    with store.transaction():
        changed = store.change(
            """UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ?
            WHERE id = ? AND attempts = ? AND state = 'pending'""",
            (to_text(until), message.id, message.attempts),
        )
        if changed == 1:
            store.change(
                "INSERT OR REPLACE INTO attempts (message_id, number, began_at) VALUES (?, ?, ?)",
                (message.id, message.attempts + 1, to_text(now)),
            )
    return changed == 1


def settle_message(
    store: Store, message: Message, outcome: Outcome, now: datetime, also: Callable[[], None] = lambda: None
) -> bool:
    """Record how an attempt ended, `now`: delivered, put off, or given up after a final answer or the last attempt.

    Returns whether it was given up. `also` writes more in the same transaction, for one that was delivered.
    """
    is_last = outcome.is_final or message.attempts + 1 >= len(BACKOFF_S)
    state = "delivered" if outcome.error is None else "dead" if is_last else "pending"
    next_at = now + timedelta(seconds=delay_s(message.id, message.attempts, outcome.wait_s))
    with store.transaction():
        store.change(
            """UPDATE outbox SET state = ?, last_error = ?, delivered_at = ?, next_attempt_at = ?
            WHERE id = ? AND state = 'pending'""",
            (state, outcome.error, to_text(now) if outcome.error is None else None, to_text(next_at), message.id),
        )
        store.change(
            "UPDATE attempts SET ended_at = ?, error = ? WHERE message_id = ? AND number = ?",
            (to_text(now), outcome.error or outcome.note or None, message.id, message.attempts + 1),
        )
        if outcome.error is None:
            also()
    return state == "dead"


def delay_s(message_id: str, attempts: int, wait_s: float = 0.0) -> float:
    """The seconds from an attempt's end to the next one, after `attempts` earlier ones.

    `wait_s`, or the backoff where that is longer, and up to `SPREAD` of it more, by a hash of id and attempt: a killed
    service computes the same again.
    """
    least = max(wait_s, BACKOFF_S[min(attempts, len(BACKOFF_S) - 1)])
    digest = hashlib.sha256(f"{message_id}:{attempts}".encode()).digest()
    return least * (1.0 + SPREAD * int.from_bytes(digest[:4], "big") / 2**32)


def give_up_cut_messages(store: Store, now: datetime) -> int:
    """Give up messages whose attempts are used up though none of them ended: each was cut off, with its process.

    Returns how many.
    """
    with store.transaction():
        return store.change(
            """UPDATE outbox SET state = 'dead', last_error = coalesce(last_error, 'every attempt was cut off')
            WHERE state = 'pending' AND attempts >= ? AND next_attempt_at <= ?""",
            (len(BACKOFF_S), to_text(now)),
        )


def pending_by_address(store: Store) -> tuple[Pending, ...]:
    """Pending messages by channel or address, in order of the address; those of quiet hours wait for no one yet."""
    rows = store.rows(
        """SELECT channel, url, count(*) AS n, max(last_error) AS error,
            min(CASE WHEN attempts = 0 THEN max(created_at, next_attempt_at) ELSE created_at END) AS oldest
        FROM outbox WHERE state = 'pending' GROUP BY channel, url ORDER BY url, channel"""
    )
    return tuple(
        Pending(place_for(row["channel"], row["url"]), row["n"], from_text(row["oldest"]), row["error"]) for row in rows
    )


_STILL_DEAD = """outbox.state = 'dead' AND (alert_id IS NULL OR EXISTS (SELECT 1 FROM alerts
    WHERE alerts.id = alert_id AND alerts.state IN ('open', 'snoozed')))
    AND NOT EXISTS (SELECT 1 FROM outbox AS later WHERE later.url = outbox.url AND later.channel IS outbox.channel
        AND later.state = 'delivered' AND later.delivered_at > outbox.created_at)"""


def dead_count(store: Store) -> int:
    """The number of messages that were given up, without those about alerts that were acknowledged or are over, and
    those whose receiver accepted a later one."""
    row = store.row(f"SELECT count(*) AS n FROM outbox WHERE {_STILL_DEAD}")  # noqa: S608 - our own words
    assert row is not None
    return int(row["n"])


def last_dead_error(store: Store) -> str | None:
    """Why the newest of those messages was given up; None without one."""
    row = store.row(f"SELECT last_error FROM outbox WHERE {_STILL_DEAD} ORDER BY created_at DESC LIMIT 1")  # noqa: S608
    return None if row is None else row["last_error"]


def untold_models(store: Store) -> dict[int, str]:
    """The models about which one of those messages was to tell, by number, and why the last one was given up."""
    rows = store.rows(
        f"""SELECT model_id, coalesce(last_error, '') AS error FROM outbox JOIN alerts AS told ON told.id = alert_id
        WHERE model_id IS NOT NULL AND {_STILL_DEAD} ORDER BY outbox.created_at"""  # noqa: S608 - our own words
    )
    return {row["model_id"]: row["error"] for row in rows}


def place_for(channel: str | None, url: str) -> str:
    """Where a message goes, for people and logs: a channel by its name, an address without what may be a password."""
    return place_of(url) if channel is None else f"channel {channel}"


def place_of(url: str) -> str:
    """The address without its path and query, for people and logs: in a chat service the path is a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
