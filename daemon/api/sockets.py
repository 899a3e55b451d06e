"""The socket that the API listens on: a TCP port of this machine, or a path in the file system."""

import os
import socket
from pathlib import Path

from ...strategies.errors import ConflictError, StateError
from ..state.running_service import UNIX

BACKLOG = 64
SOCKET_MODE = 0o660  # the group of the service's user may connect, but still needs a token


def listen(wanted: str, mode: int = SOCKET_MODE) -> socket.socket:
    """A listening socket for "HOST:PORT" (port 0: any free one) or "unix:/PATH", that with these permissions.

    Raises StateError when the address cannot be used, ConflictError when another process listens on the path.
    """
    try:
        return _listen_unix(Path(wanted.removeprefix(UNIX)), mode) if wanted.startswith(UNIX) else _listen_tcp(wanted)
    except OSError as error:
        raise StateError(
            f"the API cannot listen on {wanted}: {error.strerror or error}",
            "allowed as [api] listen: an address of this machine with a free port",
            "choose another, such as 127.0.0.1:0 for any free port",
        ) from None


def address_of(listening: socket.socket, *, is_encrypted: bool = False) -> str:
    """The address that callers use; `is_encrypted`: a port is served with TLS."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"{UNIX}{name}"
    host = f"[{name[0]}]" if listening.family == socket.AF_INET6 else name[0]
    return f"{'https' if is_encrypted else 'http'}://{host}:{name[1]}"


def _listen_tcp(wanted: str) -> socket.socket:
    host, _, port = wanted.rpartition(":")
    family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
    return socket.create_server(address, family=family, backlog=BACKLOG)


def _listen_unix(path: Path, mode: int) -> socket.socket:
    _make_free(path)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o777 & ~mode)
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    listening.listen(BACKLOG)
    return listening


def _make_free(path: Path) -> None:
    """Remove a socket that a killed service left behind; raises ConflictError while a process listens there."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ConflictError(
        f"another process listens on {path}", "one service for each socket", "choose another [api] listen"
    )
