"""A request under way that can be broken off from another thread, so that nothing goes on that nobody waits for.

A worker that waits for a server cannot be interrupted; but where its socket is shut, its waiting ends at once.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool

_current = threading.local()  # its `exchange` is what this thread is engaged in


class Exchange:
    """One request and its answer. The worker holds it in a `with`; anybody may call `break_off`, at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_broken_off = False

    def __enter__(self) -> Self:
        _current.exchange = self
        return self

    def __exit__(self, *_: object) -> None:
        _current.exchange = None
        with self._lock:  # from here on the connection may serve another exchange
            self._socket = None

    def check(self) -> None:
        """Raises ConnectionAbortedError where nobody waits any more."""
        if self._is_broken_off:
            raise ConnectionAbortedError("nobody waits for it")

    def uses(self, connected: Any) -> None:
        """The socket on which the answer will come. Raises ConnectionAbortedError where nobody waits any more."""
        with self._lock:
            self.check()
            self._socket = connected if isinstance(connected, socket.socket) else None

    def break_off(self) -> None:
        """End it, if it is still under way; no further one begins."""
        with self._lock:
            self._is_broken_off = True
            if self._socket is not None:
                with suppress(OSError):  # the server hung up first
                    # Not SSLSocket's own, which would take the TLS state from under the thread that is reading.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def make_breakable(connections: HTTPConnectionPool) -> None:
    """Have the connections of that pool tell the current exchange of their sockets."""

    class Breakable(connections.ConnectionCls):  # type: ignore[name-defined,misc]  # plain or TLS
        def getresponse(self) -> Any:
            if (exchange := getattr(_current, "exchange", None)) is not None:
                exchange.uses(self.sock)
            return super().getresponse()

    connections.ConnectionCls = Breakable
