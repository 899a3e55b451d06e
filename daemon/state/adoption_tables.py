"""The tables of adoptions and of the audit, as the step of the schema that makes them (migrations.py)."""

STEP_0007 = (
    # one row for each settings version that became current by adoption or rollback: what it promised, what its hook
    # did, and what the follow-up measured. JSON: promise, gain
    """CREATE TABLE adoptions (
        model_id INTEGER NOT NULL REFERENCES models(id),
        settings_version INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('adopted', 'by_itself', 'from_file', 'rolled_back')),
        from_version INTEGER NOT NULL,
        campaign_id INTEGER REFERENCES campaigns(id),
        by TEXT NOT NULL,
        why TEXT,
        metric TEXT NOT NULL,
        lower_is_better INTEGER NOT NULL,
        promise TEXT,
        adopted_at TEXT NOT NULL,
        hook_state TEXT CHECK (hook_state IN ('waiting', 'done', 'failed')),
        hook_starts INTEGER NOT NULL DEFAULT 0,
        hook_detail TEXT,
        hook_ended_at TEXT,
        gain TEXT,
        measured_in INTEGER REFERENCES campaigns(id),
        measured_at TEXT,
        PRIMARY KEY (model_id, settings_version)
    ) STRICT""",
    "CREATE INDEX adoptions_with_hooks ON adoptions (model_id) WHERE hook_state = 'waiting'",
    "CREATE INDEX adoptions_by_campaign ON adoptions (campaign_id) WHERE campaign_id IS NOT NULL",
    "CREATE INDEX adoptions_by_measure ON adoptions (measured_in) WHERE measured_in IS NOT NULL",
    # what became of adopting a campaign's values without a person
    """CREATE TABLE auto_adoptions (
        campaign_id INTEGER PRIMARY KEY REFERENCES campaigns(id),
        model_id INTEGER NOT NULL REFERENCES models(id),
        state TEXT NOT NULL CHECK (state IN ('waiting', 'refused', 'adopted')),
        reason TEXT NOT NULL,
        decided_at TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX auto_adoptions_waiting ON auto_adoptions (campaign_id) WHERE state = 'waiting'",
    "CREATE INDEX auto_adoptions_by_model ON auto_adoptions (model_id)",
    # who did what; before and after are JSON. A removed model keeps its rows, so its name stands here, no number
    """CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        by TEXT NOT NULL,
        act TEXT NOT NULL,
        model TEXT,
        subject TEXT,
        before TEXT,
        after TEXT,
        why TEXT,
        request_id TEXT
    ) STRICT""",
    "CREATE INDEX audit_by_model ON audit (model, id)",
    "CREATE TRIGGER audit_keeps_its_rows BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
    "CREATE TRIGGER audit_loses_no_row BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END",
)
