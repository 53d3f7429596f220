"""What `import kubeagentix as kx` offers to call: blocking faces over the async pipeline, for cells and scripts.

The most recent `connect`, `demo` or `use` is the current cluster, which calls without `cluster=` ask; until there
is one, they ask the kubeconfig's current context, as kubectl would.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kubeagentix import credentials, sync
from kubeagentix.arguments import check_names, check_path
from kubeagentix.cluster import archive, connection
from kubeagentix.cluster.connection import Cluster
from kubeagentix.domain.diagnosis import ResourceRef, Target
from kubeagentix.domain.events import Listener, silent
from kubeagentix.domain.ignoring import EXAMPLE, IgnoreRule, rule_of
from kubeagentix.domain.options import RunOptions
from kubeagentix.domain.secrets import Credential, CredentialKind
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.keeping import Keeping, NotKeeping, asked, keeping
from kubeagentix.quickdx import pipeline
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.targets import parse_target
from kubeagentix.settings import load_settings

if TYPE_CHECKING:
    from kubeagentix.demo.faults import Faults
    from kubeagentix.demo.running import RunningDemo


class Demo:
    """A running demo cluster. `kubeconfig` is the path of a private file that kubectl can use; `close()` ends both."""

    def __init__(self, running: RunningDemo, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._running = running
        self._folder = folder
        self.kubeconfig = str(Path(folder.name) / "kubeconfig")
        running.write_kubeconfig(self.kubeconfig)
        self._before = current()
        self.cluster = connection.connect(kubeconfig=self.kubeconfig)
        self.scenarios = running.scenarios

    @property
    def faults(self) -> Faults:
        """What goes wrong with the API server's answers, to try what comes of it: `demo.faults.fail("/pods", 503)`."""
        return self._running.faults

    def close(self) -> None:
        """Stops the server and removes the kubeconfig; what was current before is so again. Again, it does nothing."""
        if Path(self._folder.name).exists():
            self.cluster.close()
            sync.run(self._running.close())
            self._folder.cleanup()
        if current() is self:
            use(self._left())

    def _left(self) -> Source | None:
        """What was current before it, without demos that have ended meanwhile."""
        before = self._before
        while isinstance(before, Demo) and not Path(before.kubeconfig).exists():
            before = before._before
        return before

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        count = len(self.scenarios)
        return f"<Demo: {count} scenario{'' if count == 1 else 's'}, KUBECONFIG={self.kubeconfig}>"


Source = Cluster | Demo | Snapshot
CredentialLike = str | Credential
AUTO = "auto"  # as a provider: the first model that is configured
IgnoreLike = str | Mapping[str, Any] | IgnoreRule
_current: list[Source] = []  # the one that calls without `cluster=` mean; empty: the kubeconfig's current context


def connect(context: str | None = None, kubeconfig: str | os.PathLike[str] | None = None) -> Cluster:
    """The cluster of a kubeconfig context, as kubectl would choose it; it becomes the current one. No network yet.

    Raises KubeconfigError, and UsageError for what is no name or path.
    """
    check_names(context=context)
    check_path(kubeconfig=kubeconfig)
    cluster = connection.connect(context=context, kubeconfig=kubeconfig)
    use(cluster)
    return cluster


def demo(*scenarios: str, port: int = 0) -> Demo:
    """Starts the embedded demo cluster with these scenarios (default: all); it becomes the current one.

    Raises NotFoundError for an unknown scenario, with the nearest names, and UsageError for a port it cannot have.
    """
    from kubeagentix.demo.running import start_demo  # noqa: PLC0415  a whole cluster, for those who start one

    try:
        running = sync.run(start_demo(scenarios or None, port=port))
    except OSError as error:
        # asyncio's own text repeats the address as a tuple.
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        message = f"cannot listen on port {port}: {excerpt(reason)}"
        raise UsageError(message, hint="take another port, or none") from error
    started = Demo(running, tempfile.TemporaryDirectory(prefix="kubeagentix-demo-"))
    use(started)
    return started


def current() -> Source | None:
    """The current cluster, demo or snapshot; None means the kubeconfig's current context."""
    return _current[-1] if _current else None


def use(cluster: Source | None) -> None:
    """Makes `cluster` the current one; None goes back to the kubeconfig's current context."""
    _current[:] = [cluster] if cluster is not None else []


def load(path: str | os.PathLike[str]) -> Snapshot:
    """A snapshot saved earlier, to be diagnosed with `diagnose(cluster=snapshot)`. Raises SnapshotError."""
    return archive.load(path)


def save(snapshot: Snapshot, path: str | os.PathLike[str]) -> None:
    """Saves a snapshot as one compressed file, readable by its owner only. Secrets' values are never in it."""
    archive.save(snapshot, path)


def take_snapshot(cluster: Cluster | Demo | None = None, namespace: str | None = None) -> Snapshot:
    """Reads a snapshot of one namespace (None: all) of a cluster."""
    return sync.run(_reading(cluster, namespace, silent))


