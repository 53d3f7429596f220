"""The work on one cluster, as any executor can be given it: a function and a small picklable argument.

It never raises for what the cluster does: that is an outcome, too. What an executor raises is therefore lost work.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import platform
import time
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace

from kubeagentix.analysis.pulls import parse_image
from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.transport import was_dropped
from kubeagentix.domain.diagnosis import OUTSIDE, REGISTRY, Finding, Hypothesis, ResourceRef, Target
from kubeagentix.domain.ignoring import IgnoreRule
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import KubeAgentiXError, NotFoundError, excerpt
from kubeagentix.fleet.access import HandedAccess, address
from kubeagentix.fleet.ending import Ending
from kubeagentix.fleet.report import ClusterReport, RootCause, Step, packed
from kubeagentix.quickdx import pipeline
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.report.words import remedies_of, severity_of

GRACE_S = 10.0  # past its deadline, reading ends by itself; what is left after that hangs
MAX_STEPS = 3  # of what to do about a root cause; all of it is in the diagnosis
_PULLING = ("ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")
# Where a registry answers so, it does so to all that ask for anything of it, and not for one image alone.
_OF_REGISTRY = ("/Network", "/RateLimited", "/Certificate", "/Unauthorized", "/Unavailable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker needs to know: which cluster, as whom, and what to look for. Holds that cluster's access only.

    `id` is new each time: Dask takes two tasks with equal arguments for one, whose result it may still have. `ending`
    breaks off the work that a thread of this process is at.
    """

    name: str
    access: HandedAccess
    namespace: str | None = None
    include_lint: bool = False
    ignore: tuple[IgnoreRule, ...] | None = ()
    deadline_s: float = 60.0
    ending: Ending = field(default_factory=Ending, repr=False, compare=False)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


def work(task: Task) -> ClusterReport:
    """Quick Dx of the task's cluster, on a thread without an event loop of its own."""
    return contextvars.Context().run(lambda: asyncio.run(_worked(task)))  # nothing of what the caller is about


async def _worked(task: Task) -> ClusterReport:
    began, worker = time.perf_counter(), f"{platform.node()}:{os.getpid()}"
    server = address(task.access.server)
    loop, doing = asyncio.get_running_loop(), asyncio.current_task()
    assert doing is not None
    task.ending.when_told(lambda: _cancel(loop, doing))
    try:
        async with asyncio.timeout(task.deadline_s + GRACE_S):
            report = await _diagnosed(task)
    except TimeoutError:
        why = f"it took longer than {task.deadline_s:g} s"
        report = ClusterReport(name=task.name, server=server, why=why, code="timeout")
    except KubeAgentiXError as error:
        is_absent = task.namespace is not None and isinstance(error, NotFoundError)
        # Which ones each has instead would make many lines of what is one for all.
        code, why = ("no_namespace", error.message) if is_absent else (error.code, str(error))
        is_lost = was_dropped(error.__cause__)
        report = ClusterReport(name=task.name, server=server, why=why, code=code, is_lost=is_lost)
    except Exception as error:  # noqa: BLE001  one cluster's oddity is not to end the sweep
        why = f"Quick Dx failed: {type(error).__name__}: {excerpt(str(error), 120)}"
        report = ClusterReport(name=task.name, server=server, why=why, code="broken")
    return replace(report, seconds=round(time.perf_counter() - began, 4), worker=worker)


def _cancel(loop: asyncio.AbstractEventLoop, doing: asyncio.Task[ClusterReport]) -> None:
    with suppress(RuntimeError):  # it is done, and its loop closed
        loop.call_soon_threadsafe(doing.cancel)


async def _diagnosed(task: Task) -> ClusterReport:
    seen: list[Snapshot] = []
    with Cluster(task.access.access()) as cluster:
        diagnosis = await pipeline.run(
            cluster,
            Target(namespace=task.namespace),
            include_lint=task.include_lint,
            ignore=task.ignore,
            deadline_s=task.deadline_s,
            seen=seen.append,
        )
    return reported(task.name, address(task.access.server), diagnosis, seen[0])


def reported(name: str, server: str, diagnosis: Diagnosis, snapshot: Snapshot) -> ClusterReport:
    """What goes home of a diagnosis; a cluster of which nothing could be read is told as one that was not asked."""
    why = ""
    if diagnosis.gaps and not any(diagnosis.counts.values()):
        first = diagnosis.gaps[0]
        why = f"nothing could be read, such as {first.what}: {first.why}"
    return ClusterReport(
        name=name,
        server=server,
        why=why,
        code="nothing_read" if why else "",
        identity=_identity(snapshot),
        roots=tuple(_root(diagnosis, item, snapshot) for item in diagnosis.hypotheses),
        rows=tuple(tuple(row.values()) for row in diagnosis.rows()),
        severities=dict(Counter(finding.severity.value for finding in diagnosis.findings)),
        gaps=diagnosis.gaps,
        counts=diagnosis.counts,
        packed=packed(diagnosis),
    )


def _identity(snapshot: Snapshot) -> str:
    """The uid of kube-system, which is made with the cluster and goes with it."""
    spaces = snapshot.objects.get("Namespace", ())
    return next((item.metadata.uid for item in spaces if item.name == "kube-system"), "")


def _root(diagnosis: Diagnosis, hypothesis: Hypothesis, snapshot: Snapshot) -> RootCause:
    findings = diagnosis.known(hypothesis.findings)
    first = findings[0] if findings else None
    images = _images(snapshot, hypothesis.root)
    image = _image_at_fault(first, images)
    remedies = remedies_of(diagnosis, hypothesis)[:MAX_STEPS]
    return RootCause(
        id=hypothesis.id,
        title=hypothesis.title,
        summary=hypothesis.summary,
        reason=first.reason if first is not None else "",
        severity=severity_of(findings),
        confidence=hypothesis.confidence,
        root=hypothesis.root,
        symptoms=max(0, len(hypothesis.findings) - 1),
        shared=_shared(hypothesis.root, first, image),
        image=image,
        images=images,
        since=min((item.since for item in findings if item.since is not None), default=None),
        steps=tuple(Step(title=item.title, command=item.command, is_change=item.effect != "read") for item in remedies),
    )


def _images(snapshot: Snapshot, ref: ResourceRef) -> tuple[str, ...]:
    pods = snapshot.pods_of(ref)
    containers = (*pods[-1].spec.init_containers, *pods[-1].spec.containers) if pods else ()
    return tuple(sorted({container.image for container in containers}))


def _image_at_fault(finding: Finding | None, images: tuple[str, ...]) -> str:
    """The image that cannot be had, or an empty text where it is no image that is at fault."""
    if finding is None or not finding.reason.startswith(_PULLING):
        return ""
    named = [image for image in images if image in finding.title or image in finding.cause]
    return max(named, key=len, default=images[0] if len(images) == 1 else "")


def _shared(root: ResourceRef, finding: Finding | None, image: str) -> ResourceRef | None:
    """What is blamed that many clusters have in common: a registry, or a host."""
    if root.kind in OUTSIDE:
        return root
    blamed = next((ref for ref in finding.points_at if ref.kind in OUTSIDE), None) if finding is not None else None
    if blamed is None and image and finding is not None and finding.reason.endswith(_OF_REGISTRY):
        return ResourceRef(kind=REGISTRY, name=parse_image(image).registry)
    return blamed
