"""Connections of one try to post: another thread can end them at any stage, for good."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from ...strategies.errors import InputError
from ..addresses import Vetting

ANYWHERE = Vetting(None)


class Connections:
    """Opens connections and keeps a second descriptor of each, which stays ours when TLS takes over the first one.

    A shutdown of it ends the connection while it is opened, in the handshake, and while an answer is read. Only a name
    that is being looked up is waited for, by the thread of the try alone, as long as the system's resolver takes.
    """

    def __init__(self, vetting: Vetting = ANYWHERE) -> None:
        """`vetting`: which addresses may be connected to."""
        self._vetting = vetting
        self._lock = threading.Lock()  # a descriptor that is closed may be another file's a moment later
        self._kept: list[socket.socket] = []
        self._is_cut = False
        self._ends: list[Callable[[], object]] = []

    def cut(self) -> None:
        """End what is open, and what is opened from now on."""
        with self._lock:
            self._is_cut = True
            for kept in self._kept:
                with contextlib.suppress(OSError):
                    kept.shutdown(socket.SHUT_RDWR)
            for end in self._ends:
                end()

    def at_cut(self, end: Callable[[], object]) -> None:
        """Call this, too, when the try is cut; at once where it is already."""
        with self._lock:
            self._ends.append(end)
            if self._is_cut:
                end()

    def close(self) -> None:
        """Give up the second descriptors; called at the end of the try, in its own thread."""
        with self._lock:
            for kept in self._kept:
                kept.close()
            self._kept.clear()

    def session(self, authorities: str | None, target: str | None = None) -> requests.Session:
        """A session whose connections can be cut; no proxy and no .netrc password from the environment.

        `target`: the path and query to ask for, byte for byte; None: as the library writes that of the address.
        `authorities`: a file or folder of certificates to trust instead of the well-known ones, as `SSL_CERT_FILE`
        names it; raises InputError where there is none.
        """
        session = requests.Session()
        session.trust_env = False
        if authorities:
            if not os.access(authorities, os.R_OK):
                raise InputError(
                    f"SSL_CERT_FILE names {authorities}, which cannot be read",
                    "a file of certificates that the service may read",
                    "mend it in the service's environment",
                )
            session.verify = authorities
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(self, target))
        return session

    def open(self, host: str, port: int, timeout_s: float | None) -> socket.socket:
        """A connection to the first address of the host that may be used and takes one.

        Raises OSError, and InputError for a host that may not be connected to.
        """
        failure = OSError("the host has no address")
        for family, kind, protocol, _, address in self._vetting.places(host, port):
            opened = socket.socket(family, kind, protocol)
            try:
                self._keep(opened)
                opened.settimeout(timeout_s)
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened.connect(address)
            except OSError as error:
                opened.close()
                failure = error
            else:
                return opened
        raise failure

    def _keep(self, opened: socket.socket) -> None:
        with self._lock:
            if self._is_cut:
                raise ConnectionAbortedError("the try is over")
            self._kept.append(opened.dup())


class _Adapter(HTTPAdapter):
    """Makes its connections through `Connections`."""

    def __init__(self, connections: Connections, target: str | None) -> None:
        self._connections, self._target = connections, target
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *words: Any, **named: Any) -> None:  # noqa: ANN401 - urllib3's own
        super().init_poolmanager(*words, **named)
        connections, target = self._connections, self._target

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _opened(connections, self)

            def putrequest(self, method: str, url: str, *words: Any, **named: Any) -> None:  # noqa: ANN401
                super().putrequest(method, target or url, *words, **named)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _opened(connections, self)

            def putrequest(self, method: str, url: str, *words: Any, **named: Any) -> None:  # noqa: ANN401
                super().putrequest(method, target or url, *words, **named)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def _opened(connections: Connections, to: HTTPConnection) -> socket.socket:
    """A connection for urllib3, with the errors that it expects of its own method."""
    try:
        return connections.open(to._dns_host.strip("[]"), to.port, to.timeout)  # with a dot at its end, if it has one
    except socket.gaierror as error:
        raise NameResolutionError(to.host, to, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(to, "the connection timed out") from error
    except OSError as error:
        raise NewConnectionError(to, "no connection") from error
