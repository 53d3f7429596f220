"""What a run of the CLI that went wrong means: one error each, with the next step for every way to use it.

The CLI tells an API's error in its last `result` line (whose subtype is "success" even then), its own errors on
stderr, and nothing at all when it was killed: all three are read, and the exit code last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kubeagentix.claude_cli.fields import items, moment
from kubeagentix.domain.secrets import Credential
from kubeagentix.errors import (
    AuthenticationError,
    ClientError,
    ConnectionFailedError,
    ContextWindowError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    RefusedError,
    excerpt,
)

PROVIDER = "claude_code"


@dataclass(frozen=True, slots=True)
class _Advice:
    """What to do next: with a local login, with a token, in a container."""

    error: type[ProviderError]
    local: str
    token: str
    docker: str

    def __str__(self) -> str:
        return f"local: {self.local}; token: {self.token}; Docker: {self.docker}"


_NEW_TOKEN = "run `claude setup-token` and set CLAUDE_CODE_OAUTH_TOKEN to what it prints, as one line"  # noqa: S105
_NEW_LOGIN = "run `claude`, then /login"
_IN_CONTAINER = (
    "pass a token with -e CLAUDE_CODE_OAUTH_TOKEN, or mount ~/.claude and ~/.claude.json "
    "(a Mac keeps its login in the keychain: pass a token)"
)
_WAIT = "wait and ask again, or use another provider"

_ADVICE: Mapping[str, _Advice] = {
    "not_logged_in": _Advice(AuthenticationError, _NEW_LOGIN, _NEW_TOKEN, _IN_CONTAINER),
    "token_rejected": _Advice(
        AuthenticationError,
        "unset the token variable to use your login, or " + _NEW_LOGIN,
        _NEW_TOKEN,
        "pass a fresh token with -e CLAUDE_CODE_OAUTH_TOKEN, and check that an env file did not quote or wrap it",
    ),
    "token_expired": _Advice(
        AuthenticationError,
        _NEW_LOGIN,
        _NEW_TOKEN,
        "start the container again with a fresh CLAUDE_CODE_OAUTH_TOKEN, or log in on the host if ~/.claude is mounted",
    ),
    "api_key_as_token": _Advice(
        AuthenticationError,
        "use the provider `claude` with the API key, or leave it out to use your login",
        _NEW_TOKEN + "; or allow API keys with CLAUDE_CODE_ALLOW_API_KEY=true and ANTHROPIC_API_KEY",
        "pass a token of `claude setup-token`, or the key as ANTHROPIC_API_KEY for the provider `claude`",
    ),
    "api_key_rejected": _Advice(
        AuthenticationError,
        "unset ANTHROPIC_API_KEY or CLAUDE_CODE_ALLOW_API_KEY to use your login",
        "unset CLAUDE_CODE_ALLOW_API_KEY to use the token",
        "start the container with a key that is valid, or without ANTHROPIC_API_KEY",
    ),
    "api_key_took_over": _Advice(
        AuthenticationError,
        "unset ANTHROPIC_API_KEY and take apiKeyHelper out of your settings",
        "unset ANTHROPIC_API_KEY where the CLI is wrapped by a script that sets it",
        "start the container without ANTHROPIC_API_KEY; or allow it with CLAUDE_CODE_ALLOW_API_KEY=true",
    ),
    "organization_forbids": _Advice(
        PermissionDeniedError,
        "ask your organization's admin to allow Claude Code, or use the provider `claude` with an API key",
        "make the token with an account whose organization allows it",
        "pass such a token, or ANTHROPIC_API_KEY for the provider `claude`",
    ),
    "forbidden": _Advice(
        PermissionDeniedError,
        "check the plan of your account with `claude`, then /status",
        "make a new token with `claude setup-token` under an account that has a plan",
        "check the proxy and ANTHROPIC_BASE_URL that the container gets, and its token",
    ),
    "subscription_limit": _Advice(
        QuotaError,
        "wait for the reset, see /usage in `claude`, or use another provider",
        "a second token of the same account shares the limit: wait, or use another account's",
        "the limit belongs to the account, not to the container: wait, or use another provider",
    ),
    "credit": _Advice(
        QuotaError,
        "use your login in place of the API key, or buy credit for the key",
        "use a token of `claude setup-token`: a plan needs no credit",
        "pass CLAUDE_CODE_OAUTH_TOKEN and leave ANTHROPIC_API_KEY out",
    ),
    "rate_limited": _Advice(RateLimitError, _WAIT, _WAIT, _WAIT),
    "overloaded": _Advice(OverloadedError, _WAIT, _WAIT, _WAIT),
    "connection": _Advice(
        ConnectionFailedError,
        "check the network, HTTPS_PROXY and ANTHROPIC_BASE_URL",
        "check the network, HTTPS_PROXY and ANTHROPIC_BASE_URL",
        "a proxy or gateway on the host is not localhost inside: use host.docker.internal or --network host",
    ),
    "context_window": _Advice(
        ContextWindowError, "ask about less at once", "ask about less at once", "ask about less at once"
    ),
    "model_not_found": _Advice(
        ModelNotFoundError,
        "name a model of your plan, such as sonnet, or see /model in `claude`",
        "name a model of the account that made the token, such as sonnet",
        "name another model, such as sonnet, or unset ANTHROPIC_MODEL in the container",
    ),
    "refused": _Advice(RefusedError, "ask in other words", "ask in other words", "ask in other words"),
    "cli_missing": _Advice(
        ClientError,
        "pip install 'kubeagentix[claude-code]', or install Claude Code and name it with CLAUDE_CODE_CLI_PATH",
        "the token needs the CLI too: pip install 'kubeagentix[claude-code]'",
        "install the extra in the image (its wheel has no musl build: use a glibc image, not Alpine)",
    ),
    "cli_too_old": _Advice(
        ClientError,
        "run `claude update`, or pip install -U 'kubeagentix[claude-code]'",
        "pip install -U 'kubeagentix[claude-code]', and unset CLAUDE_CODE_CLI_PATH",
        "build the image again; npm on Node 20 stops at 2.1.197, which is recent enough",
    ),
    "cli_broken": _Advice(
        ClientError,
        "run `claude --version` to see it; an npm install without scripts needs `node install.cjs`",
        "pip install --force-reinstall claude-agent-sdk, or name another CLI with CLAUDE_CODE_CLI_PATH",
        "check that the image is of the CLI's platform and lets it run (noexec, missing glibc)",
    ),
    "config_corrupted": _Advice(
        ClientError,
        "move .claude.json out of the way and run `claude` once",
        "unset CLAUDE_CODE_CONFIG_DIR: a token needs no configuration",
        "mount a valid .claude.json, or none, and pass CLAUDE_CODE_OAUTH_TOKEN",
    ),
    "timeout": _Advice(
        ModelTimeoutError,
        "ask again, or raise CLAUDE_CODE_TIMEOUT_MS and --deadline",
        "ask again; a token behind a gateway may need ANTHROPIC_BASE_URL to be reachable",
        "check that the container has two CPUs, 1 GiB and a way out to api.anthropic.com or the proxy",
    ),
    "killed": _Advice(
        ClientError,
        "ask again; see `dmesg` if it was killed for memory",
        "ask again; see `dmesg` if it was killed for memory",
        "give the container 1 GiB more: the CLI takes about 250 MB a run",
    ),
    "not_isolated": _Advice(
        ClientError,
        "update Claude Code, or unset CLAUDE_CODE_CLI_PATH",
        "update Claude Code, or unset CLAUDE_CODE_CLI_PATH",
        "build the image again with the CLI of claude-agent-sdk",
    ),
    "failed": _Advice(
        ClientError,
        "run `claude --print hello` to see it outside",
        "run `claude --print hello` with the same token",
        "run `claude --print hello` in the container",
    ),
}
DETAILS = tuple(_ADVICE)


@dataclass(slots=True, kw_only=True)
class Ended:
    """All that is known of a run that ended: its last line, the kind of its error, what a limit said, its exit."""

    result: Mapping[str, Any] | None = None
    error_kind: str = ""
    limit: Mapping[str, Any] = field(default_factory=dict)
    stderr: str = ""
    exit_code: int | None = None

    @property
    def text(self) -> str:
        """What the CLI says of the error."""
        if self.result is None:
            return self.stderr
        said = [str(self.result.get("result") or ""), *map(str, items(self.result.get("errors")))]
        return "\n".join(part for part in said if part)

    @property
    def status(self) -> int | None:
        """The API's HTTP status; older CLIs tell it only in their text."""
        told = (self.result or {}).get("api_error_status")
        match = re.search(r"API Error: (\d{3})\b", self.text)
        return told if isinstance(told, int) else int(match[1]) if match else None


