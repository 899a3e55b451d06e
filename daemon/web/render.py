"""Templates to HTML. Every text is escaped, and cleaned of what acts or hides; pages are whole without a script."""

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from ...strategies.verdict.verdict_words import figure
from ...strategies.words import age, counted, readable

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


def render(template: str, **values: Any) -> str:  # noqa: ANN401 - whatever the template shows
    """The page of that name."""
    page: str = _environment().get_template(f"{template}.html.j2").render(**values)
    return page


@cache
def _environment() -> Any:  # noqa: ANN401 - jinja2's, which is loaded when the first page is asked for
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: readable(value, keep="\n") if type(value) is str else value,
    )
    environment.filters |= {
        "day": _day,
        "minute": _minute,
        "iso": _iso,
        "age": age,
        "figure": figure,
        "duration": _duration,
    }
    environment.globals |= {"counted": counted}
    return environment


def _duration(seconds: float) -> str:
    return age(timedelta(seconds=seconds))


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
