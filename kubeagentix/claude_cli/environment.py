"""The environment and the arguments of a child: built from what is allowed, never from what is there.

Nothing that is a credential, a prompt or a switch of Claude Code comes from the caller's environment unless named here,
so a stale key cannot take over and a notebook that runs inside of Claude Code starts no session within a session.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from kubeagentix.claude_cli.places import Place
from kubeagentix.claude_cli.switches import Switches
from kubeagentix.claude_cli.tokens import variable_for
from kubeagentix.domain.requests import ModelRequest
from kubeagentix.domain.secrets import Credential
from kubeagentix.paths import expanded

SERVER = "kube"  # the name our tools are served under: mcp__kube__pod_logs
MAX_RETRIES = 2  # of the CLI: its default of 10 is silent for 180 s
_BASIC = ("PATH", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "COMSPEC", "PATHEXT")
_PROXY = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "all_proxy", "no_proxy")
_TRUST = (
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CLAUDE_CODE_CERT_STORE",
    "CLAUDE_CODE_CLIENT_CERT",
    "CLAUDE_CODE_CLIENT_KEY",
)
_GATEWAY = ("ANTHROPIC_BASE_URL",)
_QUIET = {
    "CLAUDE_CODE_DISABLE_ATTACHMENTS": "1",  # an @path in a prompt is text, not a file to read
    "CLAUDE_CODE_DISABLE_FILE_MENTIONS": "1",  # the same, for a CLI that knows only this one
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_MAX_RETRIES": str(MAX_RETRIES),
}
_THINKING = {"off": ("--thinking", "disabled"), "high": ("--effort", "high"), "auto": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The configuration a run works with: a folder for its variable (None: the CLI's own default), shared or not."""

    folder: Path | None
    is_shared: bool


def config_for(credential: Credential, environ: Mapping[str, str], switches: Switches, place: Place) -> Config:
    """Whose configuration a run gets: a login's own, the one the environment names, or a private one.

    A token that the request brings uses nothing of the environment's.
    """
    if switches.config_dir is not None and _is_of(environ, credential):
        return Config(folder=switches.config_dir, is_shared=True)
    if credential.kind != "login" or switches.isolate_config:
        return Config(folder=place.config, is_shared=False)
    named = environ.get("CLAUDE_CONFIG_DIR", "").strip()
    return Config(folder=expanded(named, environ) if named else None, is_shared=True)


def child_environment(
    credential: Credential, environ: Mapping[str, str], config: Config, place: Place, request: ModelRequest
) -> dict[str, str]:
    """All of the child's variables."""
    allowed = (*_BASIC, *_PROXY, *_TRUST, *_GATEWAY)
    child = {name: environ[name] for name in allowed if environ.get(name)}
    child |= _QUIET
    child |= {"TMPDIR": str(place.tmp), "XDG_CACHE_HOME": str(place.cache)}
    child["HOME"] = environ.get("HOME", str(place.cwd)) if credential.kind == "login" else str(place.cwd)
    child["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(request.max_output_tokens)
    child["MCP_TOOL_TIMEOUT"] = str(
        int((request.deadline_s + request.patience_s) * 1000)
    )  # a tool's own timeout is the engine's to hold
    if config.folder is not None:
        child["CLAUDE_CONFIG_DIR"] = str(config.folder)
    if credential.kind != "login":
        child[variable_for(credential)] = credential.secret.reveal()
    return child


def arguments(
    request: ModelRequest, credential: Credential, environ: Mapping[str, str], switches: Switches, prompt_file: Path
) -> list[str]:
    """What every run is called with. The prompts are not in it: anyone on the machine may read an argument list."""
    return [
        "--print",
        *("--output-format", "stream-json", "--verbose", "--include-partial-messages"),
        *("--model", request.model),
        *("--tools", ""),
        *("--setting-sources", switches.setting_sources if _is_of(environ, credential) else ""),
        "--strict-mcp-config",
        "--no-session-persistence",
        "--disable-slash-commands",
        *("--settings", json.dumps({"permissions": {"deny": ["Read"]}, "disableAllHooks": True})),
        *("--system-prompt-file", str(prompt_file)),
        *_THINKING[request.thinking],
    ]


def control_arguments(request: ModelRequest) -> list[str]:
    """What a run is called with besides, where it is spoken to by the control protocol."""
    served = {"mcpServers": {SERVER: {"type": "sdk", "name": SERVER}}} if request.tools else {"mcpServers": {}}
    allowed = ["--allowedTools", f"mcp__{SERVER}"] if request.tools else []
    turns = ["--max-turns", str(request.max_turns + 1)]
    return ["--input-format", "stream-json", "--mcp-config", json.dumps(served), *allowed, *turns]


def passed_on(environ: Mapping[str, str], switches: Switches) -> tuple[str, ...]:
    """The variables that have a part in where and how the CLI connects, as name=value without passwords."""
    names = [name for name in (*_GATEWAY, *_PROXY, *_TRUST) if environ.get(name)]
    shown = [f"{name}={_without_password(environ[name])}" for name in names]
    named = {"CLAUDE_CODE_SETTING_SOURCES": switches.setting_sources, "CLAUDE_CODE_CONFIG_DIR": switches.config_dir}
    return (*shown, *(f"{name}={value}" for name, value in named.items() if value))


def _is_of(environ: Mapping[str, str], credential: Credential) -> bool:
    """Whether it is the environment's own credential, or the login of whoever's environment it is."""
    return credential.kind == "login" or credential.source in environ


def _without_password(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return "…"
    if "@" not in parts.netloc:
        return urlunsplit(parts._replace(query="…")) if parts.query else text
    return urlunsplit(parts._replace(netloc="…@" + parts.netloc.rpartition("@")[2], query="…" if parts.query else ""))