def failed(detail: str, message: str, *, resets_at: datetime | None = None) -> ProviderError:
    """The error of that detail, with what to do next."""
    advice = _ADVICE[detail.partition("/")[0]]
    return advice.error(message, hint=str(advice), provider=PROVIDER, detail=detail, resets_at=resets_at)


def timed_out(which: str, after_s: float) -> ProviderError:
    """The error of a run that was silent, or ran, for too long; `which` of the limits it was."""
    what = {
        "lock": "another run of Claude Code kept the shared login",
        "start": "the Claude Code CLI did not start",
        "first_token": "the model did not begin to answer",
        "idle": "the model stopped in the middle of its answer",
        "total": "the run of Claude Code was not over",
    }[which]
    return failed(f"timeout/{which}", f"{what} within {after_s:g} s ({which.replace('_', ' ')} timeout)")


def error_of(ended: Ended, credential: Credential) -> ProviderError:
    """What went wrong, in this package's terms. Foreign text is cut, and the credential's secret struck out of it."""
    detail = _detail(ended, credential)
    foreign = ended.text
    if credential.secret:
        foreign = foreign.replace(credential.secret.reveal(), "…")
    said = excerpt(foreign)
    resets_at = _reset(ended) if detail == "subscription_limit" else None
    message = _MESSAGES.get(detail, "Claude Code failed").format(source=credential.source)
    if resets_at is not None:
        message += f" until {resets_at:%Y-%m-%d %H:%M} UTC"
    if not said:
        said = f"exit code {ended.exit_code}" if ended.exit_code is not None else "it said nothing"
    return failed(detail, f"{message}: {said}", resets_at=resets_at)


