"""`kx.watch`: Quick Dx that goes on, to be iterated over from any event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

from kubeagentix import sync
from kubeagentix.api import IgnoreLike, Source, question_of
from kubeagentix.cluster.connection import Cluster
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.events import Listener, silent
from kubeagentix.errors import UsageError
from kubeagentix.quickdx.watching import Update, Watched, Watching


async def watch(
    target: str | ResourceRef | None = None,
    *,
    namespace: str | None = None,
    all_namespaces: bool = False,
    cluster: Source | None = None,
    include_lint: bool = False,
    ignore: IgnoreLike | Iterable[IgnoreLike] = (),
    include_ignored: bool = False,
    listen: Listener = silent,
) -> AsyncGenerator[Update, None]:
    """What is broken, again and again: an `Update` at once, and one whenever the answer has changed, until you leave.

    It holds the `diagnosis` as it is now, and its `difference` from the one before. The cluster is listed once and then
    watched. The arguments are those of `diagnose`. Leave by `break`, and close what `watch` returned where you want
    the watches to end at once: `async with contextlib.aclosing(kx.watch()) as updates`.

    Raises NotFoundError, UsageError, ClusterError, KubeconfigError at the first.
    """
    watching = Watching(
        _watched(
            target,
            namespace=namespace,
            all_namespaces=all_namespaces,
            cluster=cluster,
            include_lint=include_lint,
            ignore=ignore,
            include_ignored=include_ignored,
        )
    )
    try:
        await sync.arun(watching.start(listen))
        while True:
            yield await sync.arun(watching.next())
    finally:
        await sync.arun(watching.close())


def _watched(
    target: str | ResourceRef | None,
    *,
    namespace: str | None,
    all_namespaces: bool,
    cluster: Source | None,
    include_lint: bool,
    ignore: IgnoreLike | Iterable[IgnoreLike],
    include_ignored: bool,
) -> Watched:
    question = question_of(
        target,
        namespace=namespace,
        all_namespaces=all_namespaces,
        cluster=cluster,
        include_lint=include_lint,
        ignore=ignore,
        include_ignored=include_ignored,
    )
    if not isinstance(question.source, Cluster):
        raise UsageError("a saved snapshot does not change", hint="pass cluster=, or connect() to one")
    return Watched(source=question.source, target=question.target, include_lint=include_lint, ignore=question.rules)
