"""The chart of an e-mail, drawn in a process of its own that ends after it; a mail goes without rather than not."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ...strategies.alerting.message import AlertMessage, Event
from ...strategies.alerting.verdict_alert import OF_VERDICTS
from .connections import Connections

_CHILD = f"{__package__.rpartition('.')[0]}.reports.chart_child"
ENDS_AFTER_S = 12.0  # which leaves some of a try's time for the mail server
MOST_BYTES = 500_000
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "MPLCONFIGDIR", "TMPDIR")
_SHOWN_WITH = frozenset({Event.OPENED, Event.REPEATED, Event.ESCALATED, Event.SNOOZE_ENDED})
_PNG = b"\x89PNG\r\n"


def chart_of(
    connections: Connections, state: Path | None, message: AlertMessage, environ: Mapping[str, str]
) -> bytes | None:
    """The PNG of the drift record of the model whose verdict the message tells; None: there is none, or it cannot be
    drawn in time."""
    if state is None or message.model is None or message.kind not in OF_VERDICTS or message.event not in _SHOWN_WITH:
        return None
    kept = {name: environ[name] for name in _KEPT if name in environ}
    with subprocess.Popen(
        [sys.executable, "-m", _CHILD, str(state), message.model],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=kept,
    ) as child:  # fmt: skip
        connections.at_cut(child.kill)
        try:
            drawn, _ = child.communicate(timeout=ENDS_AFTER_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return None
    return drawn if child.returncode == 0 and drawn.startswith(_PNG) and len(drawn) <= MOST_BYTES else None
