"""Who is asked about a change, on real terminals and in real kernels: a person's yes is one, and nothing else is."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

import kubeagentix as kx
from kubeagentix import asking
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.messages import ToolCall
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Say
from tests.servers.wire import WireServer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # a kernel's sockets
PROMPT = "Make this change?"
WANTED = 5
CODE = """
import kubeagentix as kx
cluster = kx.connect(kubeconfig={kubeconfig!r})
reply = {call}("scale it", cluster=cluster, namespace="orders", options=kx.RunOptions(allow_writes=True))
print(reply.text)
"""


@pytest.fixture
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable") as started:
        kx.use(None)
        yield started


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    """A model that scales at once, and says so."""
    with OpenAIServer() as server:
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
        server.script([Call("scale_workload", {"name": "deploy/checkout", "replicas": WANTED})], then=[Say("I tried.")])
        yield server


def replicas(demo: kx.Demo) -> int:
    found = demo._running.store.get("Deployment", "orders", "checkout")
    assert found is not None
    wanted: int = found["spec"]["replicas"]
    return wanted


class Terminal:
    """The program on a terminal of its own, with somebody who reads and types."""

    def __init__(self, demo: kx.Demo, *words: str) -> None:
        self.ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "kubeagentix", "chat", *words, "--allow-writes", "-n", "orders"]
        self.process = subprocess.Popen(
            [*command, "--kubeconfig", demo.kubeconfig],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        )
        os.close(theirs)
        self.seen = ""

    def read_until(self, text: str, *, within_s: float = 60) -> None:
        deadline = time.monotonic() + within_s
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.ours], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.ours, 65536).decode(errors="replace")
                except OSError:  # Linux says so when the last writer is gone
                    assert text in self.seen, self.seen
                    return

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def end(self) -> int:
        """The exit code; everything that was written is in `seen`."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if not select.select([self.ours], [], [], 0.2)[0]:
                continue
            try:
                chunk = os.read(self.ours, 65536)
            except OSError:
                break
            if not chunk:
                break
            self.seen += chunk.decode(errors="replace")
        return self.process.wait(30)


@contextmanager
def terminal(demo: kx.Demo, *words: str) -> Iterator[Terminal]:
    opened = Terminal(demo, *words)
    try:
        yield opened
    finally:
        if opened.process.poll() is None:
            opened.process.kill()
            opened.process.wait()
        os.close(opened.ours)


def test_a_yes_that_is_typed_makes_the_change_that_was_shown(demo: kx.Demo, model: WireServer) -> None:
    with terminal(demo, "scale checkout") as screen:
        screen.read_until(PROMPT)
        assert "Change: scale Deployment orders/checkout from 3 to 5 replicas (cluster demo)" in screen.seen
        assert "-  replicas: 3" in screen.seen
        assert "+  replicas: 5" in screen.seen
        assert replicas(demo) == 3
        screen.type("y\n")
        assert screen.end() == 0
    assert "I tried." in screen.seen
    assert replicas(demo) == 5


@pytest.mark.parametrize("typed", ["\n", "n\n", "yeah\n", "\x04"])
def test_anything_else_is_a_no(demo: kx.Demo, model: WireServer, typed: str) -> None:
    with terminal(demo, "scale checkout") as screen:
        screen.read_until(PROMPT)
        screen.type(typed)
        assert screen.end() == 0
    assert "not done, terminal refused it" in screen.seen
    assert replicas(demo) == 3


def test_what_was_typed_before_the_question_is_no_answer(demo: kx.Demo, model: WireServer) -> None:
    with terminal(demo, "scale checkout") as screen:
        screen.type("y\ny\n")
        screen.read_until(PROMPT)
        time.sleep(0.5)
        assert screen.process.poll() is None
        assert replicas(demo) == 3
        screen.type("n\n")
        assert screen.end() == 0
    assert replicas(demo) == 3


def test_always_counts_for_the_questions_that_follow(demo: kx.Demo, model: WireServer) -> None:
    again = Call("scale_workload", {"name": "deploy/checkout", "replicas": 2})
    model.script(
        [Call("scale_workload", {"name": "deploy/checkout", "replicas": 5})], [Say("one")], [again], [Say("two")]
    )
    with terminal(demo) as screen:
        screen.read_until("kubeagentix> ")
        screen.type("scale it\n")
        screen.read_until(PROMPT)
        screen.type("a\n")
        screen.read_until("one")
        screen.type("and back\n")
        screen.read_until("two")
        screen.type("exit\n")
        assert screen.end() == 0
    assert screen.seen.count(PROMPT) == 1
    assert "always: approved for this session" in screen.seen
    assert replicas(demo) == 2


def test_an_interrupt_at_the_question_ends_the_run_without_a_change(demo: kx.Demo, model: WireServer) -> None:
    with terminal(demo, "scale checkout") as screen:
        screen.read_until(PROMPT)
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
    assert "Traceback" not in screen.seen
    assert replicas(demo) == 3


