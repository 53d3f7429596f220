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
from starlette.types import ASGIApp, Receive, Scope, Send

from kubeagentix.domain.secrets import Secret
from kubeagentix.errors import UsageError, excerpt

PATH = "/mcp"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
GRACE_S = 1  # for connections that are open when it ends
_BACKLOG = 100


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises UsageError where it cannot."""
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


async def serve(server: Server[Any], listener: socket.socket, token: Secret, hosts: Sequence[str] = ()) -> None:
    """Serves clients until it is cancelled. `hosts`: names it may be called by, besides those of loopback."""
    port = listener.getsockname()[1]
    named = [f"{host}:{port}" for host in LOOPBACK] + [item for host in hosts for item in (host, f"{host}:{port}")]
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=named,
        allowed_origins=[f"{scheme}://{host}" for host in named for scheme in ("http", "https")],
    )
    app = server.streamable_http_app(streamable_http_path=PATH, transport_security=security)
    config = uvicorn.Config(
        _Gate(app, security, token),
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
        await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, request: Request) -> Response | None:
        response = await self._security.validate_request(request)
        if response is not None:
            return response
        if not self._has_token(request.headers.get("authorization", "")):
            headers = {"WWW-Authenticate": "Bearer"}
            return PlainTextResponse("the bearer token is missing or wrong", 401, headers)
        return None

    def _has_token(self, header: str) -> bool:
        """By digests, which are equally long and tell nothing by how long they take to compare."""
        scheme, _, given = header.partition(" ")
        digest = hashlib.sha256(given.strip().encode("utf-8", "replace")).digest()
        return hmac.compare_digest(digest, self._expected) and scheme.lower() == "bearer"
