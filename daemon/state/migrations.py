"""Schema of the state database, as numbered steps; each runs in one transaction with its own record.

A step's name stands in schema_steps.py too. This module is only loaded where a step is missing: it needs sqlite-utils.
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from .adoption_tables import STEP_0007
from .alert_schema import STEP_0006
from .schema_steps import SCHEMA

schema = Migrations(SCHEMA)

_STEP_0001 = (
    """CREATE TABLE models (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'retired')),
        version INTEGER NOT NULL,
        settings_version INTEGER NOT NULL,
        anchor_at TEXT NOT NULL,
        next_due_at TEXT,
        registered_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE model_versions (
        model_id INTEGER NOT NULL REFERENCES models(id),
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        source TEXT NOT NULL,
        created_at TEXT NOT NULL,
        PRIMARY KEY (model_id, version)
    ) STRICT""",
    """CREATE TABLE settings (
        model_id INTEGER NOT NULL REFERENCES models(id),
        version INTEGER NOT NULL,
        configuration TEXT NOT NULL,
        origin TEXT NOT NULL,
        campaign_id INTEGER REFERENCES campaigns(id),
        is_file_pending INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        PRIMARY KEY (model_id, version)
    ) STRICT""",
    """CREATE TABLE campaigns (
        id INTEGER PRIMARY KEY,
        model_id INTEGER NOT NULL REFERENCES models(id),
        model_version INTEGER NOT NULL,
        settings_version INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('baseline', 'retune')),
        trigger TEXT NOT NULL,
        due_at TEXT,
        phase TEXT NOT NULL,
        seed INTEGER NOT NULL,
        options TEXT NOT NULL,
        facts TEXT NOT NULL DEFAULT '{}',
        verdict TEXT,
        failure TEXT,
        epoch INTEGER NOT NULL DEFAULT 0,
        owner TEXT,
        created_at TEXT NOT NULL,
        started_at TEXT,
        ended_at TEXT,
        UNIQUE (model_id, due_at)
    ) STRICT""",
    "CREATE INDEX campaigns_by_model ON campaigns (model_id, id)",
    """CREATE TABLE legs (
        campaign_id INTEGER NOT NULL REFERENCES campaigns(id),
        name TEXT NOT NULL,
        request TEXT NOT NULL,
        ended TEXT,
        score REAL,
        detail TEXT,
        metrics TEXT,
        curve BLOB,
        seconds REAL,
        cpu_s REAL,
        peak_memory_bytes INTEGER,
        attempts INTEGER,
        planned_at TEXT NOT NULL,
        ended_at TEXT,
        PRIMARY KEY (campaign_id, name)
    ) STRICT""",
    """CREATE TABLE alerts (
        id INTEGER PRIMARY KEY,
        campaign_id INTEGER NOT NULL UNIQUE REFERENCES campaigns(id),
        model_id INTEGER NOT NULL REFERENCES models(id),
        severity TEXT NOT NULL CHECK (severity IN ('alert', 'digest')),
        title TEXT NOT NULL,
        body TEXT NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE outbox (
        id TEXT PRIMARY KEY,
        alert_id INTEGER NOT NULL REFERENCES alerts(id),
        url TEXT NOT NULL,
        secret_reference TEXT,
        payload TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        next_attempt_at TEXT NOT NULL,
        last_error TEXT,
        created_at TEXT NOT NULL,
        delivered_at TEXT
    ) STRICT""",
    "CREATE INDEX outbox_pending ON outbox (next_attempt_at) WHERE state = 'pending'",
)


_STEP_0002 = (
    # every = "auto": the current interval and its reason
    "ALTER TABLE models ADD COLUMN interval_days INTEGER",
    "ALTER TABLE models ADD COLUMN interval_reason TEXT",
    # when data, code and environment are next checked for changes
    "ALTER TABLE models ADD COLUMN next_look_at TEXT",
    # what made the campaign due, in words ("GPU A100 -> H100"); the trigger says which kind
    "ALTER TABLE campaigns ADD COLUMN reason TEXT",
    # the last due date that it covers: those after due_at passed while nothing ran; NULL: only its own
    "ALTER TABLE campaigns ADD COLUMN stands_until TEXT",
    "ALTER TABLE campaigns ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",
    # why it is not started, in words; NULL once it runs
    "ALTER TABLE campaigns ADD COLUMN waits TEXT",
    # how often in a row its process ended without ending it, and when it is retried
    "ALTER TABLE campaigns ADD COLUMN failures INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN not_before TEXT",
    # its share of the machine: JSON with slots, memory_bytes and gpus (indices)
    "ALTER TABLE campaigns ADD COLUMN resources TEXT",
    "CREATE INDEX models_due ON models (next_due_at) WHERE state = 'active'",
    "CREATE INDEX models_to_look_at ON models (next_look_at) WHERE state = 'active'",
    "CREATE INDEX campaigns_open ON campaigns (id) WHERE ended_at IS NULL",
    # what monitoring counts: without these, each request would read every campaign and message
    "CREATE INDEX campaigns_by_phase ON campaigns (phase)",
    "CREATE INDEX campaigns_by_outcome ON campaigns (verdict ->> '$.outcome') WHERE verdict IS NOT NULL",
    "CREATE INDEX outbox_dead ON outbox (created_at) WHERE state = 'dead'",
    "CREATE INDEX legs_by_end ON legs (ended_at) WHERE ended_at IS NOT NULL",
    """CREATE TABLE looks (
        model_id INTEGER NOT NULL REFERENCES models(id),
        part TEXT NOT NULL CHECK (part IN ('data', 'code', 'environment')),
        signature TEXT,
        fingerprint TEXT,
        looked_at TEXT NOT NULL,
        error TEXT,
        PRIMARY KEY (model_id, part)
    ) STRICT""",
    """CREATE TABLE tokens (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
        digest TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        last_used_at TEXT,
        revoked_at TEXT
    ) STRICT""",
    # one row a name: heartbeat, last backup, disk mode, disk use ...; value is JSON
    """CREATE TABLE service_facts (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE faults (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        part TEXT NOT NULL,
        model_id INTEGER REFERENCES models(id),
        campaign_id INTEGER REFERENCES campaigns(id),
        sentence TEXT NOT NULL
    ) STRICT""",
)


_STEP_0004 = (
    # what was removed for good: its campaigns' numbers as a JSON list, and the highest numbers, not to be given again
    """CREATE TABLE removed_models (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        campaigns TEXT NOT NULL,
        removed_at TEXT NOT NULL,
        removed_by TEXT,
        last_model INTEGER NOT NULL,
        last_campaign INTEGER NOT NULL,
        last_alert INTEGER NOT NULL
    ) STRICT""",
    # rows that go with a model: without these, each removal would read every fault, setting and alert
    "CREATE INDEX settings_by_campaign ON settings (campaign_id) WHERE campaign_id IS NOT NULL",
)


_STEP_0008 = (
    # open alerts of channels that must hear of them again and again, with the labels under which they were opened
    """CREATE TABLE channel_alerts (
        channel TEXT NOT NULL,
        key TEXT NOT NULL,
        alert_id INTEGER,
        labels TEXT NOT NULL,
        payload TEXT NOT NULL,
        next_send_at TEXT NOT NULL,
        error TEXT,
        PRIMARY KEY (channel, key)
    ) STRICT""",
    # what was said to a channel about an alert, and what a list of channels shows
    "CREATE INDEX outbox_by_channel ON outbox (channel, created_at) WHERE channel IS NOT NULL",
)


@schema()
def m0001_first(db: Database) -> None:
    """Models, their versions and settings, campaigns, legs, alerts and the outbox."""
    for statement in _STEP_0001:
        db.execute(statement)


@schema()
def m0002_service(db: Database) -> None:
    """What the service keeps: intervals, looks, the queue, tokens, its own facts and faults."""
    for statement in _STEP_0002:
        db.execute(statement)


@schema()
def m0003_outbox_by_alert(db: Database) -> None:
    """The messages of an alert, without which a list of alerts reads the whole outbox for each."""
    db.execute("CREATE INDEX outbox_by_alert ON outbox (alert_id)")


@schema()
def m0004_removed_models(db: Database) -> None:
    """What is kept of a model that was removed."""
    for statement in _STEP_0004:
        db.execute(statement)


@schema()
def m0005_alerts_by_model(db: Database) -> None:
    """The alerts of a model in order, without which a page of them reads those of all models."""
    db.execute("CREATE INDEX alerts_by_model ON alerts (model_id, id)")


@schema()
def m0006_alert_lives(db: Database) -> None:
    """The lives of alerts: what each is about, how it stands, what was told of it and who answered."""
    for statement in STEP_0006:
        db.execute(statement)


@schema()
def m0007_adoptions_and_audit(db: Database) -> None:
    """What adoptions promised and brought, their hooks, and who did what."""
    for statement in STEP_0007:
        db.execute(statement)


@schema()
def m0008_channel_alerts(db: Database) -> None:
    """Alerts that are open on channels which forget what they are not told again."""
    for statement in _STEP_0008:
        db.execute(statement)


@schema()
def m0009_nodes_of_legs(db: Database) -> None:
    """The kind of node of a cluster that each leg was trained on."""
    db.execute("ALTER TABLE legs ADD COLUMN node TEXT")
