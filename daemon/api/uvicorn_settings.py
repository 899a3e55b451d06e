"""How uvicorn serves: few connections, short timeouts, and no log of its own."""

import asyncio
import socket

import uvicorn

from .connections import Connection, QuietErrors, most_connections
from .request_guard import Guard


def _protocol() -> type[Connection]:
    """Connections that know how many of them this process can hold."""
    return type("LimitedConnection", (Connection,), {"most": most_connections()})


def server_config(app: Guard) -> uvicorn.Config:
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
