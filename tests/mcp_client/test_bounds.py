"""A server over HTTP whose answer has no end, or is small on its way alone, costs a line and not our memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from kubeagentix.errors import KubeAgentiXError
from kubeagentix.mcp_client.connection import Connection
from kubeagentix.mcp_client.places import Place

HEADERS = {"endless": {}, "packed": {"Content-Encoding": "gzip"}, "fine": {}}
sent: list[int] = []


class Odd(BaseHTTPRequestHandler):
    """Speaks MCP by hand; the path is the way in which it answers a call."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._say(405, b"")

    def do_DELETE(self) -> None:
        self._say(405, b"")

    def do_POST(self) -> None:
        heard = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        way = self.path.strip("/")
        if "id" not in heard:
            self._say(202, b"")
        elif heard["method"] == "tools/call" and way != "fine":
            self._flood(way)
        else:
            told = self._answer(heard)
            self._say(200, json.dumps({"jsonrpc": "2.0", "id": heard["id"], **told}).encode())

    def _answer(self, heard: dict[str, Any]) -> dict[str, Any]:
        version = heard.get("params", {}).get("protocolVersion", "")
        named = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "o", "version": "1"}}
        results = {
            "initialize": named,
            "tools/list": {"tools": [{"name": "look", "inputSchema": {"type": "object"}}]},
            "tools/call": {"content": [{"type": "text", "text": self.headers["Accept-Encoding"]}]},
        }
        known = results.get(heard["method"])
        return {"result": known} if known else {"error": {"code": -32601, "message": "not known"}}

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _flood(self, way: str) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", "Transfer-Encoding": "chunked", **HEADERS[way]}.items():
            self.send_header(name, value)
        self.end_headers()
        piece = gzip.compress(b"x" * 1_000_000) if way == "packed" else b"x" * 65_536
        try:
            while True:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                sent.append(len(piece))
        except OSError:
            self.close_connection = True


@pytest.fixture
def url() -> Iterator[str]:
    sent.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("way", "told"), [("endless", "it has more than 8,000,000 bytes"), ("packed", "it is compressed")], ids=str
)
def test_an_answer_without_an_end_is_broken_off(url: str, way: str, told: str) -> None:
    connection = Connection(Place(name="odd", url=f"{url}/{way}"), 30)
    try:
        assert [tool.name for tool in connection.open()] == ["look"]
        for _ in range(2):  # and the connection goes on
            with pytest.raises(KubeAgentiXError, match=told):
                asyncio.run(connection.call("look", {}))
    finally:
        connection.close()
    assert sum(sent) < 2 * 20_000_000  # what the sockets hold comes on top


def test_an_answer_is_asked_for_as_it_is(url: str) -> None:
    connection = Connection(Place(name="odd", url=f"{url}/fine"), 30)
    try:
        connection.open()
        assert asyncio.run(connection.call("look", {})).text == "identity"
    finally:
        connection.close()
