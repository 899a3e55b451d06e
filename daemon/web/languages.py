"""The languages of the pages: which one a reader gets, and sentences in it.

Records stay in English, as they are stored, sent and searched: alerts, verdicts, doctor's findings, sentences of plans,
phases, triggers, reasons, acts of the audit. Templates mark them by the macro `record`.
"""

from datetime import timedelta
from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path

from ...strategies.words import age

LANGUAGES = {"en": "English", "ko": "한국어"}
"""By the code of each its name in itself; what is written in the source is the first."""
COOKIE = "retuned_language"
LOCALE = Path(__file__).with_name("locale")

Say = NullTranslations
"""Gives a sentence of the source in a language."""


@cache
def say_in(language: str) -> Say:
    """What gives the sentences in a language of LANGUAGES."""
    return ENGLISH if language == "en" else translation("messages", LOCALE, [language])


ENGLISH = Say()


def language_of(chosen: str, accepted: str) -> str:
    """The language of a reader: the one that was chosen, else the first that the browser accepts and we have.

    `chosen`: what the cookie holds; `accepted`: the header Accept-Language.
    """
    if chosen in LANGUAGES:
        return chosen
    wanted = [part.strip().partition(";") for part in accepted[:500].split(",")]
    ranked = sorted(wanted, key=lambda part: -_weight(part[2]))
    known = (name.strip().lower().split("-")[0] for name, _, weight in ranked if _weight(weight) > 0)
    return next((name for name in known if name in LANGUAGES), "en")


def aged(span: timedelta, say: Say) -> str:
    """How long ago something was, in the language: "35 hours"."""
    number, unit = age(span).split()
    num = int(number)
    words = {
        "second": say.ngettext("%(num)d second", "%(num)d seconds", num),
        "minute": say.ngettext("%(num)d minute", "%(num)d minutes", num),
        "hour": say.ngettext("%(num)d hour", "%(num)d hours", num),
        "day": say.ngettext("%(num)d day", "%(num)d days", num),
    }
    return words[unit.removesuffix("s")] % {"num": num}


def _weight(parameter: str) -> float:
    """The q of an entry of Accept-Language; 1 where it has none, 0 where it is no number."""
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
