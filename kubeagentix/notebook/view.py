"""What all widgets share: a picture of parts in the browser, kept by numbered messages, and intents that come back.

The kernel holds the truth. Changes are collected for a moment and sent as one message with a number; a browser that
misses one, or has just been loaded, says `hello` and gets everything. Nothing of it is in the widget's state, which a
notebook file may hold. A widget knows no engine and no cluster: it shows, and tells what was clicked.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import Any

import anywidget

from kubeagentix import sync

FLUSH_S = 0.05  # 20 messages a second look live; the server drops what comes much faster
SHARE = 4  # of the time, at most, goes into rendering: a long open block is rendered less often
PROBE_S = 1.0  # a browser that can be heard has said hello by then

Part = dict[str, Any]
Intent = Callable[[str, Mapping[str, Any]], None]


def source(*names: str) -> str:
    """The text of these files of `widgets/`, one after the other: one module for the browser, without a build."""
    folder = files("kubeagentix.notebook.widgets")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


class View(anywidget.AnyWidget):
    """A widget of parts, in the order in which they came. Its methods may be called from any thread.

    `on_intent` is called with what the user does (a name, and what belongs to it), on whatever thread the kernel
    delivers it: it may do what is thread-safe, and neither print nor display.
    """

    _esm = "export default { render() {} }"
    _css = ""

    def __init__(self, on_intent: Intent = lambda _, __: None, **state: Any) -> None:
        self._lock = threading.RLock()
        self._parts: dict[str, Part] = {}
        self._state: dict[str, Any] = dict(state)
        self._sent = 0  # the number of the last message
        self._ops: list[dict[str, Any]] = []
        self._flushed_at = 0.0
        self._pause_s = FLUSH_S
        self._timer: object = None  # which of the calls to come is to flush
        self._heard = threading.Event()
        self._intent = on_intent
        self._context = contextvars.copy_context()  # of the cell that shows it, which older kernels need to send
        self._renderers: dict[str, Callable[[], tuple[str, str]]] = {}
        super().__init__()
        self.on_msg(self._received)
        _hear_while_a_cell_runs(self)

    @property
    def is_heard(self) -> bool:
        """Whether anything has come from a browser: it has shown this, and its clicks arrive."""
        return self._heard.is_set()

    async def is_heard_soon(self, timeout_s: float = PROBE_S) -> bool:
        """Waits a moment for the first word of a browser; whether it came."""
        ends_at = time.monotonic() + timeout_s
        while not self.is_heard and time.monotonic() < ends_at:  # noqa: ASYNC110  it is set on another thread
            await asyncio.sleep(0.02)
        return self.is_heard

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is shown now."""
        with self._lock:
            return tuple(dict(part) for part in self._parts.values())

    @property
    def state(self) -> Mapping[str, Any]:
        """What is set now."""
        with self._lock:
            return dict(self._state)

    def put(self, part: Part) -> None:
        """Shows a part, in the place of the one with the same `id` if there is one."""
        with self._lock:
            self._parts[part["id"]] = dict(part)
            self._renderers.pop(part["id"], None)
            self._ops = [op for op in self._ops if op.get("id") != part["id"] or op["op"] == "put"]
            self._change({"op": "put", "part": dict(part)})

    def set(self, **changes: Any) -> None:
        """Sets some of the state."""
        with self._lock:
            self._state.update(changes)
            self._change({"op": "set", "state": changes})

    def drop(self, part_id: str) -> None:
        """Takes a part away."""
        with self._lock:
            self._parts.pop(part_id, None)
            self._renderers.pop(part_id, None)
            self._change({"op": "drop", "id": part_id})

    def clear(self) -> None:
        """Takes all parts away."""
        with self._lock:
            self._parts.clear()
            self._renderers.clear()
            self._ops = [op for op in self._ops if op["op"] == "set"]
            self._change({"op": "clear"})

    def grow(self, part_id: str, render: Callable[[], tuple[str, str]]) -> None:
        """The text of a part has grown: `render` gives the HTML to append and that of the open end, when it is time."""
        with self._lock:
            self._renderers[part_id] = render
            self._change(None)

    def flush(self) -> None:
        """Sends what has been collected."""
        with self._lock:
            began = time.monotonic()
            for part_id, render in self._renderers.items():
                done, tail = render()
                part = self._parts[part_id]
                part["html"], part["tail"] = part.get("html", "") + done, tail
                self._ops.append({"op": "grow", "id": part_id, "done": done, "tail": tail})
            self._renderers.clear()
            self._timer = None
            if self._ops:
                self._sent += 1
                ops, self._ops = self._ops, []
                self.send({"op": "change", "seq": self._sent, "ops": ops})
            self._flushed_at = time.monotonic()
            self._pause_s = max(FLUSH_S, SHARE * (self._flushed_at - began))

    def push(self) -> None:
        """Sends everything unasked, for a browser that shows this and cannot be heard."""
        self._reset()

    def _change(self, op: dict[str, Any] | None) -> None:
        if op is not None:
            self._ops.append(op)
        left_s = self._flushed_at + self._pause_s - time.monotonic()
        if left_s <= 0 or not _in_a_loop():
            self.flush()
        elif self._timer is None:
            self._timer = object()
            sync.later(left_s, partial(self._flush_when_due, self._timer))

    def _flush_when_due(self, timer: object) -> None:
        with self._lock:
            if self._timer is timer:  # else it was flushed meanwhile
                self.flush()

    def _received(self, _: Any, content: Any, __: Any) -> None:
        if not isinstance(content, dict):
            return
        self._heard.set()
        if content.get("op") == "hello":
            self._context.copy().run(self._reset)
        elif content.get("op") == "ping":
            self._context.copy().run(self.send, {"op": "pong"})
        elif isinstance(content.get("intent"), str):
            self._intent(content["intent"], content)

    def _reset(self) -> None:
        with self._lock:
            self.flush()
            parts = [dict(part) for part in self._parts.values()]
            self.send({"op": "reset", "seq": self._sent, "parts": parts, "state": dict(self._state)})


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _hear_while_a_cell_runs(view: anywidget.AnyWidget) -> None:
    """From 7.4 on, ipykernel sends a widget's messages to the shell that made it, where they wait for a cell's end."""
    comm = getattr(view, "comm", None)
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _, default: default  # type: ignore[union-attr]
