"""`%kchat` and `%%kchat` in a real shell: the cell is asked, the answer is shown once, the conversation goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.utils.capture import capture_output

import kubeagentix as kx
from kubeagentix.domain.payloads import Payload
from kubeagentix.notebook.open_chat import OpenChat
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Fail, Say
from tests.servers.wire import WireServer


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    with OpenAIServer() as running:
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", running.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
        yield running


def run(shell: Any, cell: str) -> tuple[Any, list[Any], str]:
    """The cell's result, its displays, and what it printed."""
    with capture_output() as captured:
        found = shell.run_cell(cell, store_history=True)
    return found, captured.outputs, captured.stdout + captured.stderr


def asked(server: WireServer) -> list[str]:
    """The last words of each request."""
    return [heard.messages[-1].text.rsplit("\n", 1)[-1] for heard in server.heard]


def test_the_cells_text_is_asked_and_the_answer_is_shown_once(shell: Any, broken: str, model: WireServer) -> None:
    model.script([Say("It has **no pod**.")])
    question = "why is it down?\n-n is no option here, nor is {this}, and 'this is not closed"
    found, outputs, _ = run(shell, f"%%kchat --snapshot {broken} -o reply\n{question}")
    assert found.success
    assert found.result is None
    assert [set(output.data) for output in outputs] == [{"text/html", "text/plain"}]
    assert "<strong>no pod</strong>" in outputs[0].data["text/html"]
    assert "It has **no pod**." in outputs[0].data["text/plain"]
    assert question in model.heard[0].messages[-1].text
    assert isinstance(shell.user_ns["reply"], kx.Reply)


def test_the_next_cell_goes_on_unless_a_new_conversation_is_wanted(shell: Any, broken: str, model: WireServer) -> None:
    model.script([Say("the disk")], [Say("since Monday")], [Say("hello")])
    run(shell, f"%%kchat --snapshot {broken}\nwhy?")
    run(shell, f"%kchat --snapshot {broken} since when")
    run(shell, f"%%kchat --snapshot {broken} --new\nhello?")
    said = [[message.text for message in heard.messages] for heard in model.heard]
    assert said[1][1:] == ["the disk", "since when"]
    assert "the disk" not in said[2]
    chat = run(shell, "%kchat")[0].result
    assert isinstance(chat, OpenChat)
    assert [turn.question for turn in chat.turns] == ["hello?"]
    assert "**You:** hello?" in chat.to_markdown()


def test_without_a_kernel_an_open_chat_is_its_transcript(shell: Any, broken: str, model: WireServer) -> None:
    model.script([Say("the disk")])
    run(shell, f"%%kchat --snapshot {broken}\nwhy?")
    found, outputs, _ = run(shell, "%kchat -o kept")
    assert shell.user_ns["kept"] is found.result
    assert "the disk" in outputs[0].data["text/html"]


def test_python_opens_the_same_chat_and_says_where_it_asks(shell: Any, broken: str, model: WireServer) -> None:
    model.script([Say("the disk")], [Say("Monday")])
    run(shell, f"%%kchat --snapshot {broken}\nwhy?")
    chat = kx.chat(cluster=kx.load(broken), namespace="shop", provider="openai", history=False)
    assert chat is run(shell, "%kchat")[0].result
    chat = kx.chat(cluster=kx.load(broken), namespace="shop", provider="openai", history=False)
    assert (chat.place.namespace, chat.place.options.provider) == ("shop", "openai")
    assert chat.ask("since when?").text == "Monday"
    assert [message.text for message in model.heard[-1].messages][1:] == ["the disk", "since when?"]


def test_a_failed_run_fails_the_cell_in_one_line(shell: Any, broken: str, model: WireServer) -> None:
    model.script([Fail("authentication")])
    found, outputs, text = run(shell, f"%%kchat --snapshot {broken} --provider openai --pin\nwhy?")
    assert not found.success
    assert len(text.strip().splitlines()) == 1
    assert len(outputs) == 1


def test_a_change_is_not_made_where_nobody_can_be_asked(shell: Any, model: WireServer) -> None:
    model.script([Call("scale_workload", {"name": "deploy/checkout", "replicas": 5})], then=[Say("I tried.")])
    with kx.demo("crash-missing-variable") as demo:
        before = demo._running.store.get("Deployment", "orders", "checkout")
        _, outputs, _ = run(shell, "%%kchat -n orders --allow-writes\nscale it")
        assert demo._running.store.get("Deployment", "orders", "checkout") == before
    assert "⛔ not approved" in outputs[-1].data["text/html"]


def test_the_payload_is_shown_and_nothing_sent(shell: Any, broken: str, model: WireServer) -> None:
    found, _, _ = run(shell, f"%%kchat --snapshot {broken} --provider openai --show-payload\nwhy?")
    assert isinstance(found.result, Payload)
    assert model.requests == []


def test_a_command_of_the_answer_becomes_a_cell(shell: Any, broken: str, model: WireServer) -> None:
    model.script([Say("Run `kubectl get pods -n shop`.")])
    run(shell, f"%%kchat --snapshot {broken}\nhow?")
    run(shell, "%kchat --cell")
    assert shell.rl_next_input == "!kubectl get pods -n shop"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%kchat why\nwhy?", "on the line and in the cell"),
        ("%%kchat --max-turns 0\nwhy?", "--max-turns must be at least 1"),
        ("%%kchat -o 1x\nwhy?", "no variable name"),
        ("%kchat --cell", "holds no command"),
        ("%kchat --show-payload", "needs a question"),
        ("%%kchat --nope\nwhy?", "unknown option"),
    ],
)
def test_what_cannot_be_meant_is_refused(shell: Any, cell: str, message: str) -> None:
    found, _, text = run(shell, cell)
    assert not found.success
    assert message in text


def test_help_says_what_the_body_is(shell: Any) -> None:
    _, _, text = run(shell, "%kchat --help")
    assert "the body is text" in text
