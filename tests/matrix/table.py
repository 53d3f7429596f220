"""Every way to log in, and what comes of it: the one table that the cells are held against.

A row is a state of the machine and of the request. It is asked in three modes (MODES) and two ways (WAYS), on the host
and in a container, and the same is expected of all of them: `source` is the credential that is reported, `sent` the
header and the secret that reach the API, `error` what fails and what is said of it. The secrets are dummies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Place = Literal["host", "container"]
WAYS = ("chat", "quick_dx")


def dummy(kind: str, of: str) -> str:
    """A secret that is none, as long as one and unlike the others."""
    return f"{kind}-dummy-{of}-{hashlib.sha256(of.encode()).hexdigest()[:24]}"


TOKEN_FORM, KEY_FORM = "sk-ant-oat01", "sk-ant-api03"
LOGIN, OVERRIDE = dummy(TOKEN_FORM, "login"), dummy(TOKEN_FORM, "request")
TOKEN, OTHER = dummy(TOKEN_FORM, "environment"), dummy(TOKEN_FORM, "older-variable")
REJECTED, REJECTED_LOGIN = dummy(TOKEN_FORM, "rejected"), dummy(TOKEN_FORM, "rejected-login")
EXPIRED, EXPIRED_LOGIN = dummy(TOKEN_FORM, "expired"), dummy(TOKEN_FORM, "expired-login")
GATEWAY = dummy("token", "gateway")
KEY, STALE_KEY = dummy(KEY_FORM, "key"), dummy(KEY_FORM, "stale-key")
SECOND_KEY = dummy("key", "second-provider")
SECRETS = (LOGIN, OVERRIDE, TOKEN, OTHER, REJECTED, REJECTED_LOGIN, EXPIRED, EXPIRED_LOGIN, GATEWAY, KEY, STALE_KEY)
REFUSED = {  # what the API says to these
    REJECTED: "Invalid bearer token",
    REJECTED_LOGIN: "OAuth token revoked",
    EXPIRED: "OAuth token has expired.",
    EXPIRED_LOGIN: "OAuth token has expired.",
    STALE_KEY: "invalid x-api-key",
}

THE_LOGIN = "the local login in ~/.claude"
BEARER, API_KEY = "authorization", "x-api-key"
SUBSCRIPTION, GATEWAYS = "subscription", "gateway"  # with the header that tells a subscription's token, or without


@dataclass(frozen=True, kw_only=True)
class Mode:
    """Who may answer: Claude Code alone, a second provider where it fails, or by a pin nobody else."""

    name: str
    has_second: bool
    fallback: bool


MODES = (
    Mode(name="one", has_second=False, fallback=True),
    Mode(name="several", has_second=True, fallback=True),
    Mode(name="pinned", has_second=True, fallback=False),
)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A credential as the API gets it."""

    header: str
    secret: str
    as_whose: str = SUBSCRIPTION

    @property
    def fingerprint(self) -> str:
        """The credential without saying it."""
        return fingerprint(self.secret)


@dataclass(frozen=True, kw_only=True)
class Error:
    """What fails: the class that a pin raises, the code of the attempt, and words of the message and of the way out."""

    raised: str
    code: str
    says: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """A way to log in. `state` is what `.claude.json` holds before each cell, `backup` what its backup does."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    login: str = ""  # the token in .credentials.json of `folder`
    folder: str = ".claude"
    is_past: bool = False  # by its own `expiresAt`
    override: str = ""  # what the request brings
    state: str | None = None
    backup: str | None = None
    files: Mapping[str, str | None] = field(default_factory=dict)  # other files of the home; None: an empty folder
    is_read_only: bool = False  # the home

    source: str = ""
    sent: Sent | None = None
    error: Error | None = None
    is_refused_at_once: bool = False  # before anybody is asked, whoever else could be
    also_asked: tuple[str, ...] = ()  # other providers that this row configures, and that fail too
    notice: str = ""  # what is told besides
    state_after: str = "mine"  # whose `.claude.json` it is then

    def __str__(self) -> str:
        return self.name

    def answered_by(self, mode: Mode) -> str:
        """Who answers in that mode; `rules` where only the analyzers do; empty where the error is raised."""
        if self.error is None:
            return "claude_code"
        if not mode.fallback or self.is_refused_at_once:
            return ""
        return "openai" if mode.has_second else "rules"


def bearer(secret: str) -> Sent:
    """A subscription's token."""
    return Sent(header=BEARER, secret=secret)


