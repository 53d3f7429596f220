"""What an SDK or its HTTP client raises, put into our own tree of errors, with what to do next and without a secret.

The SDKs share their shapes, so classes are told by name and no SDK is imported. Measured: an error inside a stream has
no HTTP status or a wrong one, a dropped or silent connection comes as a raw exception of the HTTP client, and Gemini
answers 400 to a wrong key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from kubeagentix.domain.secrets import Credential
from kubeagentix.errors import (
    AuthenticationError,
    ConnectionFailedError,
    ContextWindowError,
    KubeAgentiXError,
    MalformedAnswerError,
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
from kubeagentix.wire.retry import NO_RETRY

_MODEL = re.compile(r"\bmodels?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who was asked and how, for messages. The credential is there to be kept out of them."""

    provider: str
    title: str
    model: str
    credential: Credential
    idle_s: float = 0.0
    address: str = ""

    def clean(self, text: object) -> str:
        """Foreign text, short, on one line, and without the secret."""
        secret = self.credential.secret.reveal()
        words = str(text)
        return excerpt(words.replace(secret, "…") if secret else words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as the API words it, wherever it stood: in an HTTP answer (`status`) or in a stream."""

    status: int | None = None
    codes: tuple[str, ...] = ()
    message: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def translating(asked: Asked) -> Iterator[None]:
    """Turns what a client raises in its block into our errors."""
    try:
        yield
    except Exception as error:
        ours = translated(error, asked)
        if ours is error:
            raise
        raise ours from chained(error, asked)


def translated(error: BaseException, asked: Asked) -> KubeAgentiXError:
    """Our error for what a client raised; what is not an error of asking is raised again."""
    if isinstance(error, KubeAgentiXError):
        return error
    names = [cls.__name__ for cls in type(error).__mro__]
    transport = _of_transport(error, names, asked)
    if transport is not None:
        return transport
    if "APIError" in names:
        return of_refusal(_refusal(error), asked)
    if {"JSONDecodeError", "ValidationError", "UnknownApiResponseError", "UnicodeDecodeError"} & set(names):
        what = f"{asked.title} sent something that is not in its own format: {asked.clean(error)}"
        return MalformedAnswerError(what, hint="try again; is a proxy in between?", provider=asked.provider)
    raise error


def chained(error: BaseException, asked: Asked) -> BaseException | None:
    """What our error may be raised from: not an exception that spells out the secret, as some servers echo it."""
    secret = asked.credential.secret.reveal()
    return None if secret and secret in f"{error} {error!r}" else error


def cut_short(asked: Asked) -> ConnectionFailedError:
    """An answer that just stopped."""
    what = f"the answer of {asked.title} ended in the middle"
    return ConnectionFailedError(what, hint="try again", provider=asked.provider, detail="cut_short")


def of_refusal(refusal: Refusal, asked: Asked) -> ProviderError:
    """The error that an API's own words stand for."""
    said = asked.clean(refusal.message or " ".join(refusal.codes) or "no reason given")
    status = f" {refusal.status}" if refusal.status and refusal.status >= 400 else ""
    code = next(iter(refusal.codes), "")
    kind, hint = _kind(refusal, asked)
    retry_after_s = _retry_after_s(refusal)
    if kind is RateLimitError and retry_after_s is not None:
        said += f" (it wants to be asked again in {retry_after_s:.0f} s)"
    detail = NO_RETRY if refusal.headers.get("x-should-retry") == "false" else asked.clean(code)
    return kind(
        f"{asked.title} answered{status} for {asked.model}: {said}",
        hint=hint,
        provider=asked.provider,
        detail=detail,
        retry_after_s=retry_after_s,
        resets_at=_resets_at(refusal.headers),
    )


def _kind(refusal: Refusal, asked: Asked) -> tuple[type[ProviderError], str]:
    rule = next((rule for rule in _RULES if rule.fits(refusal)), None)
    if rule is None:
        return ProviderError, ""
    if rule.kind is ModelNotFoundError and not _is_about_model(refusal):
        return ProviderError, f"is {asked.address} the right address?" if asked.address else ""
    return rule.kind, rule.hint.format(source=asked.credential.source)


def _is_about_model(refusal: Refusal) -> bool:
    return "model_not_found" in refusal.codes or _MODEL.search(refusal.message) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """A kind of error, told by any of its codes (whole words of the API), its HTTP statuses, or its message."""

    kind: type[ProviderError]
    hint: str
    codes: str = ""
    statuses: frozenset[int] = frozenset()
    says: re.Pattern[str] | None = None

    def fits(self, refusal: Refusal) -> bool:
        is_known = not set(self.codes.split()).isdisjoint(refusal.codes) or refusal.status in self.statuses
        return is_known or (self.says is not None and self.says.search(refusal.message) is not None)


def _any_case(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_RULES = (  # the first that fits
    _Rule(
        kind=ContextWindowError,
        hint="ask with less, or use a model with a larger window",
        codes="context_length_exceeded request_too_large exceed_context_size_error",
        statuses=frozenset({413}),
        says=_any_case(
            r"prompt is too long|context (window|length|size)|maximum context|input token count .*exceeds"
            r"|exceeds the (maximum|available) (number of tokens|context)"
        ),
    ),
    _Rule(
        kind=AuthenticationError,
        hint="the credential comes from {source}: check it, or bring another one",
        codes="authentication_error invalid_api_key API_KEY_INVALID UNAUTHENTICATED",
        statuses=frozenset({401}),
    ),
    _Rule(
        kind=QuotaError,
        hint="see the plan and the balance of this account, or use another provider",
        codes="billing_error insufficient_quota unified_rejected",
        statuses=frozenset({402}),
        says=_any_case(r"credit balance is too low|insufficient_quota|PerDay"),
    ),
    _Rule(
        kind=PermissionDeniedError,
        hint="the credential of {source} is known, and may not do this",
        codes="permission_error PERMISSION_DENIED",
        statuses=frozenset({403}),
    ),
    _Rule(
        kind=RateLimitError,
        hint="wait a little, or use another provider",
        codes="rate_limit_error rate_limit_exceeded RESOURCE_EXHAUSTED",
        statuses=frozenset({429}),
    ),
    _Rule(
        kind=ModelNotFoundError,
        hint="name another model",
        codes="not_found_error model_not_found NOT_FOUND",
        statuses=frozenset({404}),
    ),
    _Rule(
        kind=RefusedError,
        hint="put the question in other words, or use another provider",
        codes="content_filter content_policy_violation bio_policy cyber_policy misalignment_policy_violation",
    ),
    _Rule(
        kind=ModelTimeoutError,
        hint="try again",
        codes="timeout_error DEADLINE_EXCEEDED",
        statuses=frozenset({408, 504}),
    ),
    _Rule(
        kind=OverloadedError,
        hint="try again in a while, or use another provider",
        codes="overloaded_error api_error server_error server_overloaded UNAVAILABLE INTERNAL",
        statuses=frozenset({409, *range(500, 600)}),
    ),
)


def _of_transport(error: BaseException, names: list[str], asked: Asked) -> ProviderError | None:
    """Errors of the HTTP client, raw or wrapped by an SDK."""
    inner = error.__cause__ or error.__context__ if "APIConnectionError" in names else error
    inner_names = {cls.__name__ for cls in type(inner).__mro__} if inner is not None else set()
    is_foreign = type(inner).__module__.startswith(("httpx", "httpcore")) or "APIConnectionError" in names
    if not is_foreign:
        return None
    at = f" at {asked.address}" if asked.address else ""
    if "ConnectTimeout" in inner_names or "PoolTimeout" in inner_names:
        what, detail = f"{asked.title}{at} did not take the connection in time", "connect"
        return ConnectionFailedError(what, hint="is there a proxy to set?", provider=asked.provider, detail=detail)
    if "TimeoutException" in inner_names or "APITimeoutError" in names:
        what = f"{asked.title}{at} was silent for {asked.idle_s:.0f} s"
        return ModelTimeoutError(what, hint="try again", provider=asked.provider, detail="idle")
    if "ConnectError" in inner_names:
        what = f"no connection to {asked.title}{at}: {asked.clean(inner)}"
        hint = "is the address right, and is there a way to it (proxy, DNS, firewall)?"
        return ConnectionFailedError(what, hint=hint, provider=asked.provider, detail="connect")
    if "HTTPError" not in inner_names and "APIConnectionError" not in names and "StreamError" not in inner_names:
        return None
    what = f"the connection to {asked.title} broke: {asked.clean(inner if inner is not None else error)}"
    return ConnectionFailedError(what, hint="try again", provider=asked.provider, detail="broken")


def _refusal(error: Any) -> Refusal:
    """What an SDK's APIError says; `body` and `details` hold the API's JSON, with or without its wrapper."""
    body = getattr(error, "body", None)
    body = body if isinstance(body, dict) else getattr(error, "details", None)
    inner = body.get("error", body) if isinstance(body, dict) else {}
    inner = inner if isinstance(inner, dict) else {}
    details = [item for item in inner.get("details") or () if isinstance(item, dict)]
    codes = [
        *(item.get("reason") for item in details),
        inner.get("code"),
        inner.get("type"),
        inner.get("status"),
        getattr(error, "code", None),
        getattr(error, "type", None),
    ]
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    response = getattr(error, "response", None)
    headers = {name.lower(): value for name, value in dict(getattr(response, "headers", None) or {}).items()}
    if headers.get("anthropic-ratelimit-unified-status") == "rejected":
        codes.append("unified_rejected")  # the limit of a subscription
    message = str(inner.get("message") or getattr(error, "message", None) or error)
    return Refusal(
        status=status if isinstance(status, int) and status >= 400 else None,
        codes=tuple(dict.fromkeys(code for code in codes if isinstance(code, str) and code)),
        message=" ".join(word for word in (message, _quotas(details), _parameter(inner)) if word),
        headers={**_delays(details), **headers},
    )


def _parameter(inner: Mapping[str, Any]) -> str:
    """Which parameter OpenAI finds fault with."""
    name = inner.get("param")
    return f"({name})" if isinstance(name, str) and name else ""


def _quotas(details: list[dict[str, Any]]) -> str:
    """Which quotas Gemini says are used up."""
    return " ".join(str(one.get("quotaId", "")) for item in details for one in item.get("violations") or ())


def _delays(details: list[dict[str, Any]]) -> dict[str, str]:
    """Gemini's RetryInfo, as the header that it stands for."""
    found = [str(item["retryDelay"]).removesuffix("s") for item in details if "retryDelay" in item]
    return {"retry-after": found[0]} if found else {}


def _retry_after_s(refusal: Refusal) -> float | None:
    """Source: `retry-after` in seconds or as a date; OpenAI's `retry-after-ms` is the finer one."""
    milliseconds = refusal.headers.get("retry-after-ms", "")
    if milliseconds.isdecimal():
        return int(milliseconds) / 1000
    text = refusal.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _resets_at(headers: Mapping[str, str]) -> datetime | None:
    """Source: the unified rate-limit headers of a Claude subscription, seconds since 1970."""
    text = headers.get("anthropic-ratelimit-unified-reset", "")
    return datetime.fromtimestamp(int(text), UTC) if text.isdecimal() else None
