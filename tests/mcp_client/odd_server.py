"""A program that speaks MCP by hand, and badly: `python odd_server.py WAY`."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

WAY = sys.argv[1]
SECRET = os.environ.get("ODD_TOKEN", "")
RESULTS: dict[str, Any] = {
    "content": {"content": [{"type": "hologram", "of": SECRET}]},
    "nothing": {},
    "words": {"content": [{"type": "text", "text": "fine"}]},
}


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def answer(request: dict[str, Any]) -> Any:
    if request["method"] == "initialize":
        version = request["params"]["protocolVersion"]
        return {
            "protocolVersion": version,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "odd", "version": "1"},
        }
    if request["method"] == "tools/list":
        reads = {"readOnlyHint": True}
        return {"tools": [{"name": "look", "inputSchema": {"type": "object"}, "annotations": reads}]}
    while WAY == "flood":
        say("x" * 65_536)
    if WAY == "words":
        say(f"a line that was meant for a log {SECRET}\n" * 3)
    return RESULTS[WAY]


if WAY == "log":
    say(f"starting with {SECRET}\n")
for line in sys.stdin:
    heard = json.loads(line)
    if WAY == "log" or "id" not in heard:
        continue
    known = heard["method"] in ("initialize", "tools/list", "tools/call")
    told = {"result": answer(heard)} if known else {"error": {"code": -32601, "message": "not known"}}
    say(json.dumps({"jsonrpc": "2.0", "id": heard["id"], **told}) + "\n")
