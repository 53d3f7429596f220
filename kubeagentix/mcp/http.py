"""MCP over streamable HTTP, for whoever has the token, and from no page of a browser that was led here.

Host and Origin are looked at first (DNS rebinding: https://modelcontextprotocol.io/specification, transports), then
the bearer token. There is no TLS here: beyond this machine that is a proxy's to add.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from kubeagentix.domain.secrets import Secret
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.mcp.progress import HUNG_UP

PATH = "/mcp"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
GRACE_S = 1  # for connections that are open when it ends
MAX_SESSIONS = 2_000  # of 40 kB each; a client that opens one for each call leaves them behind
IDLE_S = 30 * 60  # then a session is over: its client begins another
MAX_CONNECTIONS = 500
FIRST_S = 10.0  # for the head of a first request
_BACKLOG = 64  # as many are taken at once, before one of them can be sent away
_HTTP_PORT = 80  # which clients leave out of the name
_UNKNOWN = "this server is not called by that name; --allow-host NAME gives it one more"


def listening(host: str, port: int, names: Sequence[str] = ()) -> socket.socket:
    """A socket that listens there. Raises UsageError where it cannot, and where nobody could name it by `names`."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        why = excerpt(getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(
            f"cannot listen on {host}:{port}: {why}", hint="take another port, or 0 for a free one"
        ) from error
    if ipaddress.ip_address(found.getsockname()[0]).is_unspecified and not names:
        found.close()
        what = f"{host} is every address of this machine, and no name that a client could call"
        raise UsageError(
            what, hint="add what clients call it, as --allow-host kubeagentix.example, or take one address"
        )
    return found


def is_loopback(host: str) -> bool:
    """Whether only this machine gets there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url_of(listener: socket.socket) -> str:
    """Where a client finds it."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


def names_of(listener: socket.socket, hosts: Sequence[str] = ()) -> list[str]:
    """What a client may call it (its Host): loopback, the address that it listens at, and `hosts`."""
    address, port = listener.getsockname()[:2]
    own = (*LOOPBACK, f"[{address}]" if ":" in address else address)
    named = [f"{host}:{port}" for host in own] + [item for host in hosts for item in (host, f"{host}:{port}")]
    return named + ([*own] if port == _HTTP_PORT else [])


def most_connections() -> int:
    """How many are held at once: at most half of the files that this process may have open."""
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ImportError:
        return MAX_CONNECTIONS
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MAX_CONNECTIONS if limit == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, limit // 2)


async def serve(server: Server[Any], listener: socket.socket, token: Secret, hosts: Sequence[str] = ()) -> None:
    """Serves clients until it is cancelled. `hosts`: names it may be called by, besides those of loopback."""
    named = names_of(listener, hosts)
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=named,
        allowed_origins=[f"{scheme}://{host}" for host in named for scheme in ("http", "https")],
    )
    app = server.streamable_http_app(
        streamable_http_path=PATH, transport_security=security, max_sessions=MAX_SESSIONS, session_idle_timeout=IDLE_S
    )
    config = uvicorn.Config(
        _Gate(app, security, token),
        http=_Wire,
        backlog=_BACKLOG,
        log_level="critical",
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
    )
    running = uvicorn.Server(config)
    work = asyncio.create_task(running.serve(sockets=[listener]))
    try:
        await asyncio.shield(work)
    finally:
        running.should_exit = True
        await asyncio.wait([work], timeout=3 * GRACE_S)
        listener.close()


class _Wire(H11Protocol):
    """A connection. Whoever has asked nothing yet has shown no token either, and is held neither long nor often."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            transport.close()
        else:
            self.loop.call_later(FIRST_S, self._give_up)

    def _give_up(self) -> None:
        if not self.cycle:
            self.transport.close()


class _Gate:
    """Lets through what names this server, comes from no foreign page, and has the token."""

    def __init__(self, app: ASGIApp, security: TransportSecuritySettings, token: Secret) -> None:
        self._app = app
        self._security = TransportSecurityMiddleware(security)
        self._expected = hashlib.sha256(token.reveal().encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = await self._refusal(Request(scope)) if scope["type"] == "http" else PlainTextResponse("", 400)
        left = scope[HUNG_UP] = asyncio.Event()

        async def received() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                left.set()
            return message

        await (refusal or self._app)(scope, received, send)

    async def _refusal(self, request: Request) -> Response | None:
        response = await self._security.validate_request(request)
        if response is not None:
            return PlainTextResponse(_UNKNOWN, 421) if response.status_code == 421 else response
        if not self._has_token(request.headers.get("authorization", "")):
            headers = {"WWW-Authenticate": "Bearer"}
            return PlainTextResponse("the bearer token is missing or wrong", 401, headers)
        return None

    def _has_token(self, header: str) -> bool:
        """By digests, which are equally long and tell nothing by how long they take to compare."""
        scheme, _, given = header.partition(" ")
        digest = hashlib.sha256(given.strip().encode("utf-8", "replace")).digest()
        return hmac.compare_digest(digest, self._expected) and scheme.lower() == "bearer"
