"""`kx.doctor()`: everything that is looked at, in the order in which it is told."""

from __future__ import annotations

import os

from kubeagentix import sync
from kubeagentix.arguments import check_names, check_path
from kubeagentix.doctor import (
    claude,
    clusters,
    container,
    installation,
    kubeconfigs,
    kubectl,
    logins,
    processes,
    variables,
)
from kubeagentix.doctor.examining import TIMEOUT_S, Surroundings, examine
from kubeagentix.doctor.results import Checkup
from kubeagentix.errors import UsageError

CHECKS = (
    installation.check,
    kubectl.check,
    kubeconfigs.check,
    clusters.check,
    claude.check,
    logins.check,
    variables.check,
    processes.check,
    container.check,
)
LONGEST_TIMEOUT_S = 300.0


def doctor(
    *,
    context: str | None = None,
    kubeconfig: str | os.PathLike[str] | None = None,
    all_contexts: bool = False,
    test: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Checkup:
    """What works of this set-up, what does not, and what to do: programs, logins, kubeconfig, clusters, variables.

    It asks the API server of the current context (or of `context`, or of all of them), each for `timeout_s` at most,
    and no model, unless `test` has each provider that is configured really asked. Raises UsageError.
    """
    return sync.run(
        checkup(context=context, kubeconfig=kubeconfig, all_contexts=all_contexts, test=test, timeout_s=timeout_s)
    )


async def checkup(
    *,
    context: str | None = None,
    kubeconfig: str | os.PathLike[str] | None = None,
    all_contexts: bool = False,
    test: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Checkup:
    """As `doctor`, to be awaited."""
    check_names(context=context)
    check_path(kubeconfig=kubeconfig)
    if context is not None and all_contexts:
        raise UsageError("one context and all contexts exclude each other", hint="give one of them")
    if isinstance(timeout_s, bool) or not 0 < timeout_s <= LONGEST_TIMEOUT_S:
        raise UsageError(
            f"a timeout of {timeout_s} s is none", hint=f"it must be from 0 to {LONGEST_TIMEOUT_S:g} seconds"
        )
    about = Surroundings(
        environ=dict(os.environ),
        context=context or None,
        kubeconfig=os.fspath(kubeconfig) if kubeconfig is not None else None,
        all_contexts=all_contexts,
        test=test,
        timeout_s=timeout_s,
    )
    return await examine(CHECKS, about)
