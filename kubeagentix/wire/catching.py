"""A request that is caught as it leaves: all that makes it is real, the client included, and only the sending is not.

Whoever opens a connection or starts a program asks `current()` first. What is caught never gets an answer: its sender
waits until it is cancelled, so that nothing takes a made-up answer for a model's.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from kubeagentix.domain.payloads import HIDDEN, Payload

# Headers that hold no secret, whoever sets them; all others are shown by their names.
_PLAIN = re.compile(
    r"accept|accept-encoding|anthropic-beta|anthropic-version|connection|content-length|content-type|host|openai-beta"
    r"|user-agent|x-goog-api-client|x-server-timeout|x-stainless-[a-z-]+"
)


class Catcher:
    """Holds the first request that is caught."""

    def __init__(self) -> None:
        self.payload: Payload | None = None
        self.has_caught = asyncio.Event()

    def take(self, payload: Payload) -> None:
        """Keeps a request; only the first counts."""
        if self.payload is None:
            self.payload = payload
            self.has_caught.set()


_catcher: ContextVar[Catcher | None] = ContextVar("catcher", default=None)


def current() -> Catcher | None:
    """Who catches what is sent here, if anybody does."""
    return _catcher.get()


@contextmanager
def catching() -> Iterator[Catcher]:
    """Catches what this task, and tasks that it starts meanwhile, would send."""
    catcher = Catcher()
    token = _catcher.set(catcher)
    try:
        yield catcher
    finally:
        _catcher.reset(token)


def client(catcher: Catcher) -> Any:
    """An `httpx2.AsyncClient` whose requests go to `catcher` and nowhere else."""
    httpx2 = importlib.import_module("httpx2")

    async def handle(_: Any, request: Any) -> Any:
        body = await request.aread()
        catcher.take(_payload(request.method, str(request.url), request.headers.multi_items(), body))
        await asyncio.Event().wait()  # for ever: whoever looks cancels it

    transport = type("Catching", (httpx2.AsyncBaseTransport,), {"handle_async_request": handle})
    return httpx2.AsyncClient(transport=transport(), follow_redirects=False)


def _payload(method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> Payload:
    parts = urlsplit(url)
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    shown = {name.lower(): value if _PLAIN.fullmatch(name.lower()) else HIDDEN for name, value in headers}
    return Payload(to=f"{method} {address}", headers=shown, body=json.loads(body) if body else None)
