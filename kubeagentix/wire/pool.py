"""The HTTP client that all SDKs share: connections and TLS settings, never a credential, a header or a cookie.

Measured: an SDK client of its own costs 26 ms, nearly all of it for reading the trusted certificates; one over this
client costs 0.1 ms. So every request gets an SDK client with its own credential, over one pool for each event loop,
and the turns of a run save the TLS handshake.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
from collections.abc import AsyncGenerator
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from kubeagentix.wire import catching

CONNECT_S = 10.0
WRITE_S = 30.0
KEEPALIVE_S = 60.0  # an idle connection is closed after that; load balancers keep them a little longer

_pools: dict[asyncio.AbstractEventLoop, tuple[Any, AsyncGenerator[None, None]]] = {}


@cache
def tls() -> ssl.SSLContext:
    """Whom we trust: the operating system's certificates, or those of SSL_CERT_FILE and SSL_CERT_DIR."""
    context: ssl.SSLContext = importlib.import_module("httpx2").create_ssl_context()
    return context


async def shared() -> Any:
    """The `httpx2.AsyncClient` of the running loop; closed when the loop shuts down its generators.

    Where what is sent is caught, one that sends nothing.
    """
    if (catcher := catching.current()) is not None:
        return catching.client(catcher)
    loop = asyncio.get_running_loop()
    if loop not in _pools:
        client = await asyncio.to_thread(_new_client)
        if loop not in _pools:
            keeper = _closing(client, loop)
            await anext(keeper)
            _pools[loop] = (client, keeper)
    return _pools[loop][0]


async def view() -> Any:
    """The shared client as one call sees it, for an SDK that does not close what it opens: see `release`."""
    client = await shared()
    opened: list[Any] = []

    async def send(_: Any, request: Any, **options: Any) -> Any:
        opened.append(await client.send(request, **options))
        return opened[-1]

    members = {
        "__init__": lambda _: None,
        "send": send,
        "build_request": lambda _, *given, **named: client.build_request(*given, **named),
        "is_closed": property(lambda _: client.is_closed),
        "opened": opened,
    }
    return type("View", (type(client),), members)()


async def release(view_: Any) -> None:
    """Closes the answers that were opened through a view and are not over."""
    for response in view_.opened:
        await response.aclose()


def timeout(idle_s: float) -> Any:
    """At most `idle_s` between two bytes of an answer."""
    httpx2 = importlib.import_module("httpx2")
    return httpx2.Timeout(connect=min(CONNECT_S, idle_s), read=idle_s, write=WRITE_S, pool=CONNECT_S)


@cache
def sync_stub() -> Any:
    """A blocking client for google-genai, which wants one and is never made to use it."""
    return importlib.import_module("httpx2").Client(verify=tls())


def _new_client() -> Any:
    httpx2 = importlib.import_module("httpx2")
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=KEEPALIVE_S)
    no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    return httpx2.AsyncClient(verify=tls(), limits=limits, cookies=no_cookies, follow_redirects=False)


async def _closing(client: Any, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None, None]:
    # asyncio.run closes suspended generators before it closes their loop: the one moment at which to let go.
    try:
        yield
    finally:
        _pools.pop(loop, None)
        await client.aclose()