_MESSAGES: Mapping[str, str] = {
    "not_logged_in": "Claude Code is not logged in ({source})",
    "token_rejected": "the token of {source} is not accepted",
    "token_expired": "the credential of {source} has expired",
    "api_key_rejected": "the API key of {source} is not accepted",
    "api_key_took_over": "an API key took the place of {source}",
    "organization_forbids": "the organization forbids Claude Code with {source}",
    "forbidden": "the API refuses this to {source}",
    "subscription_limit": "the limit of the Claude subscription is reached",
    "credit": "the API key of {source} has no credit",
    "rate_limited": "the API takes no more requests for now",
    "overloaded": "the API has too much to do, or failed",
    "connection": "the API was not reached, or the connection broke",
    "context_window": "the question and its material are too long",
    "model_not_found": "the model is not known, or not for {source}",
    "refused": "the model declines to answer this",
    "config_corrupted": "the configuration of Claude Code is damaged",
    "cli_broken": "the Claude Code CLI is not completely installed",
    "cli_too_old": "this Claude Code CLI lacks a flag that is needed",
    "killed": "the Claude Code CLI was ended from outside",
}

_BY_KIND: Mapping[str, str] = {
    "oauth_org_not_allowed": "organization_forbids",
    "billing_error": "credit",
    "model_not_found": "model_not_found",
}
_BY_REASON: Mapping[str, str] = {
    "prompt_too_long": "context_window",
    "blocking_limit": "context_window",
    "image_error": "context_window",
}
_BY_TEXT: tuple[tuple[str, str], ...] = (
    (r"native binary not installed", "cli_broken"),
    (r"unknown option|unknown argument", "cli_too_old"),
    (r"Configuration error in ", "config_corrupted"),
    (r"organization has disabled|not allowed for this organization", "organization_forbids"),
    (r"hit your .{0,40}limit|usage limit reached", "subscription_limit"),
    (r"Credit balance is too low", "credit"),
    (r"Prompt is too long|exceeds 10MB", "context_window"),
    (r"Server error mid-response", "overloaded"),
    (r"Invalid auth token|Invalid Authorization header", "token_rejected"),
)
_BY_STATUS: Mapping[int, str] = {
    403: "forbidden",
    404: "model_not_found",
    408: "connection",
    413: "context_window",
    429: "rate_limited",
}


def _detail(ended: Ended, credential: Credential) -> str:
    result, text = ended.result or {}, ended.text
    if "Invalid API key" in text:
        return "api_key_rejected" if credential.kind == "api_key" else "api_key_took_over"
    if ended.status == 401:
        return _unauthorized(text, credential)
    if "Not logged in" in text:
        return "token_rejected" if credential.kind == "auth_token" else "not_logged_in"
    if result.get("stop_reason") == "refusal":
        return "refused"
    if ended.limit.get("status") == "rejected" and ended.limit.get("resetsAt") and ended.status == 429:
        return "subscription_limit"
    by_text = next((detail for pattern, detail in _BY_TEXT if re.search(pattern, text)), "")
    named = _BY_KIND.get(ended.error_kind) or _BY_REASON.get(str(result.get("terminal_reason"))) or by_text
    return named or _by_status(ended, text)


def _by_status(ended: Ended, text: str) -> str:
    status = ended.status
    if status is not None and status >= 500:
        return "overloaded"
    if status is not None and status in _BY_STATUS:
        return _BY_STATUS[status]
    if re.search(r"(?i)\boverloaded", text):
        return "overloaded"
    if re.search(r"(?i)connection|ECONN|ENOTFOUND|timed out|socket|certificate", text) and ended.result is not None:
        return "connection"
    if ended.result is None and ended.exit_code in {-9, -15, -1, 129, 130, 137, 143}:
        return "killed"
    return "failed"


def _unauthorized(text: str, credential: Credential) -> str:
    if "expired" in text:
        return "token_expired"
    if credential.kind == "api_key":
        return "api_key_rejected"
    return "not_logged_in" if credential.kind == "login" else "token_rejected"


def _reset(ended: Ended) -> datetime | None:
    return moment(ended.limit.get("resetsAt"))
