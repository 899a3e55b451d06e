"""Log events with fields, one per state change, to standard error: for people or as JSON lines.

The events' names are stable, for monitoring searches for them. A test compares the table with the source.
"""

import logging
import sys
from collections.abc import Mapping

import structlog

EVENTS: Mapping[str, str] = {
    "service_started": "the service holds its state folder",
    "service_stopped": "it has ended in good order",
    "api_started": "the API listens",
    "api_verb": "a caller changed something through the API",
    "api_failed": "a request met a bug; the trace follows",
    "token_use_not_noted": "when a token was last used could not be written down",
    "tick_step_failed": "a part of a round failed; the others went on",
    "fault_not_recorded": "not even the failure could be written down",
    "campaign_queued": "a due date came",
    "campaign_waits": "a campaign waits, or waits for another reason than before",
    "campaign_started": "a process was started for a campaign",
    "campaign_beyond_limits": "a campaign asked for by hand was started beyond limits or windows",
    "campaign_adopted": "a process that an earlier service, or a person, started was taken up",
    "campaign_process_ended": "a campaign's process was ended with the service; the campaign stays open",
    "campaign_process_died": "a campaign's process ended without ending its campaign",
    "campaigns_left_running": "the service ends, and these go on",
    "campaign_ended": "a campaign is over: its state, verdict or failure",
    "owner_not_told": "a campaign was given up and the message about it could not be queued",
    "interval_set": "an interval that adapts was set anew",
    "workers_cleared_away": "trainings that an ended campaign left were ended",
    "backup_made": "a checked copy of the database was made",
    "pruned": "what the retention policy no longer keeps was removed",
    "disk_use_not_measured": "what models take up on the disk could not be read; the trace follows",
    "disk_full": "the disk is full; nothing new is begun until it has room",
    "disk_usable_again": "it has room again",
    "message_delivered": "a message was taken by its receiver",
    "message_put_off": "it was not, and is tried again later",
}


def configure(form: str) -> None:
    """Set logging up for a service process; `form` is "console" or "json"."""
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        # the plain trace: the pretty one would load rich, and is 200 lines long in a journal
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, last] if form == "json" else [*shared[:2], last],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
