"""The chart in an e-mail: a real picture by its own process, and a mail without one where none can be drawn."""

import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter
from retuned.daemon.alerts.channel_posts import Occasion
from retuned.daemon.alerts.chart_process import chart_of
from retuned.daemon.alerts.connections import Connections
from retuned.daemon.alerts.mail import mail_of
from retuned.daemon.config.channel_tables import Channels
from retuned.daemon.state.alert_rows import message_of
from retuned.strategies.alerting.message import Event, Kind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHANNEL = TypeAdapter(Channels).validate_python(
    {"x": {"kind": "email", "host": "mail.example.org", "sender": "retuned@example.org", "to": ["ann@example.org"]}}
)["x"]


@pytest.fixture
def stale(judged):
    return replace(message_of(judged.store, 1), id="msg_1", key="k")


def test_an_e_mail_about_a_verdict_shows_the_record_of_its_model_without_fetching_anything(judged, stale):
    chart = chart_of(Connections(), judged.store.state, stale, os.environ)
    mail = mail_of(CHANNEL, "msg_1", stale, Occasion(NOW, {}, "host-1"), chart)
    types = [part.get_content_type() for part in mail.walk()]
    assert types == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    html, picture = list(mail.walk())[3:]
    assert picture["Content-ID"] == "<chart@retuned>"
    assert 'src="cid:chart@retuned"' in html.get_content()
    assert "http" not in html.get_content()
    assert picture.get_content()[:4] == b"\x89PNG"


WITHOUT = [
    {"event": Event.RESOLVED},  # nothing to decide any more
    {"kind": Kind.FAILED},  # no verdict
    {"model": None},  # of several
    {"model": "nobody"},  # it was removed meanwhile
]


@pytest.mark.parametrize("changes", WITHOUT)
def test_a_mail_goes_without_a_chart_where_there_is_none(judged, stale, changes):
    assert chart_of(Connections(), judged.store.state, replace(stale, **changes), os.environ) is None
