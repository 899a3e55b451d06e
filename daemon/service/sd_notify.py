"""Messages to systemd: ready, status, alive, stopping. Nothing happens where systemd did not start the service.

The protocol is that of sd_notify(3): lines of text in one datagram to the socket $NOTIFY_SOCKET.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notifier:
    """Where the messages go; `address` None: nowhere. `watchdog_s`: how often systemd wants to hear, None: never."""

    address: str | None = None
    watchdog_s: float | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], pid: int | None = None) -> "Notifier":
        """What systemd told this process; a watchdog that is meant for another process is none."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        meant = environ.get("WATCHDOG_PID", "")
        is_meant = not meant or meant == str(os.getpid() if pid is None else pid)
        micros = environ.get("WATCHDOG_USEC", "")
        has_watchdog = is_meant and micros.isdecimal() and int(micros) > 0
        return cls(address, int(micros) / 1e6 if has_watchdog else None)

    def ready(self, status: str) -> bool:
        """The service answers and has done its first round."""
        return self._send("READY=1", f"STATUS={_line(status)}")

    def status(self, status: str) -> bool:
        """One line that `systemctl status` shows."""
        return self._send(f"STATUS={_line(status)}")

    def alive(self) -> bool:
        """Feed the watchdog."""
        return self.watchdog_s is not None and self._send("WATCHDOG=1")

    def stopping(self) -> bool:
        """The service is about to end."""
        return self._send("STOPPING=1")

    def _send(self, *lines: str) -> bool:
        """Whether the message went out; a service does not end because nobody listens."""
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
