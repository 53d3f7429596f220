"""What a widget sends: few messages, numbered, from which a picture of the kernel's parts can be kept."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from kubeagentix import sync
from kubeagentix.notebook.view import View
from kubeagentix.report.rendering import Growing


class Screen:
    """A browser that keeps the picture as `kit.js` does, and may miss messages."""

    def __init__(self, view: View) -> None:
        self.view, self.seq, self.misses = view, -1, 0
        self.parts: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.messages: list[dict[str, Any]] = []
        view.send = self.receive
        self.say({"op": "hello"})

    def say(self, content: Any) -> None:
        self.view._received(None, content, None)

    def receive(self, content: dict[str, Any], _: Any = None) -> None:
        self.messages.append(content)
        if self.misses:
            self.misses -= 1
            return
        if content["op"] == "reset":
            self.seq, self.state = content["seq"], content["state"]
            self.parts = {part["id"]: dict(part) for part in content["parts"]}
        elif self.seq >= 0 and content["seq"] > self.seq:
            if content["seq"] != self.seq + 1:
                self.seq = -1
                self.say({"op": "hello"})
                return
            self.seq = content["seq"]
            for op in content["ops"]:
                getattr(self, op["op"])(op)

    def put(self, op: dict[str, Any]) -> None:
        self.parts[op["part"]["id"]] = dict(op["part"])

    def set(self, op: dict[str, Any]) -> None:
        self.state = {**self.state, **op["state"]}

    def drop(self, op: dict[str, Any]) -> None:
        del self.parts[op["id"]]

    def clear(self, _: dict[str, Any]) -> None:
        self.parts.clear()

    def grow(self, op: dict[str, Any]) -> None:
        part = self.parts[op["id"]]
        part["html"], part["tail"] = part.get("html", "") + op["done"], op["tail"]

    def has(self, name: str) -> bool:
        """Whether a part arrives soon; it waits without letting a loop run."""
        soon = time.monotonic() + 10
        while name not in self.parts and time.monotonic() < soon:
            time.sleep(0.005)
        return name in self.parts

    def check(self) -> None:
        self.view.flush()
        assert list(self.parts.values()) == [*self.view.parts]
        assert self.state == self.view.state


def test_parts_and_state_arrive_in_order() -> None:
    view = View(title="one")
    screen = Screen(view)
    view.put({"id": "a", "text": "1"})
    view.put({"id": "b", "text": "2"})
    view.put({"id": "a", "text": "3"})
    view.set(title="two", running=True)
    screen.check()
    assert [part["id"] for part in view.parts] == ["a", "b"]
    view.drop("a")
    screen.check()
    view.clear()
    view.put({"id": "c"})
    screen.check()
    assert screen.state == {"title": "two", "running": True}


async def stream(view: View, pieces: int, text: Growing) -> None:
    for number in range(pieces):
        text.add(f"word{number} " + ("\n\n" if number % 50 == 49 else ""))
        view.grow("t", text.take)
        await asyncio.sleep(0)
        if number % 100 == 0:
            await asyncio.sleep(0.06)
    view.flush()


@pytest.mark.parametrize("misses", [0, 1, 3])
def test_text_that_streams_is_whole_at_the_end_in_few_messages(misses: int) -> None:
    view, text = View(), Growing()
    screen = Screen(view)
    view.put({"id": "t"})
    screen.misses = misses
    asyncio.run(stream(view, 1000, text))
    screen.check()
    assert screen.parts["t"]["html"] + screen.parts["t"]["tail"] == text.whole()
    assert len(screen.messages) < 60


def test_a_hello_in_mid_stream_starts_no_second_clock() -> None:
    view, text = View(), Growing()
    screen = Screen(view)
    view.put({"id": "t"})

    async def with_hellos() -> None:
        streaming = asyncio.create_task(stream(view, 2000, text))
        for _ in range(5):
            await asyncio.sleep(0.1)
            screen.say({"op": "hello"})
        await streaming

    asyncio.run(with_hellos())
    screen.check()
    changes = [message for message in screen.messages if message["op"] == "change"]
    assert len(changes) < 45


def test_what_was_put_last_is_sent_although_the_loop_it_was_put_in_has_ended() -> None:
    view = View()
    screen = Screen(view)

    async def put(*names: str) -> None:
        for name in names:
            view.put({"id": name})

    for names in (("a", "b"), ("c", "d")):
        asyncio.run(put(*names))
        assert screen.has(names[-1])
    assert len(screen.messages) < 6  # and they are still collected


def test_what_was_put_is_sent_although_something_keeps_the_loop() -> None:
    view = View()
    screen = Screen(view)

    async def work() -> bool:
        view.put({"id": "a"})
        view.put({"id": "b"})
        return screen.has("b")  # without a word to the loop, as where a client builds its classes

    assert sync.run(work())


def test_text_that_is_taken_away_while_it_grows_is_gone() -> None:
    view, text = View(), Growing()
    screen = Screen(view)

    async def work(take_away: Callable[[], None]) -> None:
        view.put({"id": "a"})
        view.grow("a", text.take)
        take_away()
        view.flush()

    for take_away in (lambda: view.drop("a"), view.clear):
        asyncio.run(work(take_away))
        screen.check()
        assert view.parts == ()


def test_intents_are_told_and_noise_is_not() -> None:
    told: list[tuple[str, Any]] = []
    view = View(lambda name, more: told.append((name, more.get("id"))))
    screen = Screen(view)
    noise: tuple[Any, ...] = (None, [], "x", {}, {"intent": 7}, {"op": "nothing"})
    for content in noise:
        screen.say(content)
    screen.say({"intent": "stop", "id": "r1"})
    assert told == [("stop", "r1")]
    assert view.is_heard


def test_everything_can_be_sent_to_a_browser_that_cannot_ask() -> None:
    view = View(title="one")
    view.put({"id": "a"})
    screen = Screen(view)
    screen.seq, screen.parts, screen.state = -1, {}, {}  # as before its first picture
    view.put({"id": "b"})
    assert screen.parts == {}
    view.push()
    view.put({"id": "c"})
    screen.check()


def test_a_widget_that_nobody_shows_is_not_heard() -> None:
    assert not asyncio.run(View().is_heard_soon(0.05))


def test_threads_may_change_it_at_once() -> None:
    view = View()
    screen = Screen(view)

    def change(number: int) -> None:
        for step in range(200):
            view.put({"id": f"{number}-{step % 7}", "text": str(step)})

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    screen.check()


def test_nothing_that_is_shown_is_in_the_state_that_a_notebook_may_save() -> None:
    view = View(credential_source="the request")
    view.put({"id": "a", "text": "a secret word"})
    state = repr({name: value for name, value in view.get_state().items() if name not in ("_esm", "_css")})
    assert "secret" not in state
    assert "the request" not in state
