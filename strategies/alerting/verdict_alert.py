"""What alert a verdict calls for: its kind and cause, how loud it is, and the facts that are read first."""

from dataclasses import dataclass
from datetime import datetime

from ..records import Outcome
from ..verdict.notice import Notice, Subject
from ..verdict.verdict_records import Reason, Verdict
from ..verdict.verdict_words import figure
from ..words import in_digits
from .message import Kind, Severity

OF_VERDICTS = (Kind.STALE, Kind.DEGRADED, Kind.BROKEN, Kind.INCONCLUSIVE, Kind.DATA)
"""The kinds of alerts that a verdict raises, of which a model has the last verdict's alone."""
SETTLED_BY_ADOPTION = (Kind.STALE, Kind.BROKEN, Kind.INCONCLUSIVE)
"""What other settings put an end to; scores that fell because the data got harder stay fallen."""
_OF_DATA = ("the data changed", "the training code changed")
_MONTHLY = 100.0


@dataclass(frozen=True, slots=True)
class Background:
    """What else is known of the settings that a verdict is about.

    `fresh_at`: when they were last found FRESH; None: never. `value_per_unit`: what a month with one unit of the metric
    more is worth, in `currency`; None: the owner does not say.
    """

    adopted_at: datetime
    fresh_at: datetime | None = None
    value_per_unit: float | None = None
    currency: str = ""


def kind_of(verdict: Verdict) -> Kind:
    """The kind of alert about a verdict. FRESH has one only for suspect data."""
    if verdict.reason is Reason.LOOK_AT_DATA or verdict.outcome is Outcome.FRESH:
        return Kind.DATA
    return Kind(verdict.outcome.value)


def severity_of(verdict: Verdict, notice: Notice) -> Severity:
    """How loudly it is told. BROKEN cannot wait: the next training of the model in production may fail, too. What waits
    for the digest is not told by itself."""
    if notice.severity != "alert":
        return Severity.INFO
    return Severity.CRITICAL if verdict.outcome is Outcome.BROKEN else Severity.WARNING


def title_of(notice: Notice) -> str:
    """The notice's title without the word for strong evidence, which is no urgency: a stale model still works."""
    return notice.title.removeprefix("Critical: ")


def shared_change(trigger: str, reason: str, changes: tuple[str, ...]) -> str:
    """What other models may have in common with this one: the change of hardware or software; empty without one.

    `reason`: what made the campaign due; `changes`: what changed since the settings were adopted.
    """
    if trigger == "environment":
        return next((part for part in reason.split("; ") if not part.startswith("the data")), "")
    described = [change for change in changes if not change.startswith(_OF_DATA)]
    return described[-1] if described else ""


def sentences_of(notice: Notice, verdict: Verdict, background: Background) -> tuple[str, ...]:
    """What the alert says: first whether it can wait and what waiting costs, then what the notice says."""
    cost = _cost(verdict, background)
    costs = f" Keeping these settings costs {cost}." if cost else ""
    if verdict.outcome is Outcome.BROKEN:
        lead = "Look at this tonight: the next training of this model in production is likely to fail, too."
    elif verdict.outcome is Outcome.STALE:
        lead = f"This can wait until working hours: the model works as before, only not as well as it could.{costs}"
    else:
        lead = "This can wait until working hours: no model that is in use changes by itself."
    return (lead, *notice.sentences)


def facts_of(subject: Subject, verdict: Verdict, background: Background) -> tuple[tuple[str, str], ...]:
    """Labels and values: what is lost, what that costs, since when, whether it can wait."""
    return tuple(
        fact
        for fact in (
            ("Loses", _loss(subject, verdict)),
            ("Costs", _cost(verdict, background)),
            ("Since", _since(verdict, background)),
            ("Tonight", _tonight(verdict)),
        )
        if fact[1]
    )


def _loss(subject: Subject, verdict: Verdict) -> str:
    if subject.recommended is None or verdict.lower is None or verdict.mean is None:
        return ""
    return f"{subject.metric} worse by {in_digits(verdict.lower, 3)} at least, {in_digits(verdict.mean, 3)} on average"


def _cost(verdict: Verdict, background: Background) -> str:
    """Money a month, where the owner says what a unit of the metric is worth and better settings are confirmed."""
    value = background.value_per_unit
    if value is None or not verdict.challenger_confirmed or verdict.lower is None or verdict.mean is None:
        return ""
    least, mean = max(0.0, verdict.lower * value), max(0.0, verdict.mean * value)
    unit = f" {background.currency}" if background.currency else ""
    return f"{_money(least)}{unit} a month at least, {_money(mean)}{unit} on average"


def _money(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= _MONTHLY else figure(amount)


def _since(verdict: Verdict, background: Background) -> str:
    if verdict.outcome is Outcome.FRESH:
        return ""
    adopted = f"the settings are of {background.adopted_at:%Y-%m-%d}"
    if background.fresh_at is None:
        return f"{adopted}; no re-evaluation has found them fresh since"
    return f"found fresh on {background.fresh_at:%Y-%m-%d} for the last time; {adopted}"


def _tonight(verdict: Verdict) -> str:
    return "yes" if verdict.outcome is Outcome.BROKEN else "no, this week will do"
