"""Errors as APIs and HTTP clients word them, in our tree."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from kubeagentix import errors
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.wire.taxonomy import Asked, Refusal, of_refusal, translated, translating

ASKED = Asked(
    provider="claude",
    title="the Claude API",
    model="m-1",
    credential=Credential(kind="api_key", secret=Secret("dummy-secret"), source="ANTHROPIC_API_KEY"),
    idle_s=90,
    address="https://api.example",
)


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal(status=401, message="?"), errors.AuthenticationError),
        (Refusal(status=400, codes=("API_KEY_INVALID", "INVALID_ARGUMENT"), message="?"), errors.AuthenticationError),
        (Refusal(status=402, message="?"), errors.QuotaError),
        (Refusal(status=400, message="Your credit balance is too low to access it"), errors.QuotaError),
        (Refusal(status=429, codes=("insufficient_quota",)), errors.QuotaError),
        (Refusal(status=429, message="?"), errors.RateLimitError),
        (Refusal(codes=("rate_limit_exceeded",), message="?"), errors.RateLimitError),
        (Refusal(status=403, message="?"), errors.PermissionDeniedError),
        (Refusal(status=404, message="model: nope"), errors.ModelNotFoundError),
        (Refusal(status=404, message="<html>no such page"), errors.ProviderError),
        (Refusal(status=413, message="?"), errors.ContextWindowError),
        (Refusal(status=400, message="prompt is too long: 9 tokens > 8 maximum"), errors.ContextWindowError),
        (
            Refusal(status=400, message="This model's maximum context length is 8192 tokens"),
            errors.ContextWindowError,
        ),
        (
            Refusal(status=500, message="the request exceeds the available context size"),
            errors.ContextWindowError,
        ),
        (Refusal(status=529, message="?"), errors.OverloadedError),
        (Refusal(codes=("overloaded_error",), message="?"), errors.OverloadedError),
        (Refusal(status=504, message="?"), errors.ModelTimeoutError),
        (Refusal(codes=("bio_policy",), message="?"), errors.RefusedError),
        (Refusal(status=400, message="messages: something is wrong"), errors.ProviderError),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_refusal_has_its_class(refusal: Refusal, kind: type[errors.ProviderError]) -> None:
    assert type(of_refusal(refusal, ASKED)) is kind


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (httpx2.ReadTimeout("t"), errors.ModelTimeoutError, "silent for 90 s"),
        (httpx2.ConnectTimeout("t"), errors.ConnectionFailedError, "did not take the connection"),
        (httpx2.ConnectError("refused"), errors.ConnectionFailedError, "no connection to the Claude API at https"),
        (httpx2.RemoteProtocolError("peer closed"), errors.ConnectionFailedError, "broke: peer closed"),
        (httpx2.ReadError("reset"), errors.ConnectionFailedError, "broke: reset"),
    ],
)
def test_a_raw_exception_of_the_http_client_has_its_class(error: Exception, kind: Any, words: str) -> None:
    ours = translated(error, ASKED)
    assert type(ours) is kind
    assert words in ours.message


def test_what_is_no_error_of_asking_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), translating(ASKED):
        _ = 1 / 0


def test_a_message_says_who_answered_what_for_which_model_and_what_to_do() -> None:
    error = of_refusal(Refusal(status=401, codes=("authentication_error",), message="invalid"), ASKED)
    assert error.message == "the Claude API answered 401 for m-1: invalid"
    assert "ANTHROPIC_API_KEY" in error.hint
    assert error.detail == "authentication_error"


def test_foreign_text_is_short_on_one_line_and_without_the_secret() -> None:
    error = of_refusal(Refusal(status=401, message="wrong key dummy-secret\n" + "x" * 999), ASKED)
    assert "dummy-secret" not in str(error)
    assert "\n" not in error.message
    assert len(error.message) < 320


def test_an_exception_that_spells_out_the_secret_is_not_chained() -> None:
    with pytest.raises(errors.ConnectionFailedError) as caught, translating(ASKED):
        raise httpx2.ReadError("reset for dummy-secret")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    with pytest.raises(errors.ConnectionFailedError) as caught, translating(ASKED):
        raise httpx2.ReadError("reset")
    assert isinstance(caught.value.__cause__, httpx2.ReadError)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7.0), ("0.5", 0.5), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("", None)],
)
def test_retry_after_is_seconds_or_a_date(text: str, expected: float | None) -> None:
    error = of_refusal(Refusal(status=429, message="later", headers={"retry-after": text}), ASKED)
    assert error.retry_after_s == expected
