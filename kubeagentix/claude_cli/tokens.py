"""Which credential a run of the CLI gets, and why others that are set are left alone.

A subscription's token is only ever handed to the CLI. What cannot be such a token is refused before anything runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kubeagentix.claude_cli.logins import login_in
from kubeagentix.claude_cli.outcomes import failed
from kubeagentix.claude_cli.switches import Switches, config_dir_of
from kubeagentix.credentials import cleaned
from kubeagentix.domain.requests import IgnoredVariable
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.errors import AuthenticationError

TOKEN_VARIABLES = ("CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_AUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN")
KEY_VARIABLE = "ANTHROPIC_API_KEY"
_KEY_SHAPE = re.compile(r"sk-ant-(?!oat|ort)|sk-(?!ant-)|AIza")  # API keys of Anthropic, OpenAI, Google
_SUBSCRIPTION_SHAPE = "sk-ant-oat"


def checked(credential: Credential, switches: Switches) -> Credential:
    """A credential that the CLI may be given, cleaned. Raises AuthenticationError, with the reason, for any other."""
    if credential.kind == "login":
        return credential
    text = _clean(credential.secret.reveal(), credential.source)
    if credential.kind == "api_key" or _is_key(text):
        if not switches.allow_api_key:
            what = f"{credential.source} brings an API key, and Claude Code is asked with a subscription's token"
            raise failed("api_key_as_token", what)
        return Credential(kind="api_key", secret=Secret(text), source=credential.source)
    return Credential(kind="auth_token", secret=Secret(text), source=credential.source)


def chosen(environ: Mapping[str, str], switches: Switches) -> Credential | None:
    """The credential of this environment: an API key where that is allowed, a token, or else a local login.

    Raises AuthenticationError where the token that comes first is none.
    """
    if switches.allow_api_key and environ.get(KEY_VARIABLE, "").strip():
        text = _clean(environ[KEY_VARIABLE], KEY_VARIABLE)
        return Credential(kind="api_key", secret=Secret(text), source=KEY_VARIABLE)
    for name in TOKEN_VARIABLES:
        text = environ.get(name, "")
        if not text.strip() or (name == "ANTHROPIC_AUTH_TOKEN" and _is_key(text)):
            continue
        credential = Credential(kind="auth_token", secret=Secret(text), source=name)
        return checked(credential, Switches(enabled=switches.enabled))
    return login(environ, switches)


def login(environ: Mapping[str, str], switches: Switches) -> Credential | None:
    """The login that the CLI itself holds, if there is one and it is not to be kept apart."""
    folder = config_dir_of(environ, switches)
    found = login_in(folder, environ) if folder is not None else ""
    if not found:
        return None
    return Credential(kind="login", secret=Secret(""), source=f"{found} in {_short(folder, environ)}")


def ignored(environ: Mapping[str, str], used: Credential | None) -> tuple[IgnoredVariable, ...]:
    """The variables that hold a credential and are not the one in use, each with the reason."""
    names = [name for name in (*TOKEN_VARIABLES, KEY_VARIABLE) if name in environ and (not used or name != used.source)]
    return tuple(IgnoredVariable(name=name, why=_why_not(name, environ[name], used)) for name in names)


def variable_for(credential: Credential) -> str:
    """The variable by which the CLI is handed this credential."""
    if credential.kind == "api_key":
        return KEY_VARIABLE
    is_gateways = credential.source == "ANTHROPIC_AUTH_TOKEN"
    is_subscription = credential.secret.reveal().startswith(_SUBSCRIPTION_SHAPE)
    return "ANTHROPIC_AUTH_TOKEN" if is_gateways and not is_subscription else "CLAUDE_CODE_OAUTH_TOKEN"


def _why_not(name: str, text: str, used: Credential | None) -> str:
    if not text.strip():
        return "it is blank"
    if name == KEY_VARIABLE:
        return "Claude Code runs on the subscription; CLAUDE_CODE_ALLOW_API_KEY=true lets the key take its place"
    if name == "ANTHROPIC_AUTH_TOKEN" and _is_key(text):
        return "it holds an API key, not a token"
    return f"{used.source} comes first" if used else "it cannot be used"


def _is_key(text: str) -> bool:
    return _KEY_SHAPE.match(text.strip().strip("\"'")) is not None


def _clean(text: str, source: str) -> str:
    try:
        return cleaned(text, source)
    except AuthenticationError as error:
        raise failed("token_rejected", f"{error.message}: {error.hint}") from None


def _short(folder: Path | None, environ: Mapping[str, str]) -> str:
    home, text = environ.get("HOME", ""), str(folder)
    return "~" + text[len(home) :] if home and text.startswith(home + "/") else text
