"""What takes the CLI's place where a run is only to be shown: nothing is started, and all that it would get is kept.

It asks for what the CLI asks for before it sends anything to a model: the beginning of the control protocol, and our
tools.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kubeagentix.claude_cli.environment import SERVER
from kubeagentix.claude_cli.process import Child
from kubeagentix.domain.payloads import Payload
from kubeagentix.wire.catching import Catcher

_PROMPT_FILE = "--system-prompt-file"
# What the CLI asks of a server of tools, in its order. Measured on CLI 2.1.330.
_ASKED: tuple[Mapping[str, Any], ...] = (
    {"method": "initialize", "id": 0, "params": {"protocolVersion": "2025-11-25"}},
    {"method": "notifications/initialized"},
    {"method": "tools/list", "id": 1},
)


class StandIn(Child):
    """A child that never was. It is told apart from one by nobody but who made it."""

    def __init__(self, catcher: Catcher, path: Path, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self._catcher = catcher
        self._program = (path, tuple(arguments), tuple(sorted(environ)))
        self._written: list[str] = []
        self._answers: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        self._open = 0  # questions that are not answered yet
        self._is_told = False

    @property
    def exit_code(self) -> int | None:
        """It does not end by itself."""
        return None

    @property
    def stderr(self) -> str:
        """It writes nothing."""
        return ""

    async def write(self, data: bytes) -> None:
        """Keeps what is written, and answers as the CLI would."""
        text = data.decode("utf-8", "replace")
        self._written.append(text)
        line = _parsed(text)
        match line.get("type"):
            case "control_request":
                response = {"subtype": "success", "request_id": line.get("request_id")}
                self._answers.put_nowait({"type": "control_response", "response": response})
                if f'"{SERVER}"' in str(self._program[1]).replace("'", '"'):
                    self._ask()
            case "control_response":
                self._open -= 1
            case "user":
                self._is_told = True
        if self._is_told and not self._open:
            self._take()

    def close_stdin(self) -> None:
        """The prompt is all that a CLI gets without the control protocol."""
        if self._written:
            self._take()

    async def lines(self) -> AsyncIterator[bytes]:
        """What the CLI would say."""
        while (line := await self._answers.get()) is not None:
            yield json.dumps(line).encode()

    async def wait(self, timeout_s: float) -> bool:  # noqa: ARG002  as a child has it
        """It is never there."""
        return True

    async def end(self, *, is_done: bool = False) -> None:  # noqa: ARG002  as a child has it
        """Nothing is left behind."""
        self._answers.put_nowait(None)

    def _ask(self) -> None:
        for number, message in enumerate(_ASKED):
            request = {"subtype": "mcp_message", "server_name": SERVER, "message": {"jsonrpc": "2.0", **message}}
            self._answers.put_nowait({"type": "control_request", "request_id": f"ask-{number}", "request": request})
            self._open += 1

    def _take(self) -> None:
        path, arguments, environ = self._program
        prompt_file = Path(arguments[arguments.index(_PROMPT_FILE) + 1])
        self._catcher.take(
            Payload(
                to=str(path),
                arguments=arguments,
                environ=environ,
                files={str(prompt_file): prompt_file.read_text(encoding="utf-8")},
                stdin=tuple(_parsed(text) or text for text in self._written),
            )
        )


def _parsed(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
