"""Answers of a server over HTTP, bounded: one without an end is broken off, and not gathered in memory.

Streams of events are bounded by the package itself, by the event.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from kubeagentix.mcp_client.launcher import MAX_LINE_BYTES

MAX_BYTES = MAX_LINE_BYTES  # of one message, whichever way it comes
UNPACKED = {"Accept-Encoding": "identity"}  # what is small on its way can be huge here


async def bound(response: httpx2.Response) -> None:
    """A hook of a client: what is read of this response is counted."""
    if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)
        is_packed = response.headers.get("content-encoding", "identity").lower() != "identity"
        response.stream = _Bounded(stream, is_packed=is_packed)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, *, is_packed: bool) -> None:
        self._stream, self._is_packed = stream, is_packed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._is_packed:
            raise httpx2.StreamError("it is compressed, which was not asked for")
        size = 0
        async for piece in self._stream:
            size += len(piece)
            if size > MAX_BYTES:
                raise httpx2.StreamError(f"it has more than {MAX_BYTES:,} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()
