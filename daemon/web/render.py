"""Templates to HTML. Every text is escaped, and cleaned of what acts or hides; pages are whole without a script."""

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from ...strategies.verdict.verdict_words import figure
from ...strategies.words import readable
from .languages import LANGUAGES, aged, say_in
from .terms import campaign_called, health_of, interval_of, role_of, state_of

TEMPLATES = Path(__file__).with_name("templates")
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "script-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
REPORT_HEADERS = {**HEADERS, "content-security-policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"}
"""A report has a policy of its own inside, with the digests of its scripts, and asks for nothing from elsewhere."""


def render(template: str, language: str = "en", /, **values: Any) -> str:  # noqa: ANN401 - what the template shows
    """The page of that name, in that language."""
    page: str = _environment(language).get_template(f"{template}.html.j2").render(**values)
    return page


@cache
def _environment(language: str) -> Any:  # noqa: ANN401 - jinja2's, which is loaded when the first page is asked for
    import jinja2

    say = say_in(language)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: readable(value, keep="\n") if type(value) is str else value,
    )
    environment.filters |= {
        "day": _day,
        "minute": _minute,
        "iso": _iso,
        "age": lambda span: aged(span, say),
        "figure": figure,
        "duration": lambda seconds: aged(timedelta(seconds=seconds), say),
        "state": lambda state: state_of(state, say),
        "role": lambda role: role_of(role, say),
        "health": lambda overall: health_of(overall, say),
        "clean": readable,
    }
    environment.globals |= {
        "called": lambda kind, number: campaign_called(kind, number, say),
        "interval": lambda lower, upper: interval_of(lower, upper, say),
        "language": language,
        "others": _others(language),
    }
    environment.install_gettext_translations(say, newstyle=True)  # type: ignore[attr-defined]
    return environment


def _others(language: str) -> list[tuple[str, str]]:
    """The codes and the names of the other languages."""
    return [(code, name) for code, name in LANGUAGES.items() if code != language]


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
