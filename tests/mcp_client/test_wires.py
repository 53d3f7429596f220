"""An MCP server's tools over real clients: by an API, through Claude Code's own MCP, and by markup."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

import kubeagentix as kx
from kubeagentix import own_tools
from kubeagentix.domain.events import ToolCallFinished
from kubeagentix.engine.engine import Engine
from kubeagentix.testing import snapshot_of
from tests.cli.conftest import BROKEN
from tests.engine.test_wires import CHANNEL, CLIENTS, Client, finished, options, records_of
from tests.servers.turns import Call, Say

SMALL = str(Path(__file__).with_name("small_server.py"))
MARKUP = """<function_calls>
<invoke name="small__add"><parameter name="a">20</parameter><parameter name="b">3</parameter></invoke>
</function_calls>"""


@pytest.mark.parametrize("client", [CLIENTS[0], *CLIENTS[4:]], ids=str)
def test_a_servers_tool_is_offered_called_and_fenced(client: Client, tmp_path: Path) -> None:
    is_by_markup = (CHANNEL, "cli") in client.settings
    turn = [Say(MARKUP)] if is_by_markup else [Call(f"{client.prefix}small__add", {"a": 20, "b": 3})]
    kx.tools.add_mcp("small", sys.executable, [SMALL], allow=("add",), timeout_s=60)
    try:
        with client.wired.server() as server:
            server.script(turn, [Say("It is so.")])
            plugins = {client.wired.plugin.id: client.wired.plugin}
            asked = Engine(snapshot_of(BROKEN), plugins=plugins, environ=client.environ(server, tmp_path))
            records = asyncio.run(records_of(asked, options(client)))
            first, last = str(server.requests[0].body), str(server.requests[-1].body)
    finally:
        own_tools._remove_server("small")
    results = [record.event.result for record in records if isinstance(record.event, ToolCallFinished)]
    assert [(result.tool_name, result.content) for result in results] == [("small__add", "20 + 3 = 23")]
    assert "(Of the MCP server small.) Adds two numbers." in first
    assert 'from="small__add"' in last.replace('\\"', '"')
    assert "20 + 3 = 23" in last
    assert finished(records).text.endswith("It is so.")
