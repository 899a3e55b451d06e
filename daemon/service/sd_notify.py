"""Messages to systemd: ready, status, alive, stopping. Nothing is sent where systemd did not start the service.

The protocol is sd_notify(3): lines of text in one datagram to the socket $NOTIFY_SOCKET.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notifier:
    """Where messages are sent; `address` None: nowhere. `watchdog_s`: the watchdog's interval; None: no watchdog."""

    address: str | None = None
    watchdog_s: float | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], pid: int | None = None) -> "Notifier":
        """The notifier that systemd set up for this process; a watchdog meant for another process is ignored."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        watched = environ.get("WATCHDOG_PID", "")
        is_ours = not watched or watched == str(os.getpid() if pid is None else pid)
        micros = environ.get("WATCHDOG_USEC", "")
        has_watchdog = is_ours and micros.isdecimal() and int(micros) > 0
        return cls(address, int(micros) / 1e6 if has_watchdog else None)

    def ready(self, status: str) -> bool:
        """Say that the service answers and has completed its first round."""
        return self._send("READY=1", f"STATUS={_line(status)}")

    def status(self, status: str) -> bool:
        """Send the line that `systemctl status` shows."""
        return self._send(f"STATUS={_line(status)}")

    def alive(self) -> bool:
        """Ping the watchdog; False where there is none."""
        return self.watchdog_s is not None and self._send("WATCHDOG=1")

    def stopping(self) -> bool:
        """Say that the service is about to end."""
        return self._send("STOPPING=1")

    def _send(self, *lines: str) -> bool:
        """Whether the message was sent; a service does not end because no one listens."""
        if self.address is None:
            return False
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(1.0)
                sender.sendto("\n".join(lines).encode(), address)
        except OSError:
            return False
        return True


def _line(text: str) -> str:
    return " ".join(text.split())