async def atake_snapshot(
    cluster: Cluster | Demo | None = None, namespace: str | None = None, *, listen: Listener = silent
) -> Snapshot:
    """As `take_snapshot`, to be awaited."""
    return await sync.arun(_reading(cluster, namespace, listen))


def _reading(cluster: Cluster | Demo | None, namespace: str | None, listen: Listener) -> Coroutine[Any, Any, Snapshot]:
    source = opened(cluster)
    if isinstance(source, Snapshot):
        raise UsageError("the current cluster is a saved snapshot", hint="pass cluster=, or connect() to one")
    deadline_s = load_settings(os.environ).deadline_s
    return pipeline.collect(source, namespace, deadline_s=deadline_s, listen=listen)


def diagnose(
    target: str | ResourceRef | None = None,
    *,
    namespace: str | None = None,
    all_namespaces: bool = False,
    cluster: Source | None = None,
    include_lint: bool = False,
    ignore: IgnoreLike | Iterable[IgnoreLike] = (),
    include_ignored: bool = False,
    provider: str = "",
    model: str = "",
    credential: CredentialLike | None = None,
    fallback: bool = True,
    history: bool = True,
    anonymize: bool | None = None,
    listen: Listener = silent,
) -> Diagnosis:
    """Why is it broken? Quick Dx of `target` (`deploy/web`, or a `root` or `ref` of an answer), a namespace, or all.

    Without `namespace` and `all_namespaces`, the context's own namespace is meant in a real cluster, and all of
    them in a demo or a snapshot. `ignore` adds rules to those of the config file, such as
    `"reason=Lint/*,namespace=kube-*"` or `{"object": "Deployment/shop/web", "until": "2026-12-31", "why": "…"}`;
    `include_ignored` ignores nothing.

    With `provider` (`claude`, `claude_code`, `openai`, `gemini`, or `auto` for the first that is configured) a model
    checks what the analyzers found, with tools, and its view stands beside theirs (`answer`, `provider`, `model`). If
    it fails the next one is asked, and in the end the analyzers' answer stands; `fallback=False` raises instead.
    `credential` is for this call and this provider alone; `anonymize` hides names of objects, hosts and images from it.
    `history=False` keeps nothing of it in the history.

    Raises NotFoundError, UsageError, ClusterError, KubeconfigError, and ProviderError with `fallback=False`.
    """
    return sync.run(
        diagnosed(
            question_of(
                target,
                namespace=namespace,
                all_namespaces=all_namespaces,
                cluster=cluster,
                include_lint=include_lint,
                ignore=ignore,
                include_ignored=include_ignored,
            ),
            asking_of(provider, model, credential, fallback=fallback, anonymize=anonymize),
            listen,
            is_kept=history,
        )
    )


