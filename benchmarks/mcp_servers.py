"""What an MCP client gets of a broken synthetic cluster: from `kubeagentix mcp`, and from another server beside it.

    python benchmarks/mcp_servers.py --pods 1000 --peer 'npx kubernetes-mcp-server --read-only'

Each server is started over standard input and output as a client starts it, round by round, and asked what is broken
in the whole cluster: ours by `run_quickdx`, another by the tools that `--peer-tools` names. *tools_chars* is what a
model is told before its first question, *answer_chars* what it gets to read. *named* of *planted*: of how much of what
is broken the name occurs in the answer at all, which is no diagnosis yet; *reasons*: how often its reason does, too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, from wherever

from benchmarks.synthetic import Served, served

Call = tuple[str, Mapping[str, Any]]
OURS = ("run_quickdx", {"namespace": "*"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One round with one server."""

    start_s: float
    tools: int
    tools_chars: int
    answer_s: float
    answer: str


async def asked(command: Sequence[str], kubeconfig: Path, calls: Sequence[Call]) -> Asked:
    """Starts the server `command` and makes `calls`, one after the other."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(kubeconfig.parent)}
    server = StdioServerParameters(
        command=command[0], args=[*command[1:], "--kubeconfig", str(kubeconfig)], env=environ
    )
    began = time.perf_counter()
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        listed = time.perf_counter()
        texts = [await said(session, name, arguments) for name, arguments in calls]
        return Asked(
            start_s=listed - began,
            tools=len(tools),
            tools_chars=sum(len(tool.model_dump_json(exclude_none=True)) for tool in tools),
            answer_s=time.perf_counter() - listed,
            answer="\n".join(texts),
        )


async def said(session: ClientSession, name: str, arguments: Mapping[str, Any]) -> str:
    """What a tool answers. Raises RuntimeError where that is an error."""
    result = await session.call_tool(name, dict(arguments))
    text = "\n".join(item.text for item in result.content if item.type == "text")
    if result.is_error:
        raise RuntimeError(f"{name}: {text[:200]}")
    return text


def row(rounds: Sequence[Asked], cluster: Served) -> dict[str, Any]:
    """Medians of the rounds, and what the last answer names."""
    answer = rounds[-1].answer
    named = [item for item in cluster.planted if item.name in answer]
    return {
        "start_s": round(statistics.median(item.start_s for item in rounds), 2),
        "tools": rounds[-1].tools,
        "tools_chars": rounds[-1].tools_chars,
        "answer_s": round(statistics.median(item.answer_s for item in rounds), 2),
        "answer_s_spread": [round(edge(item.answer_s for item in rounds), 2) for edge in (min, max)],
        "answer_chars": len(answer),
        "named": len(named),
        "reasons": sum(item.reason in answer for item in named),
        "planted": len(cluster.planted),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", default="", help="command of another server; --kubeconfig FILE is added")
    parser.add_argument("--peer-tools", default="pods_list,events_list", help="its tools, asked without arguments")
    options = parser.parse_args()
    servers: dict[str, tuple[list[str], list[Call]]] = {
        "kubeagentix": ([sys.executable, "-m", "kubeagentix", "mcp", "-A"], [OURS])
    }
    if options.peer:
        servers["peer"] = (shlex.split(options.peer), [(name, {}) for name in options.peer_tools.split(",")])
    with served(options.pods) as cluster:
        for name, (command, calls) in servers.items():
            rounds = [asyncio.run(asked(command, cluster.kubeconfig, calls)) for _ in range(options.rounds)]
            print(json.dumps({"server": name, "pods": options.pods, **row(rounds, cluster)}), flush=True)


if __name__ == "__main__":
    main()
