"""The socket that the API listens on: a TCP port of this machine, or a path in the file system."""

import os
import socket
from pathlib import Path

from ...strategies.errors import ConflictError, StateError
from ..state.running_service import UNIX

BACKLOG = 64
SOCKET_MODE = 0o660  # the group of the service's user may connect, and needs a token then


def listen(wanted: str) -> socket.socket:
    """A listening socket for "HOST:PORT" (port 0: a free one) or "unix:/PATH".

    Raises StateError when that cannot be had, ConflictError when another process has it.
    """
    try:
        return _listen_unix(Path(wanted.removeprefix(UNIX))) if wanted.startswith(UNIX) else _listen_tcp(wanted)
    except OSError as error:
        raise StateError(
            f"the API cannot listen on {wanted}: {error.strerror or error}",
            "[api] listen: an address of this machine whose port is free",
            "choose another, or 127.0.0.1:0 for any free port",
        ) from None


def address_of(listening: socket.socket) -> str:
    """The address that callers use."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"{UNIX}{name}"
    host = f"[{name[0]}]" if listening.family == socket.AF_INET6 else name[0]
    return f"http://{host}:{name[1]}"


def _listen_tcp(wanted: str) -> socket.socket:
    host, _, port = wanted.rpartition(":")
    family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    return socket.create_server(address, family=family, backlog=BACKLOG)


def _listen_unix(path: Path) -> socket.socket:
    _make_free(path)
    made = socket.socket(socket.AF_UNIX)
    before = os.umask(0o777 & ~SOCKET_MODE)
    try:
        made.bind(str(path))
    except OSError:
        made.close()
        raise
    finally:
        os.umask(before)
    made.listen(BACKLOG)
    return made


def _make_free(path: Path) -> None:
    """Remove a socket that a killed service left; raises ConflictError while somebody listens there."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ConflictError(f"another process listens on {path}", "one service a socket", "choose another [api] listen")
