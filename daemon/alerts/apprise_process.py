"""Messages through Apprise, in a process of its own that ends after each: its services run code of many authors."""

import json
import subprocess
import sys
from collections.abc import Mapping

from ...strategies.errors import InputError
from ..config.config import resolve_secret
from ..state.outbox import Outcome
from .connections import Connections

_CHILD = f"{__package__}.apprise_child"
ENDS_AFTER_S = 18.0  # before the try is cut
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE")
"""What the process gets of the environment: no secret of another channel, and no proxy."""
_WHY = {
    "missing": "Apprise is not installed",
    "unknown": "Apprise does not know an address of this form",
    "refused": "the service did not take it, or could not be reached; Apprise does not say which",
}


def send_apprise(
    connections: Connections, reference: str, form: Mapping[str, str], environ: Mapping[str, str]
) -> Outcome:
    """Send it in a short-lived process. Raises InputError where the address cannot be read, or Apprise is missing."""
    question = json.dumps({"url": resolve_secret(reference, environ), **form})
    command = [sys.executable, "-m", _CHILD]
    kept = {name: environ[name] for name in _KEPT if name in environ}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=kept
    ) as child:
        connections.at_cut(child.kill)
        try:
            said, _ = child.communicate(question, ENDS_AFTER_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return Outcome(f"no answer within {ENDS_AFTER_S:g} s")
    end = said.strip()
    if end == "missing":
        raise InputError(_WHY[end], "Apprise 2.3 or newer", "pip install 'retuned[apprise]'")
    return Outcome(None if end == "sent" else _WHY.get(end, "Apprise ended with an error"))
