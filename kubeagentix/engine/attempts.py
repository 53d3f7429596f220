"""What ended an attempt, as a value that may be shown and stored."""

from __future__ import annotations

from kubeagentix.domain.events import Failure
from kubeagentix.engine.selection import Candidate
from kubeagentix.errors import KubeAgentiXError, ProviderError, excerpt


def failure_of(error: BaseException, candidate: Candidate | None) -> Failure:
    """An error as a Failure. Of one that is not ours only the type and a line of it is told."""
    provider = candidate.plugin.id if candidate is not None else ""
    if not isinstance(error, KubeAgentiXError):
        secret = candidate.credential.secret.reveal() if candidate is not None and candidate.credential else ""
        text = excerpt(str(error))
        words = text.replace(secret, "…") if secret else text
        return Failure(code="internal", message=f"{type(error).__name__}: {words}", provider=provider)
    detail = error.detail if isinstance(error, ProviderError) else ""
    return Failure(
        code=detail or error.code,
        message=error.message,
        hint=error.hint,
        is_retryable=error.retryable,
        provider=(error.provider or provider) if isinstance(error, ProviderError) else provider,
    )
