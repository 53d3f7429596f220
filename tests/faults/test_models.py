"""When a model's server breaks: every real client on a scripted server, asked for its view beside the analyzers'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kubeagentix.domain.events import ToolCallFinished
from tests.engine.test_wires import CLIENTS, Client, serving
from tests.faults.asking import CAUSE, MAX_GROWTH_MB, Told, conclusion, diagnosed
from tests.faults.leftovers import nothing_left
from tests.faults.table import Section
from tests.servers.turns import Call, Disconnect, Fail, Hang, Pause, Reply, Say, Step, Torn
from tests.servers.wire import Turn, WireServer

SDK, CLI = "claude_code-sdk", "claude_code-cli"


@dataclass(frozen=True)
class Fault:
    """What the server does: `turns`, then `then` for good, or the answer with `before` it in the same turn.

    `recovers`: the answer comes all the same. `by_cli`: the channels of the CLI that it is tried with.
    """

    name: str
    turns: Sequence[Turn] = ()
    then: Turn | None = None
    before: Sequence[Step] = ()
    recovers: bool = False
    by_cli: Sequence[str] = (SDK,)
    max_s: float = 40.0
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def script(self, server: WireServer, client: Client) -> None:
        answer = [*self.before, *conclusion(client)]
        server.script(*self.turns, then=self.then if self.then is not None else answer)


HALF = b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_de'
UTF8 = HALF + 'lta", "text": "gr\u00fc'.encode()[:-1]
FAULTS = (
    Fault("429 without end", then=Fail("rate_limit")),
    Fault("429 without end, each asks for 1 s", then=Fail("rate_limit", retry_after=1), by_cli=()),
    Fault("429 that asks for an hour", then=Fail("rate_limit", retry_after=3600), max_s=8),
    Fault("429 once, then an answer", [Fail("rate_limit", retry_after=0)], recovers=True),
    Fault("500 without end", then=Fail("server"), by_cli=()),
    Fault("529 (overloaded) without end", then=Fail("overloaded")),
    Fault("502 of a gateway, without end", then=Reply(502), by_cli=()),
    Fault("the first byte is 1.5 s late", before=[Pause(1.5)], recovers=True),
    Fault("the answer comes a character at a time", before=[Say("It is slow. " * 20, piece=1)], recovers=True),
    Fault("reset before every answer", then=Disconnect()),
    Fault("reset before the first answer only", [Disconnect()], recovers=True, by_cli=(SDK, CLI)),
    Fault("cut in the middle of an event", then=[Say("So far"), Torn(HALF)], by_cli=(SDK, CLI)),
    Fault("cut in the middle of a letter (UTF-8)", then=[Say("So far"), Torn(UTF8)], by_cli=()),
    Fault("silence before the first word", then=[Hang()], options={"deadline_s": 3.0}, max_s=6),
    Fault(
        "silence after the first words",
        then=[Say("So far"), Hang()],
        options={"deadline_s": 3.0},
        by_cli=(SDK, CLI),
        max_s=6,
    ),
)
CASES = [
    pytest.param(fault, client, id=f"{fault}-{client}")
    for fault in FAULTS
    for client in CLIENTS
    if str(client) not in (SDK, CLI) or str(client) in fault.by_cli
]


@pytest.mark.parametrize(("fault", "client"), CASES)
def test_the_analyzers_answer_stands(
    fault: Fault, client: Client, table: Section, temporary: Path, tmp_path: Path
) -> None:
    with serving(client) as server:
        fault.script(server, client)
        with nothing_left(temporary):
            told = diagnosed(client, server, tmp_path, **fault.options)
    assert told.seconds < fault.max_s
    is_answered = told.dx.answer is not None and told.dx.answer.root_cause == CAUSE
    assert is_answered == fault.recovers
    assert client.token not in repr(told)
    tell(table, fault.name, client, told, fault.max_s)


def tell(table: Section, fault: str, client: Client, told: Told, max_s: float) -> None:
    bound = f"≤ {max_s:g} s, ≤ {MAX_GROWTH_MB} MB more"
    table.row(fault, f"dx, {client}", told.seen, ended=told.ended, result=told.result, bound=bound)


@pytest.mark.parametrize("client", CLIENTS[:3], ids=str)  # those whose API hands such a call out
def test_arguments_that_break_off_are_told_to_the_model_which_asks_again(
    client: Client, table: Section, temporary: Path, tmp_path: Path
) -> None:
    with serving(client) as server:
        server.script([Call("list_unhealthy", '{"names')], client.ask("list_unhealthy"), then=conclusion(client))
        with nothing_left(temporary):
            told = diagnosed(client, server, tmp_path)
    assert told.dx.answer is not None
    assert [event.result.is_error for event in told.events if isinstance(event, ToolCallFinished)][:2] == [True, False]
    tell(table, "a tool's arguments break off (truncated JSON)", client, told, 40)


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_a_token_that_expires_in_the_middle_of_a_run(
    client: Client, table: Section, temporary: Path, tmp_path: Path
) -> None:
    with serving(client) as server:
        server.script(client.ask("list_unhealthy"), then=Fail("authentication"))
        with nothing_left(temporary):
            told = diagnosed(client, server, tmp_path)
    assert sum(isinstance(event, ToolCallFinished) for event in told.events) >= 1
    assert told.dx.answer is None
    assert client.token not in repr(told)
    tell(table, "the token expires before the second turn (401)", client, told, 40)
