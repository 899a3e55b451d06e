"""How uvicorn serves: few connections, short timeouts, TLS where it is wanted, and no log of its own."""

import asyncio
import socket
import ssl

import uvicorn

from ...strategies.errors import InputError
from ..certificates import Certificate
from ..config.api_table import ApiTable
from ..logs import log
from .connections import Connection, QuietErrors, most_connections
from .request_guard import Guard

HANDSHAKE_TIMEOUT_S = 10.0
RENEWED_EVERY_TICKS = 600  # of uvicorn's, ten a second: files of a renewed certificate are seen within a minute


class Server(uvicorn.Server):
    """Listens on the network with TLS, where there is a certificate; sockets in the file system are never encrypted."""

    certificate: Certificate | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, each socket as its kind wants it."""
        loop, config = asyncio.get_running_loop(), self.config
        self.servers = []
        for listening in sockets or []:
            context = None if listening.family == socket.AF_UNIX else self._context()
            self.servers.append(await loop.create_server(
                lambda: config.http_protocol_class(config=config, server_state=self.server_state, app_state={}),  # type: ignore[call-arg]
                sock=listening, ssl=context, backlog=config.backlog,
                ssl_handshake_timeout=None if context is None else HANDSHAKE_TIMEOUT_S,
            ))  # fmt: skip
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Look from time to time whether the certificate was renewed."""
        if self.certificate is not None and counter % RENEWED_EVERY_TICKS == 0:
            renew(self.certificate)
        return await super().on_tick(counter)

    def _context(self) -> ssl.SSLContext | None:
        return None if self.certificate is None else self.certificate.context


def server_of(app: Guard, table: ApiTable) -> Server:
    """The server of this application. Raises InputError where the certificate or its key cannot be used."""
    server = Server(_config(app))
    if table.tls_cert is not None and table.tls_key is not None:
        server.certificate = Certificate(table.tls_cert, table.tls_key)
    return server


def renew(certificate: Certificate) -> None:
    """Serve with a certificate that was renewed, and log it; with the one from before where the new one is wrong."""
    try:
        if certificate.renew():
            log.info("certificate_renewed")
    except InputError as error:
        log.error("certificate_not_renewed", error=str(error))


def _protocol() -> type[Connection]:
    """Connections that know how many of them this process can hold."""
    return type("LimitedConnection", (Connection,), {"most": most_connections()})


def _config(app: Guard) -> uvicorn.Config:
    """Few connections, short timeouts and no log of uvicorn's own: what matters is logged as an event."""
    return uvicorn.Config(
        app, loop="asyncio", http=_protocol(), ws="none", lifespan="off", log_config=None, log_level="critical",
        access_log=False, server_header=False, date_header=False, proxy_headers=False,
        timeout_keep_alive=5, timeout_graceful_shutdown=5,
    )  # fmt: skip


def run(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
    """Serve until told to exit."""

    async def serve() -> None:
        asyncio.get_running_loop().set_exception_handler(QuietErrors())
        await server.serve(sockets)

    asyncio.run(serve())
