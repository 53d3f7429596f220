"""Every error this package raises, in one tree.

KubeAgentiXError
├── UsageError              what the caller typed cannot be used (an option, a target's spelling)
├── ConfigurationError      a setting or a config file is wrong
│   └── KubeconfigError     no usable kubeconfig, context, certificate or exec plugin
├── ClusterError            the API server could not be asked
│   ├── UnreachableError    no answer: refused, no such host, TLS, timeout
│   ├── UnauthorizedError   401
│   ├── ForbiddenError      403
│   │   └── NotPermittedError   it says so of a change, before it is tried
│   └── ApiError            any other answer that is not the one hoped for
├── NotFoundError           a named namespace, object, scenario or file is not there
├── SnapshotError           a snapshot file is damaged or of another version
├── HistoryError            the history file cannot be used, or something in it not be read
├── MissingExtraError       an optional dependency is not installed
├── ProviderError           a model could not be asked, or did not answer
│   ├── AuthenticationError     the credential is refused, missing or of the wrong kind
│   ├── PermissionDeniedError   it is known, and may not do this
│   ├── RateLimitError          too many requests; `retry_after_s` where the server says
│   ├── QuotaError              the plan or the balance is used up; `resets_at` where it says
│   ├── OverloadedError         the server has too much to do, or failed
│   ├── ConnectionFailedError   no connection, or one that broke
│   ├── ModelTimeoutError       connected, and silent for too long
│   ├── ContextWindowError      more text than the model takes
│   ├── ModelNotFoundError      no such model, or not for this credential
│   ├── RefusedError            the model will not answer this
│   ├── MalformedAnswerError    an answer that is not in the provider's own format
│   ├── NotConfiguredError      no credential, or no client, for this provider
│   └── ClientError             the provider's own program is missing, too old, broken or killed
├── ApprovalError           a change was not approved, or the approval does not hold for it
│   └── StaleChangeError        what was approved would now do something else
└── RegistryError           two plugins share an id, or a file holds none

A message says in one line what failed on which object and what was seen; `hint` says what to do next. What others said
is quoted in both, so credentials in them are masked as an error is made.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import ClassVar

FOREIGN_TEXT_MAX_CHARS = 256  # how much of somebody else's text a message may carry
ESCAPES = re.compile(
    r"""
      (?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?                            # CSI: colours, cursor movement
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?  # OSC and other strings
    | \x1b[ -/]*[0-~]?                                             # every other escape sequence
    """,
    re.VERBOSE,
)
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)))  # what is left of them once white space is squeezed


class KubeAgentiXError(Exception):
    """The base of all errors here: a one-line message, a stable `code`, and a `hint` of what to do next."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        from kubeagentix.recognition.masking import masked  # noqa: PLC0415  only where something fails

        self.message = masked(message)
        self.hint = masked(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class UsageError(KubeAgentiXError):
    """What the caller typed cannot be used."""

    code = "usage"


class ConfigurationError(KubeAgentiXError):
    """A setting or a config file is wrong."""

    code = "configuration"


class KubeconfigError(ConfigurationError):
    """There is no usable kubeconfig, context, certificate or exec plugin."""

    code = "kubeconfig"


class ClusterError(KubeAgentiXError):
    """The API server could not be asked."""

    code = "cluster"


class UnreachableError(ClusterError):
    """No answer came: refused, no such host, TLS, timeout."""

    code = "unreachable"
    retryable = True


class UnauthorizedError(ClusterError):
    """The server does not know who is asking (401)."""

    code = "unauthorized"


class ForbiddenError(ClusterError):
    """The server knows who is asking and refuses (403)."""

    code = "forbidden"


class NotPermittedError(ForbiddenError):
    """The server says of a change, before it is tried, that one may not make it."""

    code = "not_permitted"


class ApiError(ClusterError):
    """The server answered with another error; `status` is the HTTP status code."""

    code = "api"

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class NotFoundError(KubeAgentiXError):
    """A named namespace, object, scenario or file is not there."""

    code = "not_found"


class SnapshotError(KubeAgentiXError):
    """A snapshot file is damaged or of another version."""

    code = "snapshot"


class HistoryError(KubeAgentiXError):
    """The history file cannot be used, or something in it cannot be read."""

    code = "history"


class MissingExtraError(KubeAgentiXError):
    """An optional dependency is not installed."""

    code = "missing_extra"


class ProviderError(KubeAgentiXError):
    """A model could not be asked, or did not answer. `detail` refines the code, such as `token_expired`."""

    code = "provider"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        provider: str = "",
        detail: str = "",
        retry_after_s: float | None = None,
        resets_at: datetime | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.resets_at = resets_at


class AuthenticationError(ProviderError):
    """The credential is refused, missing or of the wrong kind."""

    code = "authentication"


class PermissionDeniedError(ProviderError):
    """The credential is known, and may not do this."""

    code = "permission"


class RateLimitError(ProviderError):
    """Too many requests for now."""

    code = "rate_limit"
    retryable = True


class QuotaError(ProviderError):
    """The plan or the balance is used up."""

    code = "quota"


class OverloadedError(ProviderError):
    """The server has too much to do, or failed."""

    code = "overloaded"
    retryable = True


class ConnectionFailedError(ProviderError):
    """No connection to the model's server, or one that broke."""

    code = "connection"
    retryable = True


class ModelTimeoutError(ProviderError):
    """The model's server was silent for too long."""

    code = "timeout"
    retryable = True


class ContextWindowError(ProviderError):
    """More text than the model takes."""

    code = "context_window"


class ModelNotFoundError(ProviderError):
    """There is no such model, or not for this credential."""

    code = "model_not_found"


class RefusedError(ProviderError):
    """The model will not answer this."""

    code = "refused"


class MalformedAnswerError(ProviderError):
    """An answer that is not in the provider's own format."""

    code = "malformed"
    retryable = True


class NotConfiguredError(ProviderError):
    """There is no credential, or no client, for this provider."""

    code = "not_configured"


class ClientError(ProviderError):
    """The provider's own program is missing, too old, broken or was killed."""

    code = "client"


class ApprovalError(KubeAgentiXError):
    """A change was not approved, or the approval does not hold for it."""

    code = "approval"


class StaleChangeError(ApprovalError):
    """What was approved would now do something else: it was not done, and can be asked for anew."""

    code = "stale_change"
    retryable = True


class RegistryError(KubeAgentiXError):
    """Two plugins share an id, or a plugin file holds none."""

    code = "registry"


def excerpt(text: str, max_chars: int = FOREIGN_TEXT_MAX_CHARS) -> str:
    """Foreign text made fit for a message: one line without control characters, at most `max_chars` characters."""
    bare = text if text.isascii() and "\x1b" not in text else ESCAPES.sub("", text)
    line = " ".join(" ".join(bare.split()).translate(_CONTROLS).split())
    return line if len(line) <= max_chars else line[: max_chars - 1] + "…"