def test_without_a_terminal_it_does_not_even_begin(demo: kx.Demo, model: WireServer) -> None:
    command = [
        sys.executable,
        "-m",
        "kubeagentix",
        "chat",
        "scale it",
        "--allow-writes",
        "--kubeconfig",
        demo.kubeconfig,
    ]
    done = subprocess.run(command, input="y\ny\n", capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "nobody can approve a change" in done.stderr
    assert model.requests == []


def test_a_script_is_refused_each_change_and_told_why(demo: kx.Demo, model: WireServer) -> None:
    code = CODE.format(kubeconfig=demo.kubeconfig, call="kx.chat") + "print([r.event for r in reply.records])"
    done = subprocess.run(
        [sys.executable, "-c", code], input="y\n", capture_output=True, text=True, check=True, timeout=60
    )
    assert "nobody can approve a change" in done.stdout
    assert replicas(demo) == 3


@contextmanager
def kernel() -> Iterator[tuple[Any, Any]]:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def output_of(client: Any, asked: str) -> str:
    """All that a cell printed, once it has ended."""
    said: str = ""
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != asked:
            continue
        content = message["content"]
        said += str(content.get("text", "")) + "".join(content.get("traceback", []))
        if message["msg_type"] == "status" and content["execution_state"] == "idle":
            return said


@pytest.mark.parametrize(
    ("call", "typed", "wanted"), [("kx.chat", "y", 5), ("await kx.achat", "y", 5), ("kx.chat", "", 3)]
)
def test_in_a_kernel_the_cell_asks(demo: kx.Demo, model: WireServer, call: str, typed: str, wanted: int) -> None:
    with kernel() as (_, client):
        asked = client.execute(CODE.format(kubeconfig=demo.kubeconfig, call=call), allow_stdin=True)
        question = client.get_stdin_msg(timeout=60)
        assert question["content"]["prompt"].startswith(PROMPT)
        assert replicas(demo) == 3
        client.input(typed)
        said = output_of(client, asked)
    assert "+  replicas: 5" in said
    assert "I tried." in said
    assert replicas(demo) == wanted


@pytest.mark.parametrize("call", ["kx.chat", "await kx.achat"])
def test_an_interrupt_of_the_cell_that_asks_changes_nothing(demo: kx.Demo, model: WireServer, call: str) -> None:
    with kernel() as (manager, client):
        asked = client.execute(CODE.format(kubeconfig=demo.kubeconfig, call=call), allow_stdin=True)
        client.get_stdin_msg(timeout=60)
        manager.interrupt_kernel()
        said = output_of(client, asked)
        assert re.search("KeyboardInterrupt|CancelledError", said)
        assert "I tried." not in said
        again = client.execute("print(6 * 7)", allow_stdin=True)
        assert "42" in output_of(client, again)
    assert replicas(demo) == 3


CHANGE = """
import kubeagentix as kx
cluster = kx.connect(kubeconfig={kubeconfig!r})
engine = kx.Engine(cluster, namespace="orders")
print(await engine.change("scale_workload", {{"name": "deploy/checkout", "replicas": 5}}))
"""


@pytest.mark.parametrize(("typed", "wanted"), [("y", 5), ("", 3)])
def test_in_a_kernel_the_cell_asks_about_a_change_without_a_model(demo: kx.Demo, typed: str, wanted: int) -> None:
    with kernel() as (_, client):
        asked = client.execute(CHANGE.format(kubeconfig=demo.kubeconfig), allow_stdin=True)
        question = client.get_stdin_msg(timeout=60)
        assert question["content"]["prompt"].startswith(PROMPT)
        client.input(typed)
        said = output_of(client, asked)
    assert "+  replicas: 5" in said
    assert ("ApprovalError" in said) == (not typed)
    assert replicas(demo) == wanted


def test_where_a_notebook_is_run_by_a_program_nobody_is_asked(demo: kx.Demo, model: WireServer) -> None:
    made: Any = nbformat.v4  # untyped
    cell = made.new_code_cell(CODE.format(kubeconfig=demo.kubeconfig, call="kx.chat"))
    NotebookClient(made.new_notebook(cells=[cell]), timeout=60, kernel_name="python3").execute()
    said = "".join(output.get("text", "") for output in cell.outputs)
    assert asking.NO_READER in said
    assert "I tried." in said
    assert replicas(demo) == 3


def request_of(diff: str, **told: Any) -> kx.ApprovalRequest:
    return kx.ApprovalRequest(
        id="a1",
        call=ToolCall(id="c1", name="patch_resource", arguments={}),
        summary="patch \x1b[31mDeployment shop/web",
        diff=diff,
        expires_at=datetime.now(UTC) + timedelta(minutes=1),
        ref=ResourceRef(kind="Deployment", namespace="shop", name="web", cluster="prod\x1b]0;x\x07"),
        verb="patch",
        **told,
    )


def test_what_is_shown_steers_no_terminal_and_is_whole() -> None:
    lines = "\n".join(f"+line {number}" for number in range(3000))
    text = asking.shown(request_of(f"{lines}\n+\x1b[2J\x1b[1;1Hall is well\r+really"))
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text) is None
    assert "(cluster prod)" in text
    assert "+line 2999" in text


def test_always_is_offered_only_where_it_can_be_given() -> None:
    plain, lasting = request_of("+x"), request_of("+x", may_be_always=True)
    assert "always" not in asking.question(plain)
    assert "always" in asking.question(lasting)
    assert [asking.meant("a", item, by="t").decision for item in (plain, lasting)] == ["refused", "always"]
