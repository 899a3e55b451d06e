"""Which channels a message goes to, when, and what is left to tell when another comes before it was sent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.alerting.message import AlertMessage, Event, Kind, Severity
from retuned.strategies.alerting.routing import ChannelKind, ChannelRule, Merged, Routes, merged, route, send_at
from retuned.strategies.schedule.windows import parse_window

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
MESSAGE = AlertMessage(
    id="msg_1", event=Event.OPENED, kind=Kind.STALE, severity=Severity.WARNING, key="k", title="stale", sentences=(),
    owner="ann@example.org", at=NOW, opened_at=NOW, model="rides", tags=("eu", "prod"),
)  # fmt: skip
SLACK = ChannelRule("slack", ChannelKind.SLACK)
PAGER = ChannelRule("pager", ChannelKind.PAGERDUTY, severities=(Severity.CRITICAL,))
ANN = ChannelRule("ann", ChannelKind.EMAIL, owners=("Ann@Example.org",))
BOB = ChannelRule("bob", ChannelKind.EMAIL, owners=("bob@example.org",))
EU = ChannelRule("eu", ChannelKind.WEBHOOK, tags=("eu", "us"))
CRITICAL = ChannelRule("critical", ChannelKind.WEBHOOK, severities=(Severity.CRITICAL,))
BROKEN = ChannelRule("broken", ChannelKind.WEBHOOK, kinds=(Kind.BROKEN,))
QUIET = ChannelRule("quiet", ChannelKind.EMAIL, severities=(Severity.WARNING, Severity.INFO))
FALLEN = ChannelRule("fallen", ChannelKind.SLACK, kinds=(Kind.DEGRADED,))
ALL = (SLACK, PAGER, ANN, BOB, EU, BROKEN)

ROUTES = [
    # without lists: every channel whose conditions it meets
    ({}, Routes(ALL), None, None, ("slack", "ann", "eu")),
    # the default list, in its order; conditions count there, too
    ({}, Routes(ALL, ("bob", "eu", "slack")), None, None, ("eu", "slack")),
    # an empty default list: nowhere
    ({}, Routes(ALL, ()), None, None, ()),
    # what the model names comes before the default list, each once
    ({}, Routes(ALL, ("slack",)), ("eu", "eu", "ann"), None, ("eu", "ann")),
    # a named channel that does not exist is kept, so that its loss is told
    ({}, Routes(ALL), ("gone",), None, ("gone",)),
    # what waits for the digest: only those that ask for it, by severity or kind
    ({"severity": Severity.INFO, "kind": Kind.DEGRADED}, Routes((*ALL, QUIET, FALLEN)), None, None,
     ("quiet", "fallen")),
    ({"severity": Severity.INFO, "kind": Kind.DEGRADED}, Routes((*ALL, QUIET)), ("slack",), None, ()),
    # a change is no alert: limits to kinds and severities of alerts hold none back from PagerDuty, and all from others
    ({"severity": Severity.INFO, "event": Event.CHANGED}, Routes((SLACK, PAGER, CRITICAL)), None, None,
     ("slack", "pager")),
    ({"severity": Severity.INFO, "event": Event.ADOPTED}, Routes((SLACK, PAGER, CRITICAL, EU)), None, None,
     ("pager", "eu")),
    ({"severity": Severity.INFO, "event": Event.DUE}, Routes((SLACK, PAGER, CRITICAL, EU)), None, None,
     ("pager", "eu")),
    # ... but whose models it is about counts there, too
    ({"severity": Severity.INFO, "event": Event.DUE}, Routes((replace(PAGER, owners=("bob@example.org",)),)), None,
     None, ()),
    ({"severity": Severity.INFO, "event": Event.DUE}, Routes((replace(PAGER, tags=("us",)),)), None, None, ()),
    # severity and kind
    ({"severity": Severity.CRITICAL, "kind": Kind.BROKEN}, Routes(ALL), None, None,
     ("slack", "pager", "ann", "eu", "broken")),
    # no tag in common
    ({"tags": ("asia",)}, Routes(ALL), None, None, ("slack", "ann")),
    # what ends an alert goes to those that were told of it, whatever conditions and lists say by now
    ({"event": Event.RESOLVED}, Routes(ALL, ("slack",)), ("eu",), ("pager", "bob"), ("pager", "bob")),
    # resolved without opened goes nowhere
    ({"event": Event.RESOLVED}, Routes(ALL), None, (), ()),
    # a channel that is gone cannot be told the end
    ({"event": Event.RESOLVED}, Routes(ALL), None, ("gone", "slack"), ("slack",)),
    # answers are told to those that can do something with them
    ({"event": Event.ACKNOWLEDGED}, Routes(ALL), None, ("slack", "pager", "eu"), ("pager", "eu")),
    # a digest is no incident
    ({"event": Event.DIGEST, "severity": Severity.CRITICAL}, Routes(ALL), None, None, ("slack", "ann", "eu")),
]  # fmt: skip


@pytest.mark.parametrize(("change", "routes", "chosen", "told", "names"), ROUTES)
def test_a_message_goes_to_the_channels_that_lists_conditions_and_events_leave(change, routes, chosen, told, names):
    assert route(replace(MESSAGE, **change), routes, chosen, told) == names


NIGHT = replace(SLACK, quiet=(parse_window("Mon-Sun 22:00-07:00"),), zone="Europe/Berlin")
BACK_TO_BACK = replace(SLACK, quiet=(parse_window("Mon-Fri 18:00-24:00"), parse_window("00:00-08:00")))
TIMES = [
    # in the day, at once
    (NIGHT, {}, NOW, NOW),
    # at night it waits for the morning, on the clock of the zone
    (NIGHT, {}, datetime(2026, 3, 2, 23, tzinfo=UTC), datetime(2026, 3, 3, 6, tzinfo=UTC)),
    (NIGHT, {}, datetime(2026, 3, 3, 5, 59, tzinfo=UTC), datetime(2026, 3, 3, 6, tzinfo=UTC)),
    # its end is no part of it
    (NIGHT, {}, datetime(2026, 3, 3, 6, tzinfo=UTC), datetime(2026, 3, 3, 6, tzinfo=UTC)),
    # summer time begins that night
    (NIGHT, {}, datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 5, tzinfo=UTC)),
    # critical passes, unless the channel says otherwise
    (NIGHT, {"severity": Severity.CRITICAL}, datetime(2026, 3, 2, 23, tzinfo=UTC),
     datetime(2026, 3, 2, 23, tzinfo=UTC)),
    (replace(NIGHT, is_critical_quiet=True), {"severity": Severity.CRITICAL}, datetime(2026, 3, 2, 23, tzinfo=UTC),
     datetime(2026, 3, 3, 6, tzinfo=UTC)),
    # a test is typed by somebody who waits for it
    (NIGHT, {"event": Event.SAMPLE}, datetime(2026, 3, 2, 23, tzinfo=UTC), datetime(2026, 3, 2, 23, tzinfo=UTC)),
    # whoever looks at an incident at night sees what changed before it, and nobody is woken by that
    (replace(NIGHT, kind=ChannelKind.PAGERDUTY), {"event": Event.DUE}, datetime(2026, 3, 2, 23, tzinfo=UTC),
     datetime(2026, 3, 2, 23, tzinfo=UTC)),
    (replace(NIGHT, kind=ChannelKind.WEBHOOK), {"event": Event.DUE}, datetime(2026, 3, 2, 23, tzinfo=UTC),
     datetime(2026, 3, 3, 6, tzinfo=UTC)),
    # windows that touch are one
    (BACK_TO_BACK, {}, datetime(2026, 3, 2, 19, tzinfo=UTC), datetime(2026, 3, 3, 8, tzinfo=UTC)),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "change", "now", "at"), TIMES)
def test_quiet_hours_put_a_message_off_to_their_end(rule, change, now, at):
    assert send_at(replace(MESSAGE, **change), rule, now) == at


@given(minutes=st.integers(0, 60 * 24 * 400), text=st.sampled_from(["22:00-07:00", "Sat Sun", "Mon 09:00-09:01"]))
def test_a_message_is_put_off_by_less_than_three_days_and_to_a_moment_that_is_not_quiet(minutes, text):
    rule = replace(SLACK, quiet=(parse_window(text),), zone="America/New_York")
    now = NOW + timedelta(minutes=minutes)
    at = send_at(MESSAGE, rule, now)
    assert now <= at < now + timedelta(days=3)
    assert send_at(MESSAGE, rule, at) == at


MERGES = [
    # nobody heard of it yet: its end or an answer takes both away
    (Event.OPENED, Event.RESOLVED, True, Merged.NONE),
    (Event.OPENED, Event.ACKNOWLEDGED, True, Merged.NONE),
    (Event.ESCALATED, Event.RESOLVED, True, Merged.NONE),
    # ... and a repetition adds nothing
    (Event.OPENED, Event.REPEATED, True, Merged.OLD),
    # a repetition that waits says less than what follows it
    (Event.REPEATED, Event.REPEATED, False, Merged.NEW),
    (Event.REPEATED, Event.RESOLVED, False, Merged.NEW),
    (Event.ACKNOWLEDGED, Event.RESOLVED, False, Merged.NEW),
    # the end is never taken back: a receiver that joins by key hears both, in order
    (Event.RESOLVED, Event.OPENED, False, Merged.BOTH),
    # what belongs to no alert is left alone
    (Event.DIGEST, Event.OPENED, True, Merged.BOTH),
    (Event.OPENED, Event.DIGEST, True, Merged.BOTH),
]


@pytest.mark.parametrize(("waiting", "new", "is_first", "end"), MERGES)
def test_what_waits_is_joined_with_what_comes_and_never_replayed(waiting, new, is_first, end):
    assert merged(waiting, new, is_first) is end
