"""`kx.tools.add_mcp`: the tools of a real MCP server in a chat: masked, bounded, fenced, approved, never in its way."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

import kubeagentix as kx
from kubeagentix import own_tools
from kubeagentix.domain.events import RunFinished, TextDelta, ToolCallFinished
from kubeagentix.domain.messages import ToolResult
from kubeagentix.domain.options import RunOptions
from kubeagentix.engine.engine import Engine
from kubeagentix.errors import KubeAgentiXError, NotFoundError, UsageError
from kubeagentix.mcp_client.places import Place
from kubeagentix.testing import ScriptedProvider, scripted_plugin, snapshot_of
from tests.cli.conftest import BROKEN
from tests.engine.changing import Person, ask
from tests.planted import TOKENS

SMALL = str(Path(__file__).with_name("small_server.py"))
ODD = str(Path(__file__).with_name("odd_server.py"))
SECRET = "hunter-two-and-a-half"
PLANTED = TOKENS["github"]


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> Iterator[None]:
    yield
    for name in [*own_tools._servers]:
        own_tools._remove_server(name)
    own_tools._own.clear()
    own_tools._functions.clear()


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def small(marks: Path) -> own_tools.McpServer:
    env = {"MARKS": str(marks), "PLANTED": PLANTED, "OFFICE_PASSWORD": SECRET}
    return kx.tools.add_mcp("small", sys.executable, [SMALL], env=env, timeout_s=60)


def run(home: Path, *turns: Any, approve: Any = None, **options: Any) -> tuple[list[ToolResult], ScriptedProvider, Any]:
    provider = ScriptedProvider(*turns, [TextDelta(text="done")], [])

    async def collected() -> list[Any]:
        engine = Engine(snapshot_of(BROKEN), plugins={"claude": scripted_plugin(provider)}, environ={"HOME": str(home)})
        more = {} if approve is None else {"approve": approve}
        stream = engine.stream("why?", options=RunOptions(**options), with_findings=False, **more)
        return [record.event async for record in stream]

    events = asyncio.run(collected())
    results = [event.result for event in events if isinstance(event, ToolCallFinished)]
    return results, provider, events[-1]


def pids_of(text: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if text.encode() in (folder / "cmdline").read_bytes() and (folder / "status").read_text().find("Z (") < 0:
                found.append(int(folder.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_its_tools_are_offered_under_its_name_and_said_to_be_its(small: own_tools.McpServer) -> None:
    assert small.tools == tuple(
        f"small__{name}" for name in ("add", "environment", "huge", "hostile", "broken", "slow", "die", "page")
    )
    assert small.left_out == ()
    add, page = kx.tools["small__add"], kx.tools["small__page"]
    assert add.spec.description == "(Of the MCP server small.) Adds two numbers."
    assert add.spec.parameters["required"] == ["a"]
    assert (add.spec.effect, page.spec.effect) == ("read", "write")
    assert add.source == "MCP server small"
    assert "small__add" in repr(small)
    assert kx.tools.own["small__add"] == "MCP server small"


def test_a_model_calls_it_and_reads_its_answer_as_data(small: own_tools.McpServer, tmp_path: Path) -> None:
    (result, other), provider, last = run(
        tmp_path, [ask("small__add", a=2, b="3")], [ask("small__add", "c2", number=1)]
    )
    assert (result.content, result.is_error) == ("2 + 3 = 5", False)
    assert (other.is_error, "small__add has no argument" in other.content or "needs `a`" in other.content) == (
        True,
        True,
    )
    assert isinstance(last, RunFinished)
    sent = repr(provider.requests[1].messages)
    assert 'from="small__add"' in sent
    assert {"small__add", "small__environment"} <= {tool.name for tool in provider.requests[0].tools}
    assert "small__page" not in {tool.name for tool in provider.requests[0].tools}


def test_it_gets_none_of_our_environment(
    small: own_tools.McpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kx.tools.remove("small")
    for name in ("ANTHROPIC_API_KEY", "KUBECONFIG", "AWS_SECRET_ACCESS_KEY", "SOMETHING_ELSE"):
        monkeypatch.setenv(name, f"of-ours-{name}")
    kx.tools.add_mcp("small", sys.executable, [SMALL], env={"ITS_OWN": "yes"}, timeout_s=60)
    (result,), *_ = run(tmp_path, [ask("small__environment")])
    seen = json.loads(result.content)
    assert set(seen) - {"LC_CTYPE", "PWD", "SHLVL", "_"} <= {
        "HOME",
        "LOGNAME",
        "PATH",
        "SHELL",
        "TERM",
        "USER",
        "ITS_OWN",
    }
    assert seen["ITS_OWN"] == "yes"
    assert "of-ours" not in result.content


def test_what_it_was_given_to_keep_and_what_it_gives_away_is_masked(small: own_tools.McpServer, tmp_path: Path) -> None:
    (environment, hostile), provider, _ = run(tmp_path, [ask("small__environment"), ask("small__hostile", "c2")])
    assert "OFFICE_PASSWORD" in environment.content
    sent = repr(provider.requests[1].messages)
    for text in (environment.content, hostile.content, sent, repr(kx.tools), repr(small)):
        assert SECRET not in text
        assert PLANTED not in text
    assert "\\x1b" not in sent
    assert sent.count("</cluster_data id=") == 2  # one fence for each answer: it cannot close its own


def test_a_huge_answer_is_bounded_and_can_be_searched(small: own_tools.McpServer, tmp_path: Path) -> None:
    (cut, found), *_ = run(
        tmp_path,
        [ask("small__huge", lines=200_000)],
        [ask("search_result", "c2", result_id="r1", pattern="line 50000$")],
    )
    assert cut.truncated
    assert len(cut.content) <= 12_000
    assert "line 50000" in found.content


def test_what_it_refuses_is_one_line_and_the_run_goes_on(small: own_tools.McpServer, tmp_path: Path) -> None:
    (broken, fine), _, last = run(tmp_path, [ask("small__broken")], [ask("small__add", "c2", a=1)])
    assert (broken.is_error, fine.content) == (True, "1 + 1 = 2")
    assert "small: " in broken.content
    assert "the office is closed" in broken.content
    assert "\n" not in broken.content
    assert isinstance(last, RunFinished)


def test_a_server_that_dies_is_one_line_and_the_run_goes_on(small: own_tools.McpServer, tmp_path: Path) -> None:
    (died, after), _, last = run(tmp_path, [ask("small__die")], [ask("small__add", "c2", a=1)])
    for result in (died, after):
        assert result.is_error
        assert "the MCP server small has ended" in result.content
        assert "out of cheese" in result.content
        assert "\n" not in result.content
    assert isinstance(last, RunFinished)


def test_a_call_takes_no_longer_than_it_may_and_ends_at_the_server_too(marks: Path, tmp_path: Path) -> None:
    kx.tools.add_mcp("small", sys.executable, [SMALL], env={"MARKS": str(marks)}, timeout_s=60)
    spec = kx.tools["small__slow"].spec
    object.__setattr__(spec, "timeout_s", 0.5)
    (late, fine), *_ = run(tmp_path, [ask("small__slow")], [ask("small__add", "c2", a=1)])
    assert "small__slow took longer than 0.5 s" in late.content
    assert fine.content == "1 + 1 = 2"
    deadline = time.monotonic() + 30
    while not (marks / "ended").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (marks / "ended").exists()


@pytest.mark.parametrize("answer", ["once", "refused"])
def test_what_it_does_not_say_reads_is_approved_as_any_change(
    small: own_tools.McpServer, tmp_path: Path, answer: str
) -> None:
    person = Person((answer,))
    (result,), *_ = run(tmp_path, [ask("small__page", who="ada")], approve=person.approver, allow_writes=True)
    assert person.asked[0].summary == "small__page(who='ada')"
    assert (result.is_error, "paged ada" in result.content) == (answer != "once", answer == "once")


def test_patterns_say_which_of_its_tools_there_are(tmp_path: Path) -> None:
    added = kx.tools.add_mcp("small", sys.executable, [SMALL], allow=("a*", "h*"), deny=("huge",), timeout_s=60)
    assert added.tools == ("small__add", "small__hostile")
    with pytest.raises(UsageError, match="small has no tool 'nix_"):
        kx.tools.add_mcp("small", sys.executable, [SMALL], deny=("nix_*",), timeout_s=60)
    assert "small__add" in kx.tools  # what was there stays
    _, provider, _ = run(tmp_path, tools_denied=("small__*",))
    assert not any(tool.name.startswith("small__") for tool in provider.requests[0].tools)


def test_removing_it_ends_its_process(small: own_tools.McpServer) -> None:
    pids = pids_of(SMALL)
    assert len(pids) == 2  # it, and what started it
    kx.tools.remove("small__add")
    assert "small__add" not in kx.tools
    kx.tools.remove("small")
    assert not any(name.startswith("small__") for name in kx.tools)
    assert all(map(gone, pids))
    with pytest.raises(NotFoundError):
        kx.tools.remove("small")


def test_to_add_it_again_replaces_it(small: own_tools.McpServer) -> None:
    before = pids_of(SMALL)
    assert before
    added = kx.tools.add_mcp("small", sys.executable, [SMALL], allow=("add",), timeout_s=60)
    assert [name for name in kx.tools if name.startswith("small__")] == [*added.tools] == ["small__add"]
    assert all(map(gone, before))


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_its_process_ends_with_ours(tmp_path: Path, end: str) -> None:
    code = (
        "import os, sys, kubeagentix as kx\n"
        "kx.tools.add_mcp('small', sys.executable, [sys.argv[1]], allow=('add',), timeout_s=60)\n"
        "print(kx.tools.own, flush=True)\n"
        "sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", code, SMALL]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert "small__add" in process.stdout.readline()
            (launcher,) = _children(process.pid)
            (server,) = _children(launcher)
            if end == "kill":
                process.send_signal(signal.SIGKILL)
            else:
                process.stdin.close()
            process.wait(30)
            assert gone(launcher)
            assert gone(server)
        finally:
            process.kill()


def _children(parent: int) -> list[int]:
    folders = Path(f"/proc/{parent}/task").iterdir()
    return [int(name) for folder in folders for name in (folder / "children").read_text().split()]


def test_a_server_over_http_is_asked_with_its_headers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, SMALL, str(port)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/mcp"
        while True:
            assert process.poll() is None
            try:
                httpx2.get(url)
                break
            except httpx2.TransportError:
                time.sleep(0.05)
        added = kx.tools.add_mcp(
            "small", url=url, headers={"Authorization": f"Bearer {SECRET}"}, allow=("add",), timeout_s=60
        )
        assert added.tools == ("small__add",)
        (result,), *_ = run(tmp_path, [ask("small__add", a=4)])
        assert result.content == "4 + 1 = 5"
        process.kill()
        process.wait()
        (dead,), _, last = run(tmp_path, [ask("small__add", a=4)])
        assert dead.is_error
        assert "the MCP server small" in dead.content
        assert "\n" not in dead.content
        assert isinstance(last, RunFinished)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"command": "no-such-program"}, "there is no program 'no-such-program'"),
        ({}, "a command or a url="),
        ({"command": "true", "url": "http://127.0.0.1:1/"}, "a command or a url="),
        ({"command": "true", "args": "a b"}, "one for each word"),
        ({"command": "true", "env": ["a"]}, "env= takes a dict of texts"),
        ({"command": "true", "env": {"a": 1}}, "env= takes a dict of texts"),
        ({"url": "ftp://example/"}, "is no address of an MCP server"),
        ({"url": "http://127.0.0.1:1/", "env": {"A": "b"}}, "env= goes with a command"),
        ({"command": "true", "timeout_s": 0}, "timeout_s= is a number of seconds"),
        ({"command": "true", "timeout_s": float("nan")}, "timeout_s= is a number of seconds"),
        ({"command": "true", "timeout_s": "5"}, "timeout_s= is a number of seconds"),
        ({"command": "true", "allow": "add"}, "allow= takes patterns of names"),
    ],
    ids=str,
)
def test_what_cannot_be_one_is_told_before_anything_is_started(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told.replace("(", r"\(")):
        kx.tools.add_mcp("small", **arguments)


@pytest.mark.parametrize("name", ["", "Big", "a__b", "a-b", "1a", "a" * 25, "_a", 3])
def test_a_name_that_no_tool_could_have_is_refused(name: Any) -> None:
    with pytest.raises(UsageError, match="is no name for an MCP server"):
        kx.tools.add_mcp(name, sys.executable)


def test_a_program_that_is_no_server_is_one_line_with_its_last_words() -> None:
    code = f"import sys; print('Traceback', 'token={PLANTED}', file=sys.stderr); sys.exit(1)"
    with pytest.raises(KubeAgentiXError) as raised:
        kx.tools.add_mcp("small", sys.executable, ["-c", code], timeout_s=60)
    assert "the MCP server small" in str(raised.value)
    assert "Traceback" in str(raised.value)
    assert PLANTED not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not any(name.startswith("small__") for name in kx.tools)


def test_a_program_that_says_nothing_is_given_up_and_ended() -> None:
    code = "import sys; sys.stdin.read()  # a-program-that-says-nothing"
    with pytest.raises(KubeAgentiXError, match="did not answer within 1 s"):
        kx.tools.add_mcp("small", sys.executable, ["-c", code], timeout_s=1)
    assert all(gone(pid) for pid in pids_of("a-program-that-says-nothing"))


def test_an_address_where_nobody_is_is_one_line() -> None:
    with pytest.raises(KubeAgentiXError, match="the MCP server small could not be used"):
        kx.tools.add_mcp("small", url="http://127.0.0.1:9/mcp", timeout_s=30)


def odd(way: str, timeout_s: float = 60) -> own_tools.McpServer:
    return kx.tools.add_mcp("odd", sys.executable, [ODD, way], env={"ODD_TOKEN": SECRET}, timeout_s=timeout_s)


def test_a_server_that_writes_without_an_end_is_ended_before_it_fills_our_memory(tmp_path: Path) -> None:
    odd("flood")
    (flooded, after), *_ = run(tmp_path, [ask("odd__look")], [ask("odd__look", "c2")])
    assert "it wrote a line of more than 8,000,000 bytes, and was ended" in flooded.content
    assert "the MCP server odd has ended" in after.content
    assert all(gone(pid) for pid in pids_of(ODD))


@pytest.mark.parametrize("way", ["content", "nothing"])
def test_an_answer_that_is_none_of_mcp_is_one_line(tmp_path: Path, way: str) -> None:
    odd(way)
    (result,), *_ = run(tmp_path, [ask("odd__look")])
    assert result.is_error
    assert "the MCP server odd failed: what it sent is no CallToolResult of MCP" in result.content
    assert SECRET not in result.content


def test_what_it_writes_beside_the_protocol_costs_nothing_and_is_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    odd("words")
    (result,), *_ = run(tmp_path, [ask("odd__look")])
    assert (result.is_error, result.content) == (False, "fine")
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_a_server_that_writes_a_log_where_the_protocol_belongs_is_told_so() -> None:
    with pytest.raises(KubeAgentiXError, match=r"within 2 s \(it writes what is no message of MCP to its"):
        odd("log", timeout_s=2)


def test_a_file_that_is_no_program_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "no-program"
    file.write_bytes(b"\x00\x01")
    file.chmod(0o700)
    with pytest.raises(KubeAgentiXError, match="it cannot be started: Exec format error"):
        kx.tools.add_mcp("odd", str(file), timeout_s=60)


def test_servers_are_added_from_a_running_loop_and_from_threads_side_by_side() -> None:
    def add() -> tuple[str, ...]:
        return kx.tools.add_mcp("odd", sys.executable, [ODD, "words"], timeout_s=60).tools

    async def in_a_loop() -> list[tuple[str, ...]]:
        return [add(), *await asyncio.gather(*(asyncio.to_thread(add) for _ in range(3)))]

    assert asyncio.run(in_a_loop()) == [("odd__look",)] * 4
    assert [name for name in kx.tools if name.startswith("odd__")] == ["odd__look"]
    launched = pids_of(ODD)
    deadline = time.monotonic() + 30
    while len(launched) > 2 and time.monotonic() < deadline:
        launched = pids_of(ODD)
    assert len(launched) == 2  # the server that was added last, and what started it


def test_a_key_in_an_address_is_hidden() -> None:
    with pytest.raises(KubeAgentiXError) as raised:
        kx.tools.add_mcp("odd", url=f"http://user:{SECRET}@127.0.0.1:9/mcp?key={SECRET}x", timeout_s=30)
    assert SECRET not in f"{raised.value}{raised.value!r}"
    place = Place(name="odd", url=f"http://user:{SECRET}@127.0.0.1:9/mcp?key={SECRET}x")
    assert SECRET not in place.hidden(f"asked http://user:{SECRET}@127.0.0.1:9/mcp?key={SECRET}x") + repr(place)
