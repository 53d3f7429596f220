"""Where a user's MCP server is: a program to be started, or an address; and what is secret about that."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from kubeagentix.errors import UsageError, excerpt
from kubeagentix.recognition.masking import PLACEHOLDER
from kubeagentix.recognition.names import verdict

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")  # no double underscore: that parts a server from its tool
MAX_NAME = 24
LEAST_SECRET = 6  # characters; what is shorter is in too many words
_EXAMPLE = 'as in kx.tools.add_mcp("grafana", "uvx", ["mcp-grafana"], env={"GRAFANA_URL": "…"})'


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One server. Raises UsageError for what cannot be one."""

    name: str
    command: str = ""
    args: Sequence[str] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name) or len(self.name) > MAX_NAME:
            what = f"{excerpt(repr(self.name), 60)} is no name for an MCP server"
            raise UsageError(what, hint=f"small letters, digits and single underscores, {MAX_NAME} at most")
        if bool(self.command) == bool(self.url):
            raise UsageError("an MCP server is a command or a url=, one of them", hint=_EXAMPLE)
        if isinstance(self.args, str) or not _are_texts((self.command, *self.args, self.url)):
            raise UsageError("command and args= are texts, one for each word", hint=_EXAMPLE)
        for name, given in (("env", self.env), ("headers", self.headers)):
            if not isinstance(given, Mapping) or not _are_texts((*given, *given.values())):
                raise UsageError(f"{name}= takes a dict of texts", hint=_EXAMPLE)
        if (self.env and self.url) or (self.headers and self.command):
            raise UsageError("env= goes with a command, headers= with a url=", hint=_EXAMPLE)
        if self.url and (urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname):
            what = f"{excerpt(self.url, 80)!r} is no address of an MCP server"
            raise UsageError(what, hint="write http:// or https://, as in http://127.0.0.1:8000/mcp")
        if self.command and shutil.which(self.command, path=self.env.get("PATH")) is None:
            what = f"there is no program {excerpt(self.command, 80)!r}"
            raise UsageError(what, hint="install it, or name it with its whole path")

    def hidden(self, text: str) -> str:
        """`text` without what was given to the server to keep: it may say it again."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, PLACEHOLDER)
        return text

    def _secrets(self) -> Iterator[str]:
        named = (value for name, value in self.env.items() if verdict(name))
        url = urlsplit(self.url)
        in_url = (url.password or "", *(value for _, value in parse_qsl(url.query)))
        for value in (*named, *self.headers.values(), *in_url):
            yield from (part for part in {value, value.rpartition(" ")[2]} if len(part) >= LEAST_SECRET)


def _are_texts(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) and "\0" not in value for value in values)
