"""Who hears of an adoption that a person made: programs, in its own transaction; people know from the alert's end."""

import json

from pydantic import TypeAdapter
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.config.channel_tables import Channels
from retuned.daemon.config.config import Config

CHANNELS = TypeAdapter(Channels).validate_python(
    {
        "pager": {"kind": "pagerduty", "routing_key": "env:KEY"},
        "programs": {"kind": "webhook", "url": "https://example.org/hook"},
        "chat": {"kind": "slack", "url": "env:SLACK"},
        "mail": {"kind": "email", "host": "mail.example.org", "sender": "r@example.org", "to": ["ann@example.org"]},
    }
)
HEARD = "SELECT channel, payload FROM outbox WHERE payload ->> '$.event' = 'adopted' ORDER BY channel"


def test_an_adoption_and_a_rollback_are_told_to_programs_alone(judged_copy, clock):
    judged_copy.register(settings='file = "live.json"')  # without a webhook of its own, which would be told alone
    verbs = Verbs(judged_copy.store, Config(state=judged_copy.config.state, channels=CHANNELS), clock)
    verbs.adopt("toy", why="better")
    verbs.rollback("toy")
    told = [(row["channel"], json.loads(row["payload"])["title"]) for row in judged_copy.store.rows(HEARD)]
    first, back = "toy: settings v2 are current now", "toy: settings v3 are current now"
    assert sorted(told) == [("pager", first), ("pager", back), ("programs", first), ("programs", back)]
