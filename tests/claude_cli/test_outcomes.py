"""What the CLI says where no server on loopback can make it say so; the rest is in the provider's tests."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.claude_cli.outcomes import DETAILS, Ended, error_of, failed
from kubeagentix.domain.secrets import Credential, Secret
from tests.claude_cli.running import LOGIN, TOKEN, token

KEY = Credential(kind="api_key", secret=Secret("sk-ant-api03-x"), source="ANTHROPIC_API_KEY")


def said(text: str, **more: Any) -> Ended:
    return Ended(result={"is_error": True, "result": text, **more})


@pytest.mark.parametrize(
    ("ended", "credential", "detail"),
    [
        (said("Not logged in · Please run /login"), LOGIN, "not_logged_in"),
        (said("Not logged in · Please run /login", api_error_status=401), token(), "token_rejected"),
        (said("Not logged in · Please run /login"), token(), "token_rejected"),  # 2.1.100 tells no status
        (said("Failed to authenticate. API Error: 401 OAuth token has expired."), token(), "token_expired"),
        (
            said("Failed to authenticate. API Error: 401 OAuth token revoked", api_error_status=401),
            LOGIN,
            "not_logged_in",
        ),
        (
            said("Failed to authenticate. API Error: 401 OAuth token revoked", api_error_status=401),
            token(),
            "token_rejected",
        ),
        (said("Invalid API key · Fix external API key", api_error_status=401), token(), "api_key_took_over"),
        (said("Invalid API key · Fix external API key", api_error_status=401), KEY, "api_key_rejected"),
        (said("Your organization has disabled Claude subscription access"), token(), "organization_forbids"),
        (said("You've hit your weekly limit · resets Monday"), token(), "subscription_limit"),
        (said("Credit balance is too low", api_error_status=400), KEY, "credit"),
        (said("Invalid auth token · Fix external auth token"), token(), "token_rejected"),
        (said("Prompt is too long", terminal_reason="blocking_limit"), token(), "context_window"),
        (said("Request too large (max 32MB)", api_error_status=413), token(), "context_window"),
        (said("API Error: 503 Service unavailable"), token(), "overloaded"),
        (said("API Error: Connection dropped (ECONNRESET)"), token(), "connection"),
        (said("", errors=["Configuration error in /h/.claude.json: JSON Parse error"]), LOGIN, "config_corrupted"),
        (Ended(stderr="error: unknown option '--no-session-persistence'", exit_code=1), token(), "cli_too_old"),
        (Ended(stderr="Error: claude native binary not installed.", exit_code=1), token(), "cli_broken"),
        (Ended(exit_code=-9), token(), "killed"),
        (Ended(exit_code=143), token(), "killed"),
        (Ended(stderr="Something else", exit_code=1), token(), "failed"),
        (Ended(exit_code=0), token(), "failed"),
    ],
)
def test_each_end_has_its_detail(ended: Ended, credential: Credential, detail: str) -> None:
    error = error_of(ended, credential)
    assert error.detail == detail
    assert error.provider == "claude_code"


@pytest.mark.parametrize("detail", DETAILS)
def test_each_detail_says_what_to_do_next_everywhere(detail: str) -> None:
    hint = failed(detail, "it failed").hint
    assert hint.startswith("local: ")
    assert "; token: " in hint
    assert "; Docker: " in hint


def test_foreign_text_is_cut_and_holds_no_secret() -> None:
    error = error_of(said(f"bad token {TOKEN} " + "x" * 2_000), token())
    assert TOKEN not in str(error)
    assert len(error.message) < 400
