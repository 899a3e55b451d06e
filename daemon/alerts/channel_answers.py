"""What the answer of each kind of channel means: accepted, tried again on schedule, or never passed.

Sources: PagerDuty, "Response codes & retry logic" (202; 400 no; 429 and 5xx yes); Slack, "Handling errors" of incoming
webhooks (200 and the text ok; a short word says what is wrong); Microsoft, Workflows webhooks (202); Alertmanager,
api/v2/openapi.yaml (200). An error that no later try can pass is final, so that it is told at once.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from ...strategies.alerting.routing import ChannelKind
from ...strategies.words import readable
from ..masking import masked
from ..state.outbox import Outcome
from .answers import outcome_of
from .posting import Answer

READ_BYTES = 2_048
_MOST_SHOWN = 160
_ACCEPTED: Mapping[ChannelKind, frozenset[int]] = {
    ChannelKind.SLACK: frozenset({200}),
    ChannelKind.PAGERDUTY: frozenset({202}),
    ChannelKind.TEAMS: frozenset({200, 202}),
    ChannelKind.ALERTMANAGER: frozenset({200}),
}
_HINTS: Mapping[tuple[ChannelKind, int], str] = {
    (ChannelKind.SLACK, 400): "Slack cannot use this message",
    (ChannelKind.SLACK, 403): "the workspace does not allow this webhook; make a new one",
    (ChannelKind.SLACK, 404): "Slack knows no such webhook or channel any more; make a new one",
    (ChannelKind.SLACK, 410): "the Slack channel is archived; make a webhook for another",
    (ChannelKind.TEAMS, 400): "the workflow cannot use this message; is it one that posts a card on a webhook request?",
    (ChannelKind.TEAMS, 401): "the address is not complete; copy it again, to its end",
    (ChannelKind.TEAMS, 403): "the address is not complete, or its owner may not post there any more",
    (ChannelKind.TEAMS, 404): "the workflow was deleted or turned off; make a new one",
    (ChannelKind.PAGERDUTY, 400): "PagerDuty cannot use this event; check that routing_key is that of an integration of"
    " type Events API v2",
    (ChannelKind.ALERTMANAGER, 400): "Alertmanager cannot use this alert",
    (ChannelKind.ALERTMANAGER, 401): "check token",
    (ChannelKind.ALERTMANAGER, 403): "check token",
    (ChannelKind.ALERTMANAGER, 404): "check url: it ends before /api/v2",
    (ChannelKind.WEBHOOK, 400): "the receiver does not accept it; check secrets, and that the address takes JSON",
    (ChannelKind.WEBHOOK, 401): "check secrets and url",
    (ChannelKind.WEBHOOK, 403): "check secrets and url",
    (ChannelKind.WEBHOOK, 404): "check url",
    (ChannelKind.WEBHOOK, 405): "check url",
}
_FINAL = frozenset(
    {
        (ChannelKind.SLACK, 400),
        (ChannelKind.SLACK, 403),
        (ChannelKind.SLACK, 404),
        (ChannelKind.SLACK, 410),
        (ChannelKind.TEAMS, 404),
        (ChannelKind.PAGERDUTY, 400),
        (ChannelKind.ALERTMANAGER, 400),
    }
)


def channel_outcome(kind: ChannelKind, answer: Answer, url: str, now: datetime) -> Outcome:
    """What an answer means for its message; the error quotes the receiver in few words, and never the address."""
    said = _said(answer.text)
    accepted = _ACCEPTED.get(kind)
    is_accepted = 200 <= answer.status < 300 if accepted is None else answer.status in accepted
    if is_accepted and (kind is not ChannelKind.SLACK or said == "ok"):
        return Outcome(None)
    if 200 <= answer.status < 300:
        expected = "200 and ok" if kind is ChannelKind.SLACK else " or ".join(map(str, sorted(accepted or ())))
        return Outcome(f"HTTP status {answer.status}{_quoted(said)}, expected {expected}: something else answers there")
    outcome = outcome_of(answer.status, answer.location, answer.retry_after, url, now)
    hint = _HINTS.get((kind, answer.status))
    error = outcome.error if hint is None else f"HTTP status {answer.status}: {hint}"
    is_final = outcome.is_final or (kind, answer.status) in _FINAL
    return replace(outcome, error=f"{error}{_quoted(said)}", is_final=is_final)


def _said(text: str) -> str:
    """The receiver's own words, cleaned and short; a page of HTML says nothing."""
    shown = " ".join(readable(masked(text[:READ_BYTES]), keep="\n").split())
    if re.match(r"<(!doctype|html|\?xml)", shown, re.IGNORECASE):
        return ""
    return shown[:_MOST_SHOWN]


def _quoted(said: str) -> str:
    return f" (it says: {said})" if said else ""
