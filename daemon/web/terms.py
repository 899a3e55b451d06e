"""Words of small closed sets in a language: kinds of campaigns, states of models, roles, months, intervals."""

from datetime import date

from ...strategies.verdict.verdict_words import figure
from .languages import ENGLISH, Say


def kind_of(kind: str, say: Say = ENGLISH) -> str:
    """What a campaign of that kind is called."""
    return {"retune": say.gettext("re-evaluation"), "baseline": say.gettext("baseline")}.get(kind, kind)


def campaign_called(kind: str, number: int, say: Say = ENGLISH) -> str:
    """A campaign by its kind and number: "re-evaluation 3"."""
    return say.gettext("%(kind)s %(number)d") % {"kind": kind_of(kind, say), "number": number}


def state_of(state: str, say: Say = ENGLISH) -> str:
    """The state of a model in a word."""
    words = {"active": say.gettext("active"), "paused": say.gettext("paused"), "retired": say.gettext("retired")}
    return words.get(state, state)


def role_of(role: str, say: Say = ENGLISH) -> str:
    """The role of a person or token in a word."""
    words = {"viewer": say.gettext("viewer"), "operator": say.gettext("operator"), "admin": say.gettext("admin")}
    return words.get(role, role)


def health_of(overall: str, say: Say = ENGLISH) -> str:
    """The health of the service in a word."""
    words = {"ok": say.gettext("ok"), "degraded": say.gettext("degraded"), "failing": say.gettext("failing")}
    return words.get(overall, overall)


def interval_of(lower: float | None, upper: float | None, say: Say = ENGLISH) -> str:
    """An interval in words; None: it is open at that end."""
    if lower is None and upper is None:
        return say.gettext("open at both ends")
    if lower is None:
        return say.gettext("open to %(upper)s") % {"upper": figure(upper)}
    if upper is None:
        return say.gettext("%(lower)s to open") % {"lower": figure(lower)}
    return say.gettext("%(lower)s to %(upper)s") % {"lower": figure(lower), "upper": figure(upper)}


def month_of(day: date, say: Say = ENGLISH) -> str:
    """The month of a day with its year: "November 2026"."""
    names = (
        say.gettext("January"), say.gettext("February"), say.gettext("March"), say.gettext("April"),
        say.gettext("May"), say.gettext("June"), say.gettext("July"), say.gettext("August"),
        say.gettext("September"), say.gettext("October"), say.gettext("November"), say.gettext("December"),
    )  # fmt: skip
    return say.gettext("%(month)s %(year)d") % {"month": names[day.month - 1], "year": day.year}


def weekdays(say: Say = ENGLISH) -> tuple[str, ...]:
    """The days of a week from Monday, short."""
    return (
        say.gettext("Mo"), say.gettext("Tu"), say.gettext("We"), say.gettext("Th"), say.gettext("Fr"),
        say.gettext("Sa"), say.gettext("Su"),
    )  # fmt: skip
