"""What ended an attempt, as a value that may be shown and stored, and as an error again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from kubeagentix.domain.events import Failure
from kubeagentix.engine.selection import Candidate
from kubeagentix.errors import ApiError, ClusterError, KubeAgentiXError, ProviderError, excerpt


def failure_of(error: BaseException, candidate: Candidate | None) -> Failure:
    """An error as a Failure. Of one that is not ours only the type and a line of it is told."""
    provider = candidate.plugin.id if candidate is not None else ""
    if not isinstance(error, KubeAgentiXError):
        words = f"{type(error).__name__}: {_clean(str(error), candidate)}"
        return Failure(code="internal", message=words, provider=provider)
    detail = error.detail if isinstance(error, ProviderError) else ""
    return Failure(
        code=detail or error.code,
        message=_without_secret(error.message, candidate),
        hint=_without_secret(error.hint, candidate),
        is_retryable=error.retryable,
        provider=(error.provider or provider) if isinstance(error, ProviderError) else provider,
        family=error.code,
    )


@contextmanager
def translating(candidate: Candidate) -> Iterator[None]:
    """A provider that crashes has failed like any other: the next one is tried."""
    try:
        yield
    except KubeAgentiXError:
        raise
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        if is_cancelled(error):
            raise
        raise _crashed(error, candidate) from None


def raised(failure: Failure) -> KubeAgentiXError:
    """The error that a Failure stands for, of its own class, to be raised."""
    kind = next((cls for cls in _classes(KubeAgentiXError) if cls.code == failure.family), ProviderError)
    if issubclass(kind, ProviderError):
        detail = failure.code if failure.code != failure.family else ""
        return kind(failure.message, hint=failure.hint, provider=failure.provider, detail=detail)
    if issubclass(kind, ApiError):  # its status is not kept
        kind = ClusterError
    return kind(failure.message, hint=failure.hint)


def is_cancelled(error: BaseException) -> bool:
    """Whether `error` says that this task was cancelled; code that raises CancelledError by itself was not."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _crashed(error: BaseException, candidate: Candidate) -> ProviderError:
    """What stands for an error that a provider should not have raised; the error itself may hold anything."""
    what = f"{candidate.plugin.id} failed: {type(error).__name__}: {_clean(str(error), candidate)}"
    return ProviderError(what, hint="this is a bug: please report it", provider=candidate.plugin.id, detail="internal")


def _classes(cls: type[KubeAgentiXError]) -> Iterator[type[KubeAgentiXError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _classes(child)


def _clean(text: str, candidate: Candidate | None) -> str:
    return excerpt(_without_secret(text, candidate))


def _without_secret(text: str, candidate: Candidate | None) -> str:
    secret = candidate.credential.secret.reveal() if candidate is not None and candidate.credential else ""
    return text.replace(secret, "…") if secret else text
