"""Containers that keep ending: why, by their log, else by their exit code.

Found in each state of a crash loop: waiting in CrashLoopBackOff, ended a moment ago, or running again for now. What
memory, a probe, a hook or the container runtime ended belongs to other analyzers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from kubeagentix.analysis.causes import Explanation, explain
from kubeagentix.analysis.certificates import mismatched
from kubeagentix.analysis.containers import (
    PodContainer,
    ProbeKind,
    events_of,
    exit_meaning,
    failed_hook,
    is_out_of_memory,
    is_start_failure,
    keeps_ending,
    killed_by_probe,
    logged_failure,
    logs_of_last_life,
    probe_of,
    restless_containers,
)
from kubeagentix.analysis.logs import PANIC, LoggedFailure
from kubeagentix.analysis.present_pods import job_of, lifetime_s, runs_to_completion
from kubeagentix.analysis.refusals import roots_of
from kubeagentix.analysis.signatures import CONNECTION_TIMEOUT
from kubeagentix.analysis.troubles import (
    Trouble,
    clipped,
    describe_pod,
    edit_workload,
    end_evidence,
    event_evidence,
    findings,
    log_evidence,
    read_log,
    spec_evidence,
    waiting_evidence,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.meta import condition
from kubeagentix.domain.pods import TerminatedState
from kubeagentix.domain.snapshot import Snapshot

# A shell's exit code says more than its log does: that the file was to be executed.
_SAME = {("NotExecutable", "PermissionDenied"), ("CommandNotFound", "MissingFile")}
_NOT_FOUND = re.compile(r"([^\s:'\"`]+)['\"`]?: (?:command )?not found\b")
_TITLE_MAX_CHARS = 120  # of a line of a log
_SHORT_LIFE_S = 5.0  # who ends this soon ends while starting


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload, container and reason: `CrashLoopBackOff/<X>`, `Error/<X>` where it should end."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for container in restless_containers(snapshot):
        if keeps_ending(container, snapshot.taken_at) and not _is_explained_elsewhere(snapshot, container):
            yield _trouble(snapshot, container)


def _is_explained_elsewhere(snapshot: Snapshot, container: PodContainer) -> bool:
    waiting = container.waiting
    return (
        (waiting is not None and waiting.reason in ("RunContainerError", "PostStartHookError"))
        or is_out_of_memory(snapshot, container)
        or is_start_failure(snapshot, container)
        or killed_by_probe(snapshot, container) is not None
        or failed_hook(snapshot, container) is not None
    )


def _trouble(snapshot: Snapshot, container: PodContainer) -> Trouble:
    end = container.last_end
    failure = logged_failure(snapshot, container)
    by_exit, words = exit_meaning(end) if end is not None else ("Error", "no exit code was recorded")
    tells_more = failure is not None and failure.signature and (by_exit, failure.signature) not in _SAME
    explanation = explain(snapshot, container, failure) if failure is not None and tells_more else None
    if explanation is None:
        phrase = words + _told(by_exit, failure, _last_words(snapshot, container))
        story = Explanation(phrase=phrase, cause=_cause_by_exit(snapshot, container, words, failure))
    else:
        story = explanation
    started = events_of(snapshot, container, "BackOff")
    family = "Error" if runs_to_completion(container.pod) else "CrashLoopBackOff"
    return Trouble(
        pod=container.pod,
        part=container.name,
        reason=f"{family}/{failure.signature if explanation is not None and failure is not None else by_exit}",
        title=f"{container.label} {_verb(container, family)}: {story.phrase}",
        cause=f"{story.cause}{_lifetime(end)}",
        evidence=tuple(_evidence(snapshot, container, failure, words)),
        severity=_severity(snapshot, container),
        confidence=_confidence(snapshot, container, explanation),
        remedies=_remedies(snapshot, container, story),
        points_at=story.points_at or _behind(snapshot, container, failure),
        is_rough=explanation is None,
        since=min((event.first_timestamp for event in started if event.first_timestamp), default=_first_said(failure)),
    )


def _behind(snapshot: Snapshot, container: PodContainer, failure: LoggedFailure | None) -> tuple[ResourceRef, ...]:
    """What is behind an end that names nothing: a Secret with another's key, or what the API server denied before."""
    pod, line = container.pod, failure.line if failure is not None else _last_words(snapshot, container)
    says_why = failure is not None and failure.signature not in ("", PANIC, CONNECTION_TIMEOUT)
    return mismatched(snapshot, pod.namespace, pod.spec, line) or (() if says_why else roots_of(snapshot, container))


def _first_said(failure: LoggedFailure | None) -> datetime | None:
    return failure.first_at if failure is not None else None


def _verb(container: PodContainer, family: str) -> str:
    if family == "Error":
        return "fails"
    return "has ended" if container.running is not None and container.status.restart_count < 2 else "keeps ending"


