"""The real Claude Code CLI as a client of `kubeagentix mcp`, added as the README says: it lists tools and calls one."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import kubeagentix as kx
from kubeagentix.claude_cli.finding import find
from tests.claude_cli.running import TOKEN, Lab
from tests.mcp.clients import TOKEN as SERVED_TOKEN
from tests.mcp.clients import desk_of, served
from tests.servers.turns import Call, Say

ROOT = Path(__file__).parents[2]


def claude(lab: Lab, *words: str, **more: str) -> str:
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(lab.home),
        "TMPDIR": str(lab.tmp),
        "ANTHROPIC_BASE_URL": lab.server.base_url,
        "CLAUDE_CODE_OAUTH_TOKEN": TOKEN,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody there: nothing gets out
        "NO_PROXY": "127.0.0.1",
        "MCP_TIMEOUT": "60000",
        **more,
    }
    path = find({"PATH": "/usr/bin:/bin", "HOME": str(lab.home)}).path
    done = subprocess.run(
        [path, *words], env=environ, cwd=lab.home, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_claude_code_lists_our_tools_and_calls_one(lab: Lab) -> None:
    with kx.demo("crash-missing-variable") as demo:
        program = [sys.executable, "-m", "kubeagentix", "mcp", "--kubeconfig", demo.kubeconfig, "-n", "orders"]
        added = ["mcp", "add", "kubeagentix", "--scope", "user", "-e", f"PYTHONPATH={ROOT}", "--", *program]
        assert "Added stdio MCP server kubeagentix" in claude(lab, *added)
        lab.server.script([Call("mcp__kubeagentix__run_quickdx", {})], [Say("A variable is missing.")])
        allowed = ("--allowedTools", "mcp__kubeagentix__run_quickdx")
        said = claude(lab, "--print", "--tools", "", *allowed, "--model", "sonnet", "Why is checkout failing?")
    last = lab.server.heard[-1]  # it connects while it asks for the first time
    assert "A variable is missing." in said
    assert {"mcp__kubeagentix__run_quickdx", "mcp__kubeagentix__pod_logs"} <= {*last.tools}
    assert "mcp__kubeagentix__scale_workload" not in last.tools
    assert "CrashLoopBackOff/MissingVariable" in json.dumps([repr(message) for message in last.messages])


def test_claude_code_reaches_it_over_http_with_a_token_that_is_in_no_file(lab: Lab) -> None:
    """As the README says: the file of servers names a variable."""
    config = lab.home / "servers.json"
    with (
        kx.demo("crash-missing-variable") as demo,
        kx.connect(kubeconfig=demo.kubeconfig) as cluster,
        served(partial(desk_of, cluster, lab.home)) as url,
    ):
        headers = {"Authorization": "Bearer ${KUBEAGENTIX_MCP_TOKEN}"}
        server = {"type": "http", "url": url, "headers": headers}
        config.write_text(json.dumps({"mcpServers": {"kubeagentix": server}}))
        lab.server.script([Call("mcp__kubeagentix__run_quickdx", {})], [Say("A variable is missing.")])
        allowed = ("--mcp-config", str(config), "--allowedTools", "mcp__kubeagentix__run_quickdx")
        words = ("--print", "--tools", "", "--model", "sonnet", *allowed, "--", "Why is checkout failing?")
        said = claude(lab, *words, KUBEAGENTIX_MCP_TOKEN=SERVED_TOKEN)
    last = lab.server.heard[-1]
    assert "A variable is missing." in said
    assert "CrashLoopBackOff/MissingVariable" in json.dumps([repr(message) for message in last.messages])