async def adiagnose(
    target: str | ResourceRef | None = None,
    *,
    namespace: str | None = None,
    all_namespaces: bool = False,
    cluster: Source | None = None,
    include_lint: bool = False,
    ignore: IgnoreLike | Iterable[IgnoreLike] = (),
    include_ignored: bool = False,
    provider: str = "",
    model: str = "",
    credential: CredentialLike | None = None,
    fallback: bool = True,
    history: bool = True,
    anonymize: bool | None = None,
    listen: Listener = silent,
) -> Diagnosis:
    """As `diagnose`, to be awaited; also inside a running notebook."""
    return await sync.arun(
        diagnosed(
            question_of(
                target,
                namespace=namespace,
                all_namespaces=all_namespaces,
                cluster=cluster,
                include_lint=include_lint,
                ignore=ignore,
                include_ignored=include_ignored,
            ),
            asking_of(provider, model, credential, fallback=fallback, anonymize=anonymize),
            listen,
            is_kept=history,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be diagnosed, and how."""

    source: Cluster | Snapshot
    target: Target
    quick_dx: Callable[..., Coroutine[Any, Any, Diagnosis]]
    rules: Sequence[IgnoreRule] | None  # of what to ignore; None: nothing at all


def question_of(
    target: str | ResourceRef | None,
    *,
    namespace: str | None = None,
    all_namespaces: bool = False,
    cluster: Source | None = None,
    include_lint: bool = False,
    ignore: IgnoreLike | Iterable[IgnoreLike] = (),
    include_ignored: bool = False,
) -> Question:
    """The question that arguments of `diagnose` stand for. Raises UsageError, KubeconfigError."""
    check_names(namespace=namespace)
    if namespace is not None and all_namespaces:
        raise UsageError("namespace and all_namespaces exclude each other", hint="give one of them")
    if ignore and include_ignored:
        raise UsageError("ignore and include_ignored exclude each other", hint="give one of them")
    if namespace == "":
        raise UsageError("the namespace is empty", hint="name one, or leave it out")
    if isinstance(target, ResourceRef):
        namespace = namespace or target.namespace or None
        target = f"{target.kind}/{target.name}"
    if not isinstance(target, str | None):
        raise UsageError(f"a target is a text such as deploy/web, not {type(target).__name__}", hint="or leave it out")
    is_whole = isinstance(cluster if cluster is not None else current(), Demo | Snapshot)
    source = opened(cluster)
    if namespace is None and not all_namespaces and not is_whole and isinstance(source, Cluster):
        namespace = source.namespace
    wanted: Target = parse_target(target, namespace)
    settings = load_settings(os.environ)
    rules = None if include_ignored else (*settings.ignore, *ignore_rules(ignore))

    def quick_dx(
        place: Target, heard: Listener, seen: Callable[[Snapshot], None] | None = None
    ) -> Coroutine[Any, Any, Diagnosis]:
        return pipeline.run(
            source,
            place,
            include_lint=include_lint,
            ignore=rules,
            deadline_s=settings.deadline_s,
            listen=heard,
            seen=seen,
        )

    return Question(source=source, target=wanted, quick_dx=quick_dx, rules=rules)


def diagnosed(
    question: Question, asking: RunOptions | None, listen: Listener, *, is_kept: bool
) -> Coroutine[Any, Any, Diagnosis]:
    """The work of `diagnose`, to be run by one who has put the question together: see `question_of`, `asking_of`."""
    kept = keeping(load_settings(os.environ), kind="dx") if is_kept else None
    if asking is None:
        return _kept(question.quick_dx(question.target, listen), kept, listen, [], question.source)
    from kubeagentix.engine import engine, quick  # noqa: PLC0415  only where a model is asked

    place = question.target.namespace
    asked = engine.Engine(question.source, namespace=place, diagnose=question.quick_dx, history=kept)
    cut_short: list[Diagnosis] = []
    work = quick.diagnose(asked, question.target, options=asking, listen=listen, interrupted=cut_short.append)
    return _kept(work, kept, listen, cut_short, question.source)


async def _kept(
    work: Coroutine[Any, Any, Diagnosis],
    kept: Keeping | NotKeeping | None,
    listen: Listener,
    cut_short: list[Diagnosis],
    source: Cluster | Snapshot,
) -> Diagnosis:
    """What `work` finds, once it is kept; also what it had found when it was interrupted, which it leaves behind."""
    try:
        found = await work
    except asyncio.CancelledError:
        if kept is not None and cut_short:
            await kept.diagnosed(cut_short[0])
        raise
    asked[found.id] = source
    if kept is not None:
        for notice in await kept.diagnosed(found):
            listen(notice)
    return found


def asking_of(
    provider: str, model: str, credential: CredentialLike | None, *, fallback: bool, anonymize: bool | None
) -> RunOptions | None:
    """Whom to ask besides the analyzers, or None for nobody. Raises UsageError, AuthenticationError."""
    if not provider and not model and credential is None:
        return None
    name = "" if provider == AUTO else provider
    return RunOptions(
        provider=name,
        model=model,
        credential=credential_of(credential, name),
        fallback=fallback,
        anonymize=anonymize,
    )


def credential_of(given: CredentialLike | None, provider: str) -> Credential | None:
    """A credential as somebody passes it: as text for the provider that is named, or ready-made.

    Raises UsageError without a provider, AuthenticationError for a text that cannot be one.
    """
    if given is None or isinstance(given, Credential):
        return given
    if not isinstance(given, str):
        raise UsageError(f"a credential is a text, not {type(given).__name__}", hint="or a kx.Credential")
    if not provider:
        raise UsageError("a credential was given, but not for whom", hint="name the provider as well")
    return credentials.given(given, credential_kind(provider))


def credential_kind(provider: str) -> CredentialKind:
    """What somebody passes to that provider as text: the token of a subscription, else a key."""
    return "auth_token" if provider.replace("-", "_") == "claude_code" else "api_key"


def ignore_rules(given: IgnoreLike | Iterable[IgnoreLike]) -> tuple[IgnoreRule, ...]:
    """The rules that an `ignore=` spells. Raises UsageError."""
    several = (given,) if isinstance(given, str | Mapping | IgnoreRule) else given
    if not isinstance(several, Iterable):
        raise UsageError(f"ignore= takes rules, not {type(given).__name__}", hint=f"as in ignore=[{EXAMPLE!r}]")
    return tuple(rule_of(item, f"ignore[{place}]") for place, item in enumerate(several))


def opened(cluster: object) -> Cluster | Snapshot:
    """What a `cluster=` stands for, or the current one. Raises UsageError for anything else, and KubeconfigError."""
    source: object = cluster if cluster is not None else current()
    if not isinstance(source, Source | None):
        hint = "connect(context=…) gives one for a context, load(FILE) one for a snapshot"
        raise UsageError(f"cluster= takes a Cluster, Demo or Snapshot, not {type(source).__name__}", hint=hint)
    if isinstance(source, Demo):
        return source.cluster
    return source if source is not None else connection.connect()


__all__: Sequence[str] = (
    "Demo",
    "Source",
    "adiagnose",
    "atake_snapshot",
    "connect",
    "current",
    "demo",
    "diagnose",
    "load",
    "save",
    "take_snapshot",
    "use",
)
