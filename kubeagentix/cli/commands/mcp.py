"""`kubeagentix mcp`: our tools and Quick Dx for any client that speaks MCP, such as Claude Code."""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from kubeagentix import options, sync
from kubeagentix.contracts import CommandPlugin
from kubeagentix.domain.options import RunOptions
from kubeagentix.errors import MissingExtraError, UsageError, excerpt
from kubeagentix.report.text import clean_line

if TYPE_CHECKING:
    from kubeagentix.agent import Engine
    from kubeagentix.domain.secrets import Secret

SLICE_S = 0.1
_HOST = re.compile(r"([a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
GRACE_S = 8.0  # a change that is on its way is waited for


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    options.add_place_options(parser)
    parser.add_argument("--snapshot", metavar="FILE", help="a saved snapshot instead of a cluster")
    parser.add_argument(
        "--allow-writes", action="store_true", help="offer tools that change things; each change is asked about there"
    )
    parser.add_argument(
        "--http", metavar="[HOST:]PORT", help="over HTTP instead of standard input and output; 0: a free port"
    )
    parser.add_argument(
        "--token-file", metavar="FILE", help="with --http: the token, if not in KUBEAGENTIX_MCP_TOKEN or made up"
    )
    parser.add_argument(
        "--allow-host", action="append", metavar="NAME", help="with --http: it may be called by this name, too"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves until the client leaves, or somebody ends it."""
    options.check(arguments)
    place = _place(arguments)
    if arguments.allow_writes and arguments.snapshot:
        raise UsageError("a saved snapshot cannot be changed", hint="leave --allow-writes out, or name a cluster")
    try:
        import mcp  # noqa: F401, PLC0415  only here it has to be installed
        import uvicorn  # noqa: F401, PLC0415
    except ImportError as error:
        raise MissingExtraError("the package mcp is not installed", hint="pip install 'kubeagentix[mcp]'") from error
    from kubeagentix.agent import Engine  # noqa: PLC0415  help needs no engine

    ended = _signals()
    with options.opened(arguments) as source:
        engine = Engine(source, namespace=arguments.namespace, history=False)
        if arguments.all_namespaces:
            engine.namespace = None
        _until(ended, _serve(engine, arguments, place))
    return 0


def _place(arguments: argparse.Namespace) -> tuple[str, int] | None:
    """Where to listen, or None for standard input and output. Raises UsageError."""
    if arguments.http is None:
        given = [name for name in ("token_file", "allow_host") if getattr(arguments, name)]
        if given:
            raise UsageError(f"--{given[0].replace('_', '-')} does nothing without --http", hint="name a port")
        return None
    host, _, port = arguments.http.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        what = f"--http {excerpt(arguments.http, 60)!r} names no port"
        raise UsageError(what, hint="write a port, as 8931, or 127.0.0.1:8931")
    arguments.allow_host = [_name(given) for given in arguments.allow_host or ()]
    return host.strip("[]") or "127.0.0.1", int(port)


def _name(given: str) -> str:
    """What a client sends as the name of this server. Raises UsageError."""
    name = f"[{given}]" if given.count(":") > 1 and not given.startswith("[") else given.lower()
    if not _HOST.fullmatch(name):
        what = f"--allow-host {excerpt(given, 60)!r} is no name of a host"
        raise UsageError(what, hint="write it as in kubeagentix.example, without http:// and without *")
    return name


def _signals() -> threading.Event:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _until(ended: threading.Event, work: Coroutine[Any, Any, None]) -> None:
    """Runs it to its end, or until a signal comes."""
    job = sync.start(work)
    while not job.wait(SLICE_S):
        if ended.is_set():
            job.cancel()
            job.wait(GRACE_S)
            return
    job.result()


async def _serve(engine: Engine, arguments: argparse.Namespace, place: tuple[str, int] | None) -> None:
    from kubeagentix.engine.workbench import Workbench  # noqa: PLC0415
    from kubeagentix.mcp import http, stdio, tokens  # noqa: PLC0415
    from kubeagentix.mcp.serving import Desk  # noqa: PLC0415

    desk = Desk(Workbench(engine, RunOptions(allow_writes=arguments.allow_writes)))
    try:
        if place is None:
            if sys.stdin is not None and sys.stdin.isatty():
                _say("an MCP client is to start this and talk to it; nothing happens here; Ctrl-C ends it")
            await stdio.serve(desk.server)
            return
        given = tokens.token_of(arguments.token_file, os.environ)
        token = given if given is not None else tokens.made_up()
        if arguments.token_file and tokens.is_open_to_others(arguments.token_file, os.environ):
            _say(f"others can read the token: chmod 600 {clean_line(arguments.token_file, 200)}")
        listener = http.listening(*place, names=arguments.allow_host)
        _tell(listener, token if given is None else None)
        await http.serve(desk.server, listener, token, arguments.allow_host)
    finally:
        await desk.close()


def _tell(listener: socket.socket, made_up: Secret | None) -> None:
    from kubeagentix.mcp import http  # noqa: PLC0415

    lines = [f"serving MCP at {http.url_of(listener)}"]
    if made_up is not None:
        lines.append(f"token, told this once: {made_up.reveal()}")
    if not http.is_loopback(listener.getsockname()[0]):
        lines.append("others reach it, and it has no TLS: put a proxy with TLS before it")
    _say(*lines)


def _say(*lines: str) -> None:
    print("\n".join(lines), file=sys.stderr, flush=True)


plugin = CommandPlugin(
    id="mcp", help="serve the tools and Quick Dx to MCP clients, such as Claude Code", configure=configure, run=run
)
