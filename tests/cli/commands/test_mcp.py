"""`kubeagentix mcp` as a client starts it: over its pipes or a port, until the client or somebody else ends it."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

import kubeagentix as kx
from kubeagentix.cli.app import main
from tests.mcp.clients import ROOT, over_http, over_stdio, program, text_of

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "by hand", "version": "1"},
    },
}
TOKEN = "a-token-that-only-tests-know"


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable") as started:
        yield started


def started(*words: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kubeagentix", "mcp", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
    )


def greeted(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The answer to a first word: from then on it serves."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(HELLO) + "\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def test_the_official_client_diagnoses_over_pipes(demo: kx.Demo, tmp_path: Path) -> None:
    async def talked() -> str:
        parameters = program("--kubeconfig", demo.kubeconfig, "-n", "orders", HOME=str(tmp_path))
        async with over_stdio(parameters, tmp_path / "errors") as client:
            assert client.protocol_version >= "2026-07-28"
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert ("run_quickdx" in names, "scale_workload" in names) == (True, False)
            calls = (client.call_tool("run_quickdx", {}), client.call_tool("pod_logs", {"pod": "deploy/checkout"}))
            diagnosis, log = await asyncio.gather(*calls)
            assert (diagnosis.is_error, log.is_error) == (False, False)
            return text_of(diagnosis)

    assert "CrashLoopBackOff/MissingVariable" in asyncio.run(talked())
    assert (tmp_path / "errors").read_text() == ""


def test_a_signal_ends_it_though_its_client_says_nothing(demo: kx.Demo) -> None:
    process = started("--kubeconfig", demo.kubeconfig)
    try:
        assert greeted(process)["result"]["serverInfo"]["name"] == "kubeagentix"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        out, err = process.communicate()
        assert (out, err) == ("", "")
    finally:
        process.kill()
        process.wait()


def test_what_is_no_message_is_survived_and_the_end_of_its_input_ends_it(demo: kx.Demo) -> None:
    process = started("--kubeconfig", demo.kubeconfig)
    try:
        assert process.stdin is not None
        process.stdin.write("this is no JSON\n{}\n")
        assert greeted(process)["id"] == 1
        out, _ = process.communicate(timeout=20)  # which closes it
        assert all(json.loads(line)["jsonrpc"] == "2.0" for line in out.splitlines())  # and nothing else is written
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


def test_over_http_it_tells_its_address_and_the_token_it_made_up_once(demo: kx.Demo) -> None:
    process = started("--kubeconfig", demo.kubeconfig, "-n", "orders", "--http", "0")
    try:
        assert process.stderr is not None
        first, second = process.stderr.readline(), process.stderr.readline()
        url, token = first.split()[-1], second.split()[-1]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/mcp", url)
        assert httpx2.get(url).status_code == 401

        async def talked() -> str:
            async with over_http(url, "auto", token) as client:
                return text_of(await client.call_tool("list_unhealthy", {}))

        assert "checkout" in asyncio.run(talked())
        assert token not in Path(f"/proc/{process.pid}/cmdline").read_text()
        process.send_signal(signal.SIGTERM)
        out, rest = process.communicate(timeout=20)
        assert (out, rest, process.returncode) == ("", "", 0)
    finally:
        process.kill()
        process.wait()


def test_a_token_that_was_given_is_not_told(demo: kx.Demo) -> None:
    process = started("--kubeconfig", demo.kubeconfig, "--http", "127.0.0.1:0", KUBEAGENTIX_MCP_TOKEN=TOKEN)
    try:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        assert httpx2.get(url, headers={"Authorization": f"Bearer {TOKEN}"}).status_code != 401
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=20)
        assert (out, rest, process.returncode) == ("", "", 0)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--token-file", "x"], "--token-file does nothing without --http"),
        (["--allow-host", "x"], "--allow-host does nothing without --http"),
        (["--http", "localhost"], "'localhost' names no port"),
        (["--http", "127.0.0.1:70000"], "names no port"),
        (["--snapshot", "x", "--allow-writes"], "a saved snapshot cannot be changed"),
        (["--http", "0", "--token-file", "nowhere"], "cannot read the token file nowhere"),
        (["--http", "TAKEN"], "cannot listen on 127.0.0.1:"),
        (["--http", "0.0.0.0:0"], "is every address of this machine"),
        (["--http", "0", "--allow-host", "*"], "--allow-host '*' is no name of a host"),
        (["--http", "0", "--allow-host", "http://a.example/"], "is no name of a host"),
        (["--token", "a-token-in-an-argument-list"], "unknown option '--token'"),
        (["-n", "a", "-A"], "-n and -A exclude each other"),
    ],
    ids=str,
)
def test_a_mistake_is_one_line(demo: kx.Demo, capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    words = [word.replace("TAKEN", str(taken.getsockname()[1])) for word in words]
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    place = [] if "--snapshot" in words else ["--kubeconfig", demo.kubeconfig]
    try:
        assert main(["mcp", *place, *words]) == 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        taken.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1
    assert "a-token-in" not in err


def test_whatever_prints_there_stdout_is_the_protocols(demo: kx.Demo, tmp_path: Path) -> None:
    code = """
