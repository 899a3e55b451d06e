"""Log events with fields, one per state change, to standard error: for people or as JSON lines.

The events' names are stable, because monitoring searches for them. A test compares the table with the source.
"""

import contextlib
import io
import logging
import sys
from collections.abc import Mapping, MutableMapping
from functools import cache
from typing import Any, TextIO, cast

from ..strategies.words import readable
from .lean_imports import hidden
from .masking import masked

EVENTS: Mapping[str, str] = {
    "campaign_process": "a campaign's process stands still, moves again, is ended, or cannot be ended",
    "campaign_without_room": "a campaign's process ended because the disk had no room; this is no try",
    "api_failed_to_accept": "a connection to the API could not be accepted; at most one such line a minute",
    "sign_in_link_made": "somebody asked for a link that signs in to the pages",
    "service_started": "the service started and locked its state folder",
    "service_stopped": "the service stopped cleanly",
    "api_started": "the API listens",
    "certificate_renewed": "the files of [api] tls_cert and tls_key have changed, and are used from now on",
    "certificate_not_renewed": "these files have changed and cannot be used; those from before are served on",
    "api_verb": "a caller changed something through the API",
    "api_failed": "a request met a bug; the trace follows",
    "token_use_not_noted": "the time of a token's last use could not be recorded",
    "tick_step_failed": "a part of a round failed; the others ran",
    "fault_not_recorded": "the failure itself could not be recorded",
    "campaign_queued": "a due date came, or an adoption is to be followed up",
    "campaign_waits": "a campaign waits, or the reason changed",
    "campaign_started": "a process was started for a campaign",
    "campaign_beyond_limits": "a campaign that a person requested was started outside limits or windows",
    "campaign_adopted": "the service now watches a process that an earlier service, or a person, started",
    "campaign_process_ended": "a campaign's process was ended with the service; the campaign stays open",
    "campaign_process_died": "a campaign's process ended without ending its campaign",
    "campaigns_left_running": "the service stops, and these campaigns continue",
    "campaign_ended": "a campaign ended: its state, verdict or failure",
    "owner_not_told": "a campaign was given up and the message about it could not be queued",
    "adopted_by_itself": "a campaign's values became current without a person, as the model file asks",
    "not_adopted_by_itself": "a campaign's values that were to become current without a person did not",
    "hook_ended": "the hook of an adoption ended",
    "hooks_not_run": "hooks of adoptions could not be run; they are tried again in the next round",
    "interval_set": "an adaptive interval was set again",
    "workers_cleared_away": "training runs left by an ended campaign were ended",
    "backup_made": "a checked copy of the database was made",
    "pruned": "data past its retention period was removed",
    "disk_use_not_measured": "the disk use of models could not be measured; the trace follows",
    "disk_full": "the disk is full; nothing new is started until it has space",
    "disk_usable_again": "the disk has space again",
    "alerts_told": "messages about alerts were queued: repeats, ends, what joined a group",
    "message_passed_on": "a message that one receiver did not accept was sent to another, where there is one",
    "message_delivered": "a receiver accepted a message",
    "message_put_off": "a message was not accepted and is retried later",
    "message_given_up": "a message was not accepted and is not sent again; the alert stays in `retuned alerts`",
}


class Log:
    """The log. structlog is loaded with the first event, so that a command which writes none does without it."""

    def info(self, event: str, **fields: object) -> None:
        """Write an event of ordinary work."""
        _structlog().get_logger("retuned").info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write an event that an operator should know of."""
        _structlog().get_logger("retuned").warning(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        """Write an event about something that failed."""
        _structlog().get_logger("retuned").error(event, **fields)

    def exception(self, event: str, **fields: object) -> None:
        """Write an event about the exception that is being handled, with its trace."""
        _structlog().get_logger("retuned").exception(event, **fields)


log = Log()


def configure(form: str) -> None:
    """Set logging up for a service process; `form` is "console" or "json".

    Secrets are masked. Lines for people are cleaned of all that acts on a terminal; JSON escapes it by itself.
    """
    structlog = _structlog()
    shared = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    processors = (
        [*shared, structlog.processors.format_exc_info, _mask, structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            *shared,
            _mask,
            _clean,
            # the plain trace: the pretty one would load rich, and is 200 lines long in a journal
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_plain_trace),
        ]
    )
    structlog.configure(
        processors=processors,
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Lasting(sys.stderr))),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


@cache
def _structlog() -> Any:  # noqa: ANN401 - the module
    with hidden(("rich",)):  # it would load that for traces which are never written
        import structlog

    return structlog


def _mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: masked(value) if isinstance(value, str) else value for name, value in event.items()}


def _clean(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: readable(value) if isinstance(value, str) else value for name, value in event.items()}


def _plain_trace(out: TextIO, error: Any) -> None:  # noqa: ANN401 - structlog's own record of an exception
    trace = io.StringIO()
    _structlog().dev.plain_traceback(trace, error)
    out.write(readable(masked(trace.getvalue()), keep="\n"))


class _Lasting(io.TextIOBase):
    """A stream that is written where it can be: a service outlives the reader of its log, and a full disk."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()
