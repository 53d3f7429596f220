"""What may befall an answer of the API server on its way: a class for each mishap, around the healthy answer.

Bodies that are huge are made while they are sent, and never held.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import cached_property
from typing import Any, Literal, Protocol

import msgspec
from aiohttp import web

from kubeagentix.demo.answers import JSON, common_headers, error_answer, text_answer
from kubeagentix.demo.api_errors import StatusError
from kubeagentix.demo.store import Store

PIECE_BYTES = 1 << 18
LOGIN_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form>Please sign in.</form></body></html>\n"
)
_STAMP = b"2026-01-15T10:00:00.000000000Z "


@dataclass(frozen=True, slots=True)
class Struck:
    """A request that a mishap befalls; `healthy` makes the answer that it would have had."""

    request: web.Request
    healthy: Callable[[], Awaitable[web.StreamResponse]]


class Mishap(Protocol):
    """Answers a request in its own way."""

    async def answer(self, struck: Struck) -> web.StreamResponse:
        """The answer; where the connection is gone, one that is not sent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An error status. `retry_after` is told in seconds or as a date, or not at all (None)."""

    status: int
    retry_after: int | datetime | None = None

    async def answer(self, _struck: Struck) -> web.StreamResponse:
        """The refusal, as a server words it."""
        headers = {} if self.retry_after is None else {"Retry-After": _retry_after(self.retry_after)}
        if self.status == 429:
            return text_answer("Too many requests, please try again later.\n", 429, headers)
        response = error_answer(_failure(self.status))
        response.headers.update(headers)
        return response


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """No answer: the connection is closed, or reset (RST)."""

    is_reset: bool = False

    async def answer(self, struck: Struck) -> web.StreamResponse:
        """Nothing."""
        return _hung_up(struck.request, is_reset=self.is_reset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delayed:
    """The first byte comes after `first_byte_s`; the rest at `bytes_per_s`, if given."""

    first_byte_s: float = 0.0
    bytes_per_s: float | None = None

    async def answer(self, struck: Struck) -> web.StreamResponse:
        """The healthy answer, slowly."""
        await asyncio.sleep(self.first_byte_s)
        made = await struck.healthy()
        body = _body(made)
        if self.bytes_per_s is None or body is None:
            return made
        response = _begun(made)
        response.content_length = len(body)
        await response.prepare(struck.request)
        for byte in body:
            await asyncio.sleep(1 / self.bytes_per_s)
            await response.write(bytes((byte,)))
        return response


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The connection ends after `share` of the body. `framing` says by what a client can tell that more was to come."""

    share: float = 0.5
    framing: Literal["length", "chunked"] = "length"
    is_reset: bool = False

    async def answer(self, struck: Struck) -> web.StreamResponse:
        """The beginning of the healthy answer."""
        made = await struck.healthy()
        body = _body(made)
        if body is None:
            return made
        response = _begun(made)
        if self.framing == "length":
            response.content_length = len(body)
        else:
            response.enable_chunked_encoding()
        await response.prepare(struck.request)
        await response.write(body[: max(1, int(len(body) * self.share))])
        await asyncio.sleep(0.2)  # so that it has been read before the end comes, which a reset would overtake
        return _hung_up(struck.request, is_reset=self.is_reset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated:
    """A whole answer, by its length, of which `share` of the text is there."""

    share: float = 0.5

    async def answer(self, struck: Struck) -> web.StreamResponse:
        """The healthy answer's beginning as if it were all."""
        made = await struck.healthy()
        body = _body(made)
        if body is None:
            return made
        return web.Response(body=body[: int(len(body) * self.share)], status=made.status, headers=_headers(made))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """Another answer altogether, such as the login page of a proxy with status 200; `body` None keeps the body."""

    body: str | None = LOGIN_PAGE
    content_type: str = "text/html; charset=utf-8"
    status: int = 200

    async def answer(self, struck: Struck) -> web.StreamResponse:
        """The answer that was put in its place."""
        if self.body is not None:
            return web.Response(
                body=self.body.encode(), status=self.status, headers={"Content-Type": self.content_type}
            )
        made = await struck.healthy()
        made.headers["Content-Type"] = self.content_type
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Flooded:
    """A log of `size_bytes` in lines of `line_bytes` (0: one line without an end), whatever limit was asked for."""

    size_bytes: int
    line_bytes: int = 120

    async def answer(self, struck: Struck) -> web.StreamResponse:
        """The log, sent as long as somebody reads it."""
        response = web.StreamResponse(headers={**common_headers(), "Content-Type": "text/plain"})
        await response.prepare(struck.request)
        piece = self._piece()
        left = self.size_bytes
        while left > 0 and not _is_gone(struck.request):
            await response.write(piece[:left])
            await asyncio.sleep(0)  # that nobody reads any more is noticed between two writes only
            left -= len(piece)
        return response

    def _piece(self) -> bytes:
        if not self.line_bytes:
            return b"x" * PIECE_BYTES
        line = _STAMP + b"E".ljust(self.line_bytes - len(_STAMP) - 1, b"x") + b"\n"
        return line * (PIECE_BYTES // len(line))


@dataclass(frozen=True, kw_only=True)
class Crowded:
    """A list with `count` objects more than there are, copies of `template` that differ in name and uid.

    The first page holds what there is, the others hold the copies.
    """

    template: Mapping[str, Any]
    count: int

    async def answer(self, struck: Struck) -> web.StreamResponse:
        """The page that the request names."""
        token, limit = struck.request.query.get("continue"), int(struck.request.query.get("limit") or 0)
        if not token:
            return await self._first_page(struck, is_all=not limit)
        first = int(base64.urlsafe_b64decode(token))
        last = min(self.count, first + (limit or self.count))
        response = web.StreamResponse(headers={**common_headers(), "Content-Type": JSON})
        await response.prepare(struck.request)
        metadata = _list_metadata(last if last < self.count else None)
        await response.write(b'{"kind":"List","apiVersion":"v1","metadata":%b,"items":[' % metadata)
        for piece in self._pieces(first, last):
            await response.write(piece)
        await response.write(b"]}")
        return response

    async def _first_page(self, struck: Struck, *, is_all: bool) -> web.StreamResponse:
        made = await struck.healthy()
        page = msgspec.json.decode(_body(made) or b"{}")
        if not is_all:
            page["metadata"] = msgspec.Raw(_list_metadata(0))
        elif "items" in page:
            page["items"] += [msgspec.Raw(piece) for piece in self._copies(0, self.count)]
        return web.Response(body=msgspec.json.encode(page), status=made.status, headers={"Content-Type": JSON})

    def _copies(self, first: int, last: int) -> Iterator[bytes]:
        return (self._copy.replace(b"@", b"%06d" % number) for number in range(first, last))

    def _pieces(self, first: int, last: int) -> Iterator[bytes]:
        for start in range(first, last, 100):
            copies = b",".join(self._copies(start, min(last, start + 100)))
            yield copies if start == first else b"," + copies

    @cached_property
    def _copy(self) -> bytes:
        metadata = {**self.template["metadata"], "name": "copy-@", "uid": "00000000-0000-0000-0000-000000@"}
        return msgspec.json.encode({**self.template, "metadata": metadata})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """The history is forgotten before the answer, so that older continue tokens and watches are answered 410 Gone."""

    store: Store

    async def answer(self, struck: Struck) -> web.StreamResponse:
        """The healthy answer of a server that has just forgotten."""
        self.store.forget_history()
        return await struck.healthy()


def _body(made: web.StreamResponse) -> bytes | None:
    """The body of an answer, or None of a stream (a watch, a log that is followed), which is under way already."""
    return made.body if isinstance(made, web.Response) and isinstance(made.body, bytes) else None


def _list_metadata(goes_on_at: int | None) -> bytes:
    token = {} if goes_on_at is None else {"continue": base64.urlsafe_b64encode(str(goes_on_at).encode()).decode()}
    return msgspec.json.encode({"resourceVersion": "1000", **token})


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _begun(made: web.StreamResponse) -> web.StreamResponse:
    return web.StreamResponse(status=made.status, headers=_headers(made))


def _headers(made: web.StreamResponse) -> dict[str, str]:
    return {name: value for name, value in made.headers.items() if name.lower() != "content-length"}


def _hung_up(request: web.Request, *, is_reset: bool) -> web.StreamResponse:
    transport = request.transport
    if transport is not None and is_reset:
        # Lingering for no time makes the kernel send RST for what is unsent and unread.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if transport is not None:
        transport.abort()
    return web.Response()


def _retry_after(value: int | datetime) -> str:
    return str(value) if isinstance(value, int) else format_datetime(value, usegmt=True)


def _failure(status: int) -> StatusError:
    if status == 500:
        why = "etcdserver: request timed out"
        return StatusError(500, "InternalError", f"Internal error occurred: {why}", {"causes": [{"message": why}]})
    if status == 503:
        return StatusError(503, "ServiceUnavailable", "the server is currently unable to handle the request", {})
    if status == 401:
        return StatusError(401, "Unauthorized", "Unauthorized", {})
    return StatusError(status, "", f"an injected fault: {status}", {})