def fingerprint(secret: str) -> str:
    """The beginning of its digest."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


NO_LOGIN = Error(
    raised="NotConfiguredError",
    code="not_configured",
    says=("no token is set and Claude Code holds no login", "run `claude`, then /login", "claude setup-token"),
)
BROKEN = Error(
    raised="NotConfiguredError",
    code="not_configured",
    says=("CLAUDE_CODE_OAUTH_TOKEN is broken by a blank or a line break", "copy it again as one line"),
)
BROKEN_CONFIG = Error(
    raised="ClientError",
    code="config_corrupted",
    says=(".claude.json is damaged and could not be put right", "move .claude.json out of the way"),
)


def refused(code: str, *says: str) -> Error:
    """What the API does not accept."""
    return Error(raised="AuthenticationError", code=code, says=says)


DAMAGED, SOUND = '{"userID": "u", "proj', '{"owner": "restored"}'

ROWS = (
    # A login, a token, and which of them comes first.
    Row(name="local_login", login=LOGIN, source=THE_LOGIN, sent=bearer(LOGIN)),
    Row(
        name="token_override",
        login=LOGIN,
        variables={"CLAUDE_CODE_OAUTH_TOKEN": TOKEN, "ANTHROPIC_API_KEY": STALE_KEY},
        override=OVERRIDE,
        source="the request",
        sent=bearer(OVERRIDE),
    ),
    Row(
        name="login_in_another_folder",
        login=LOGIN,
        folder="work",
        variables={"CLAUDE_CODE_CONFIG_DIR": "~/work"},
        source="the local login in ~/work",
        sent=bearer(LOGIN),
    ),
    Row(
        name="token_in_environment",
        login=LOGIN,
        variables={"CLAUDE_CODE_OAUTH_TOKEN": TOKEN, "CLAUDE_CODE_AUTH_TOKEN": OTHER, "ANTHROPIC_AUTH_TOKEN": GATEWAY},
        source="CLAUDE_CODE_OAUTH_TOKEN",
        sent=bearer(TOKEN),
    ),
    Row(
        name="quoted_token",
        variables={"CLAUDE_CODE_OAUTH_TOKEN": f'"{TOKEN}"\n'},
        source="CLAUDE_CODE_OAUTH_TOKEN",
        sent=bearer(TOKEN),
    ),
    Row(
        name="alias_claude_code_auth_token",
        variables={"CLAUDE_CODE_AUTH_TOKEN": TOKEN, "ANTHROPIC_AUTH_TOKEN": GATEWAY},
        source="CLAUDE_CODE_AUTH_TOKEN",
        sent=bearer(TOKEN),
    ),
    Row(
        name="alias_anthropic_auth_token",
        variables={"ANTHROPIC_AUTH_TOKEN": TOKEN},
        source="ANTHROPIC_AUTH_TOKEN",
        sent=bearer(TOKEN),
    ),
    Row(
        name="alias_anthropic_auth_token_of_a_gateway",
        variables={"ANTHROPIC_AUTH_TOKEN": GATEWAY},
        source="ANTHROPIC_AUTH_TOKEN",
        sent=Sent(header=BEARER, secret=GATEWAY, as_whose=GATEWAYS),
    ),
    # API keys.
    Row(
        name="api_key_allowed",
        login=LOGIN,
        variables={"CLAUDE_CODE_ALLOW_API_KEY": "true", "ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_OAUTH_TOKEN": TOKEN},
        source="ANTHROPIC_API_KEY",
        sent=Sent(header=API_KEY, secret=KEY, as_whose=GATEWAYS),
    ),
    Row(
        name="api_key_allowed_and_rejected",
        variables={"CLAUDE_CODE_ALLOW_API_KEY": "true", "ANTHROPIC_API_KEY": STALE_KEY},
        source="ANTHROPIC_API_KEY",
        sent=Sent(header=API_KEY, secret=STALE_KEY, as_whose=GATEWAYS),
        error=refused(
            "api_key_rejected", "the API key of ANTHROPIC_API_KEY is not accepted", "unset CLAUDE_CODE_ALLOW_API_KEY"
        ),
        also_asked=("claude",),
    ),
    Row(
        name="stale_api_key_and_token",
        variables={"CLAUDE_CODE_OAUTH_TOKEN": TOKEN, "ANTHROPIC_API_KEY": STALE_KEY},
        source="CLAUDE_CODE_OAUTH_TOKEN",
        sent=bearer(TOKEN),
    ),
    Row(
        name="stale_api_key_and_login",
        login=LOGIN,
        variables={"ANTHROPIC_API_KEY": STALE_KEY},
        source=THE_LOGIN,
        sent=bearer(LOGIN),
    ),
    Row(
        name="stale_api_key_in_the_token",
        variables={"CLAUDE_CODE_OAUTH_TOKEN": STALE_KEY},
        error=Error(
            raised="NotConfiguredError",
            code="not_configured",
            says=("CLAUDE_CODE_OAUTH_TOKEN brings an API key", "run `claude setup-token`"),
        ),
    ),
    # Nothing, or nothing that is accepted.
    Row(name="no_login", error=NO_LOGIN),
    Row(name="corrupted_login", files={".claude/.credentials.json": '{"claudeAiOauth": {"acc'}, error=NO_LOGIN),
    Row(
        name="rejected_token",
        variables={"CLAUDE_CODE_OAUTH_TOKEN": REJECTED},
        source="CLAUDE_CODE_OAUTH_TOKEN",
        sent=bearer(REJECTED),
        error=refused(
            "token_rejected", "the token of CLAUDE_CODE_OAUTH_TOKEN is not accepted", "401", "claude setup-token"
        ),
    ),
    Row(
        name="rejected_login",
        login=REJECTED_LOGIN,
        source=THE_LOGIN,
        sent=bearer(REJECTED_LOGIN),
        error=refused(
            "not_logged_in",
            "Claude Code is not logged in (the local login in ~/.claude)",
            "revoked",
            "local: run `claude`, then /login",
        ),
    ),
    Row(
        name="expired_token",
        variables={"CLAUDE_CODE_OAUTH_TOKEN": EXPIRED},
        source="CLAUDE_CODE_OAUTH_TOKEN",
        sent=bearer(EXPIRED),
        error=refused("token_expired", "the credential of CLAUDE_CODE_OAUTH_TOKEN has expired", "claude setup-token"),
    ),
    Row(
        name="expired_login",
        login=EXPIRED_LOGIN,
        is_past=True,
        source=THE_LOGIN,
        sent=bearer(EXPIRED_LOGIN),
        error=refused(
            "token_expired", "the credential of the local login in ~/.claude has expired", "run `claude`, then /login"
        ),
    ),
    Row(
        name="wrapped_token",
        login=LOGIN,
        variables={"CLAUDE_CODE_OAUTH_TOKEN": f"{TOKEN[:20]}\n{TOKEN[20:]}"},
        error=BROKEN,
    ),
    Row(
        name="api_key_as_override",
        login=LOGIN,
        override=KEY,
        error=refused("api_key_as_token", "the request brings an API key", "use the provider `claude`"),
    ),
    Row(
        name="wrapped_override",
        login=LOGIN,
        override=f"{OVERRIDE[:20]}\n{OVERRIDE[20:]}",
        error=refused("authentication", "the credential of the request is broken by a blank", "copy it again"),
        is_refused_at_once=True,
    ),
    # Claude Code's own files.
    Row(
        name="corrupted_with_backup",
        login=LOGIN,
        state=DAMAGED,
        backup=SOUND,
        source=THE_LOGIN,
        sent=bearer(LOGIN),
        notice="config_restored",
        state_after="restored",
    ),
    Row(
        name="corrupted_without_backup",
        login=LOGIN,
        state=DAMAGED,
        source=THE_LOGIN,
        sent=bearer(LOGIN),
        notice="config_fresh",
        state_after="nobody",
    ),
    Row(  # what an engine makes of a file that is to be mounted and is not there
        name="folder_in_place_of_the_state",
        login=LOGIN,
        files={".claude.json": None},
        source=THE_LOGIN,
        sent=bearer(LOGIN),
        state_after="nobody",
    ),
    Row(
        name="corrupted_and_read_only",
        login=LOGIN,
        state=DAMAGED,
        is_read_only=True,
        source=THE_LOGIN,
        error=BROKEN_CONFIG,
        state_after="damaged",
    ),
    Row(
        name="read_only_home_and_token",
        variables={"CLAUDE_CODE_OAUTH_TOKEN": TOKEN},
        is_read_only=True,
        source="CLAUDE_CODE_OAUTH_TOKEN",
        sent=bearer(TOKEN),
    ),
    Row(name="read_only_home_and_login", login=LOGIN, is_read_only=True, source=THE_LOGIN, sent=bearer(LOGIN)),
)