import logging, os, subprocess, sys, warnings
import kubeagentix as kx
from kubeagentix.cli.app import main

@kx.tool
def chatter() -> str:
    \"\"\"Talks.\"\"\"
    print("by print")
    sys.__stdout__.write("by the stream")
    sys.__stdout__.flush()
    os.write(1, b"by the descriptor")
    subprocess.run(["echo", "by a child"])
    subprocess.run(["cat"])  # which would read the protocol, had it our input
    warnings.warn("by a warning")
    logging.getLogger("mcp").error("by a log")
    return "said"

sys.exit(main(sys.argv[1:]))
"""
    words = ["-c", code, "mcp", "--kubeconfig", demo.kubeconfig, "-n", "orders"]
    parameters = StdioServerParameters(command=sys.executable, args=words, env={"PYTHONPATH": str(ROOT)})
    strange: list[object] = []

    async def heard(message: object) -> None:
        if isinstance(message, Exception):
            strange.append(message)

    async def talked() -> str:
        with (tmp_path / "errors").open("w") as log:
            async with Client(stdio_client(parameters, log), mode="legacy", message_handler=heard) as client:
                return text_of(await client.call_tool("chatter", {}))

    assert "said" in asyncio.run(talked())
    assert strange == []
    said = (tmp_path / "errors").read_text()
    assert all(f"by {way}" in said for way in ("print", "the stream", "the descriptor", "a child", "a warning"))


BUSY = """
import sys, time
import kubeagentix as kx
from kubeagentix.cli.app import main

@kx.tool
def blocks() -> str:
    \"\"\"Does not come back, and cannot be called back.\"\"\"
    print("begun", file=sys.stderr, flush=True)
    time.sleep(600)
    return ""

sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("end", ["the client closes its end", "the client is gone", "a signal"])
def test_it_ends_whatever_still_runs(demo: kx.Demo, end: str) -> None:
    words = [sys.executable, "-c", BUSY, "mcp", "--kubeconfig", demo.kubeconfig]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process: Any
    with subprocess.Popen(words, **pipes, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        try:
            assert greeted(process)["id"] == 1
            call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "blocks", "arguments": {}}}
            process.stdin.write(f"{json.dumps(call)}\n")
            process.stdin.flush()
            assert process.stderr.readline() == "begun\n"
            if end == "a signal":
                process.send_signal(signal.SIGTERM)
            elif end == "the client is gone":
                process.stdout.close()
                process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 3, "method": "tools/list"}) + "\n")
                process.stdin.flush()
            else:
                process.stdin.close()
            assert process.wait(30) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_whoever_starts_it_by_hand_is_told_what_it_waits_for(demo: kx.Demo) -> None:
    ours, its = pty.openpty()
    words = [sys.executable, "-m", "kubeagentix", "mcp", "--kubeconfig", demo.kubeconfig]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdin=its, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as process:
        try:
            assert process.stderr is not None
            assert b"an MCP client is to start this" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            out, rest = process.communicate(timeout=20)
            assert (out, rest, process.returncode) == (b"", b"", 0)
        finally:
            process.kill()
            os.close(ours)
            os.close(its)