def _told(by_exit: str, failure: LoggedFailure | None, last_words: str) -> str:
    """What the log adds to an exit code: the command that a shell does not find, or an error of no known kind."""
    match = _NOT_FOUND.search(failure.line) if failure is not None and by_exit == "CommandNotFound" else None
    if match is not None:
        return f" ({match[1]})"
    said = failure.line if failure is not None else last_words
    return f', after "{clipped(said, _TITLE_MAX_CHARS)}"' if said and by_exit == "Error" else ""


def _last_words(snapshot: Snapshot, container: PodContainer) -> str:
    """The last line of its termination message, or else of its log; "" if there is none."""
    end, logs = container.last_end, logs_of_last_life(snapshot, container)
    texts = (end.message.splitlines() if end is not None else (), logs[0].lines if logs else ())
    return next((line.strip() for lines in texts for line in reversed(lines) if line.strip()), "")


def _cause_by_exit(snapshot: Snapshot, container: PodContainer, words: str, failure: LoggedFailure | None) -> str:
    end = container.last_end
    if end is not None and end.exit_code == 0:
        return (
            f"The main process: {words}. A shell that has run its last line, or a program that went to the background."
        )
    last = clipped(_last_words(snapshot, container), _TITLE_MAX_CHARS)
    said = f' The last it said: "{last}".' if last else " It said nothing."
    if failure is not None:
        said = f' Its log says: "{failure.line}".'
    return f"The main process ended: {words}.{said}{_suspects(container, end)}"


def _suspects(container: PodContainer, end: TerminatedState | None) -> str:
    """Who else ends a container with that code, by its spec: a probe whose events are not there, or memory."""
    if end is None or end.exit_code not in (137, 143):
        return ""
    # The kubelet's events may come late, or not at all: it sends only a few a second.
    probe, limit = _killing_probe(container), container.spec.resources.limits.get("memory")
    told = f" Its {probe} probe would end it in this way, too." if probe is not None else ""
    if end.exit_code == 137 and limit:
        told += f" So would its memory limit of {limit}: runtimes do not report every such kill."
    return told


def _killing_probe(container: PodContainer) -> str | None:
    kinds: tuple[ProbeKind, ...] = ("Startup", "Liveness")
    return next((kind.lower() for kind in kinds if probe_of(container, kind) is not None), None)


def _lifetime(end: TerminatedState | None) -> str:
    seconds = lifetime_s(end) if end is not None else None
    if seconds is None:
        return ""
    return f" It ended {seconds:.0f} s after its start{', while starting' if seconds <= _SHORT_LIFE_S else ''}."


def _confidence(snapshot: Snapshot, container: PodContainer, explanation: Explanation | None) -> float:
    end = container.last_end
    if explanation is not None:
        return 0.85
    if end is not None and exit_meaning(end)[0] != "Error":
        return 0.7
    return 0.7 if _last_words(snapshot, container) else 0.3  # a log that was not seen mostly knows better


def _severity(snapshot: Snapshot, container: PodContainer) -> Severity:
    job = job_of(snapshot, container.pod)
    if job is not None:
        failed = condition(job.status.conditions, "Failed")
        has_failed = failed is not None and failed.status == "True"
        # A Job that has failed once tries again, which is what it is for.
        attempts = job.status.failed + container.status.restart_count
        is_going_well = job.status.succeeded > 0 or attempts < 2
        return Severity.WARNING if is_going_well and not has_failed else Severity.CRITICAL
    # A single restart of a container that is ready again may have been the last.
    is_back = container.status.ready and container.status.restart_count < 2
    return Severity.WARNING if is_back else Severity.CRITICAL


def _evidence(
    snapshot: Snapshot, container: PodContainer, failure: LoggedFailure | None, words: str
) -> Iterator[Evidence]:
    if container.last_end is not None:
        yield end_evidence(snapshot, container, container.last_end, f"ended: {words}{_after(container.last_end)}")
    else:
        yield waiting_evidence(snapshot, container)
    yield from log_evidence(snapshot, container, failure)
    for event in events_of(snapshot, container, "BackOff")[:1]:
        yield event_evidence(snapshot, event, container.pod)
    if container.command:
        yield spec_evidence(snapshot, container, "command", "the command it runs", container.command)


def _after(end: TerminatedState) -> str:
    seconds = lifetime_s(end)
    return f", after {seconds:.0f} s" if seconds is not None else ""


def _remedies(snapshot: Snapshot, container: PodContainer, story: Explanation) -> tuple[Remedy, ...]:
    reading = [describe_pod(snapshot, container.pod), *(item for item in story.remedies if item.effect == "read")]
    writing = [item for item in story.remedies if item.effect == "write"]
    what = f"the command or settings of {container.label}"
    return (read_log(container), *reading, *writing, edit_workload(snapshot, container.pod, what))


plugin = AnalyzerPlugin(id="crashes", title="Containers that keep ending", analyze=analyze, scope="workload")
