"""What a scripted model does, in no wire's words: a turn is a list of steps, and answers one request.

    server.script([Think("137 means OOM"), Call("pod_logs", {"name": "pay"})], [Say("It ran out of memory.")])

Where a step stands decides what it means: a Fail, Hang or Disconnect that comes first happens before any answer, a
later one in the middle of a stream that began well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kubeagentix.domain.events import StopReason

Fault = Literal[
    "authentication",
    "permission",
    "billing",  # no balance, no plan
    "rate_limit",
    "quota",  # the plan is used up for now
    "overloaded",
    "server",
    "model_not_found",
    "context_window",
    "bad_request",
]


@dataclass(frozen=True)
class Say:
    """Text, in pieces of `piece` characters (0: one for each word), `pause_s` apart. `signature`: Gemini's own."""

    text: str
    piece: int = 0
    pause_s: float = 0.0
    signature: str = ""


@dataclass(frozen=True)
class Think:
    """Thinking, in pieces, with what proves it. `is_hidden`: it comes encrypted, without text."""

    text: str
    signature: str = "c2lnbmVk"
    is_hidden: bool = False


@dataclass(frozen=True)
class Call:
    """A tool call, its arguments in pieces; arguments that are text go out as they are, however damaged."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str = ""
    signature: str = ""


@dataclass(frozen=True)
class Stop:
    """Ends the turn with that reason. Without it: `tool_calls` if there was one, else `stop`."""

    reason: StopReason


@dataclass(frozen=True)
class Fail:
    """An error, as this API words it. A text for `retry_after` goes out as it is."""

    fault: Fault
    retry_after: float | str | None = None
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """A plain HTTP answer that is in no format of the API's (a gateway's page)."""

    status: int
    text: str = "<html>Bad gateway</html>"
    media_type: str = "text/html"


@dataclass(frozen=True)
class Ping:
    """Opens the stream (status, headers, first event) and says nothing in it."""


@dataclass(frozen=True)
class Pause:
    """Silence for a while."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Silence for good."""


@dataclass(frozen=True)
class Disconnect:
    """The connection breaks."""


@dataclass(frozen=True)
class Cut:
    """The body ends as if all were well, without the event that ends a turn."""


@dataclass(frozen=True)
class Garble:
    """An event whose data is not JSON."""

    data: str = '{"oops'
    event: str = "content_block_delta"


@dataclass(frozen=True)
class Torn:
    """Bytes that go out as they are, such as half an event, and then the connection breaks."""

    data: bytes = b'data: {"type": "content_block_de'


Step = Say | Think | Call | Stop | Fail | Reply | Ping | Pause | Hang | Disconnect | Cut | Garble | Torn
