"""The names of the schema's steps, for those who only ask which of them a database has taken."""

SCHEMA = "retuned"
STEP_NAMES = frozenset(
    {
        "m0001_first",
        "m0002_service",
        "m0003_outbox_by_alert",
        "m0004_removed_models",
        "m0005_alerts_by_model",
        "m0006_alert_lives",
        "m0007_adoptions_and_audit",
        "m0008_channel_alerts",
        "m0009_nodes_of_legs",
    }
)
"""Every step this version knows; a database that holds another was written by a newer one."""
