"""The schema step that gives alerts a life; loaded only with the migrations.

An alert of before is open where it is its model's newest, the settings that it is about are still current, and no
campaign has ended well since; otherwise it is over. Nobody is told of any of them again (`is_silent`).
"""

_MESSAGE = """json_object(
    'id', 'msg_' || alerts.id, 'event', 'opened', 'kind', alerts.kind, 'severity', alerts.severity,
    'key', 'alert-' || alerts.id, 'title', alerts.title,
    'sentences', json(coalesce(body -> '$.data.sentences', '[]')), 'owner', alerts.owner, 'at', alerts.created_at,
    'opened_at', alerts.created_at, 'model', models.name, 'campaign_id', campaign_id, 'others', 0, 'tags', json('[]'),
    'facts', json('[]'), 'commands', json(coalesce(body -> '$.data.commands', '[]')), 'link', NULL,
    'is_tonight', json('false'),
    'details', json_remove(coalesce(body -> '$.data', '{}'), '$.model', '$.owner', '$.campaign', '$.title', '$.text',
        '$.sentences', '$.commands'))"""

_BEFORE = """SELECT id, campaign_id, model_id, title, body, created_at,
    CASE WHEN severity = 'digest' THEN 'info' WHEN body ->> '$.data.outcome' = 'broken' THEN 'critical'
        ELSE 'warning' END AS severity,
    coalesce(body ->> '$.data.owner', '') AS owner,
    CASE WHEN body ->> '$.data.reason' = 'look_at_data' THEN 'data'
        WHEN body ->> '$.data.outcome' IN ('stale', 'degraded', 'broken', 'inconclusive') THEN body ->> '$.data.outcome'
        WHEN body ->> '$.data.outcome' = 'fresh' THEN 'data' ELSE 'failed' END AS kind
    FROM alerts_before"""

_IS_OPEN = """models.state <> 'retired'
    AND alerts.id = (SELECT max(newer.id) FROM alerts_before AS newer WHERE newer.model_id = alerts.model_id)
    AND campaigns.settings_version = models.settings_version
    AND NOT EXISTS (SELECT 1 FROM campaigns AS later WHERE later.model_id = alerts.model_id
        AND later.id > alerts.campaign_id AND later.phase = 'done'
        AND (later.kind = 'retune' OR alerts.kind = 'failed'))"""

_MESSAGES_ANEW = (
    "ALTER TABLE outbox RENAME TO outbox_before",
    # a message may be a channel's, by its name, and of no alert (a digest, a sample); each attempt has a row
    """CREATE TABLE outbox (
        id TEXT PRIMARY KEY,
        alert_id INTEGER REFERENCES alerts(id),
        channel TEXT,
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
    """INSERT INTO outbox SELECT id, alert_id, NULL, url, secret_reference, payload, state, attempts, next_attempt_at,
        last_error, created_at, delivered_at FROM outbox_before ORDER BY rowid""",
    """CREATE TABLE attempts (
        message_id TEXT NOT NULL REFERENCES outbox(id),
        number INTEGER NOT NULL,
        began_at TEXT NOT NULL,
        ended_at TEXT,
        error TEXT,
        PRIMARY KEY (message_id, number)
    ) STRICT""",
    "DROP TABLE outbox_before",
    "CREATE INDEX outbox_pending ON outbox (next_attempt_at) WHERE state = 'pending'",
    "CREATE INDEX outbox_dead ON outbox (created_at) WHERE state = 'dead'",
    "CREATE INDEX outbox_by_alert ON outbox (alert_id)",
    # whether a receiver that gave up a message accepted a later one
    "CREATE INDEX outbox_delivered ON outbox (url, channel, delivered_at) WHERE state = 'delivered'",
)

STEP_0006 = (
    "ALTER TABLE alerts RENAME TO alerts_before",
    # One row an alert: of a model, or of the service (model_id NULL), of a kind, for a cause. campaign_id: the last
    # campaign that raised it; change: what alerts of a group have in common; group_id: the number of its first alert.
    # message: what it said when it was raised last. by, note: the last answer; tellings: how many messages it had.
    """CREATE TABLE alerts (
        id INTEGER PRIMARY KEY,
        campaign_id INTEGER REFERENCES campaigns(id),
        model_id INTEGER REFERENCES models(id),
        owner TEXT NOT NULL,
        kind TEXT NOT NULL,
        cause TEXT NOT NULL,
        change TEXT NOT NULL DEFAULT '',
        group_id INTEGER NOT NULL,
        severity TEXT NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
        message TEXT NOT NULL,
        created_at TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'snoozed', 'resolved')),
        opened_at TEXT NOT NULL,
        is_silent INTEGER NOT NULL DEFAULT 0,
        told_at TEXT,
        is_told INTEGER NOT NULL DEFAULT 0,
        asked_at TEXT,
        snoozed_until TEXT,
        escalated_at TEXT,
        resolved_at TEXT,
        owes_end INTEGER NOT NULL DEFAULT 0,
        raised INTEGER NOT NULL DEFAULT 1,
        reopened INTEGER NOT NULL DEFAULT 0,
        tellings INTEGER NOT NULL DEFAULT 0,
        by TEXT NOT NULL DEFAULT '',
        note TEXT NOT NULL DEFAULT '',
        resolution TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    f"""INSERT INTO alerts (id, campaign_id, model_id, owner, kind, cause, group_id, severity, message, created_at,
        state, opened_at, is_silent, resolved_at, resolution)
    SELECT alerts.id, campaign_id, alerts.model_id, alerts.owner, alerts.kind, 'campaign ' || campaign_id, alerts.id,
        severity, {_MESSAGE}, alerts.created_at, CASE WHEN {_IS_OPEN} THEN 'open' ELSE 'resolved' END,
        alerts.created_at, 1,
        CASE WHEN {_IS_OPEN} THEN NULL ELSE alerts.created_at END,
        CASE WHEN {_IS_OPEN} THEN '' ELSE 'it is from before retuned followed the ends of alerts' END
    FROM ({_BEFORE}) AS alerts JOIN models ON models.id = alerts.model_id
        JOIN campaigns ON campaigns.id = campaign_id ORDER BY alerts.id""",  # noqa: S608 - our own words
    # what points to a table is written anew with it
    *_MESSAGES_ANEW,
    "DROP TABLE alerts_before",
    "CREATE INDEX alerts_by_model ON alerts (model_id, id)",
    "CREATE INDEX alerts_unresolved ON alerts (id) WHERE state <> 'resolved'",
    "CREATE INDEX alerts_owing ON alerts (id) WHERE owes_end = 1",
    "CREATE INDEX alerts_by_group ON alerts (group_id)",
    """CREATE TABLE alert_events (
        id INTEGER PRIMARY KEY,
        alert_id INTEGER NOT NULL REFERENCES alerts(id),
        at TEXT NOT NULL,
        event TEXT NOT NULL,
        by TEXT NOT NULL DEFAULT '',
        detail TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    "CREATE INDEX alert_events_by_alert ON alert_events (alert_id, id)",
    """CREATE TRIGGER alert_events_stay BEFORE UPDATE ON alert_events
    BEGIN SELECT raise(ABORT, 'events of alerts are only added'); END""",
)
