"""One container's log: read from the cluster or taken from a picture, folded or searched, the newest kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kubeagentix.analysis.log_entries import Entry, entries_of, guilty_line
from kubeagentix.analysis.log_folding import fold, template_of
from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.log_times import split_times
from kubeagentix.cluster.logs import was_removed
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.errors import ApiError, NotFoundError, UsageError
from kubeagentix.redaction import masked_in_run
from kubeagentix.report.text import clean_block, clean_line
from kubeagentix.toolkit.searching import matching, with_context
from kubeagentix.toolkit.statuses import Said

SEARCHED_LINES = 5_000  # how far back a pattern is looked for
MAX_BYTES = 8 << 20
ENTRY_LINES = 30  # of one entry (a stack trace), so many are shown: its head, and more of its end
ENTRY_HEAD = 8
ENTRY_CHARS = 3_000
MAX_CITED = 12  # of one log, so many entries can be cited, the newest ones
_SPANS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(span: str) -> int:
    """The seconds of `90s`, `15m`, `2h`, `1h30m`. Raises UsageError."""
    parts = re.findall(r"(\d+)([smhd])", span.strip().lower())
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != span.strip().lower():
        raise UsageError(f"{span!r} is no span of time", hint="such as 90s, 15m, 2h or 1d")
    return max(1, sum(int(number) * _SPANS[unit] for number, unit in parts))


async def read_log(
    context: ToolContext, pod: ResourceRef, container: str, *, is_previous: bool, lines: int, since_s: int | None
) -> ContainerLog:
    """The newest `lines` of a log. Raises NotFoundError where there is none, with what the kubelet says."""
    if isinstance(context.source, Cluster):
        read = await _read_live(context.source, pod, container, is_previous=is_previous, lines=lines, since_s=since_s)
        return masked_in_run(read)
    for log in context.source.logs:
        if (log.namespace, log.pod, log.container, log.is_previous) == (*pod.key[1:], container, is_previous):
            return masked_in_run(log)  # type: ignore[no-any-return]
    which = "previous log" if is_previous else "log"
    hint = "a snapshot keeps the logs of containers in trouble only"
    raise NotFoundError(f"the snapshot holds no {which} of container {container} of {pod}", hint=hint)


async def _read_live(
    cluster: Cluster, pod: ResourceRef, container: str, *, is_previous: bool, lines: int, since_s: int | None
) -> ContainerLog:
    params: dict[str, str | int] = {"container": container, "limitBytes": MAX_BYTES}
    params |= {"timestamps": "true", **({"previous": "true"} if is_previous else {})}
    params |= {"sinceSeconds": since_s} if since_s is not None else {}
    path, wanted = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log", lines
    try:
        text = await cluster.get_text(path, {**params, "tailLines": lines}, max_bytes=MAX_BYTES)
        is_long = _is_cut(text)
        if is_long:  # the limit counts from the oldest line on, so the newest ones are cut off
            lines = max(1, text.count("\n") // 2)
            text = await cluster.get_text(path, {**params, "tailLines": lines}, max_bytes=MAX_BYTES)
    except ApiError as error:
        if error.status not in (400, 404):
            raise
        said = error.message.partition(": ")[2] or error.message
        hint = "there was none before" if is_previous else "its events (describe_resource) say why it has not started"
        raise NotFoundError(f"container {container} of {pod} has no log: {said}", hint=hint) from error
    if was_removed(text.splitlines()):
        raise NotFoundError(f"container {container} of {pod} has no log any more: its files were removed from the node")
    stamped = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    bare, begins_at, offsets_ms = split_times(stamped[-wanted:])  # there are servers that send them all
    return ContainerLog(
        namespace=pod.namespace,
        pod=pod.name,
        container=container,
        is_previous=is_previous,
        lines=bare,
        is_truncated=is_long or len(stamped) >= lines,
        is_cut=_is_cut(text),
        begins_at=begins_at,
        offsets_ms=offsets_ms,
    )


def _is_cut(text: str) -> bool:
    return len(text) >= MAX_BYTES or len(text.encode()) >= MAX_BYTES


def folded(pod: ResourceRef, log: ContainerLog) -> tuple[list[Said], list[Said]]:
    """(every entry once, at its last occurrence; the same of the errors and the newest few only)."""
    entries = entries_of(log.lines)
    repetitions = fold(log, entries)
    newest: dict[str, Entry] = {}
    for entry in entries:
        template = template_of(entry.text)
        newest.pop(template, None)
        newest[template] = entry
    kept = list(newest.items())
    citable = [template for template, entry in kept if entry.is_error][-MAX_CITED:]
    lines: list[Said] = []
    short: list[Said] = []
    for place, (template, entry) in enumerate(kept):
        times = str(repetitions[template])
        evidence = _evidence(pod, log, entry) if template in citable or place == len(kept) - 1 else None
        said = Said(
            text=f"{_shown(log.lines[entry.start : entry.end])}{f' {times}' if times else ''}", evidence=evidence
        )
        lines.append(said)
        if entry.is_error or place >= len(kept) - MAX_CITED:
            short.append(said)
    return lines, short


def _shown(lines: Sequence[str]) -> str:
    kept = list(lines)
    if len(kept) > ENTRY_LINES:
        left_out = len(kept) - ENTRY_LINES
        kept = [*kept[:ENTRY_HEAD], f"  … {left_out} lines …", *kept[-(ENTRY_LINES - ENTRY_HEAD) :]]
    return clean_block("\n".join(kept), max_lines=ENTRY_LINES + 1, max_chars=ENTRY_CHARS)


def _evidence(pod: ResourceRef, log: ContainerLog, entry: Entry) -> Evidence:
    index = guilty_line(log.lines, entry)
    return line_evidence(pod, log, index, excerpt=_shown(log.lines[entry.start : entry.end]))


def line_evidence(pod: ResourceRef, log: ContainerLog, index: int, *, excerpt: str = "") -> Evidence:
    """The evidence that one line of a log is."""
    said = clean_line(log.lines[index], 300)
    which = f"{log.container}, before the last restart" if log.is_previous else log.container
    return Evidence.of(
        pod, "log", said, excerpt=excerpt or said, locator=f"container {which}", observed_at=log.time_of(index)
    )


def searched(pod: ResourceRef, log: ContainerLog, pattern: re.Pattern[str], around: int, at_most: int) -> list[Said]:
    """The lines that match, the newest `at_most`, with `around` lines before and after; equal ones as one."""
    hits = matching(log.lines, pattern)
    if not around:
        newest = {template_of(log.lines[index]): index for index in hits}
        counts: dict[str, int] = {}
        for index in hits:
            template = template_of(log.lines[index])
            counts[template] = counts.get(template, 0) + 1
        kept = sorted(newest.items(), key=lambda item: item[1])[-at_most:]
        return [_hit(pod, log, index, counts[template]) for template, index in kept]
    shown: list[Said] = []
    last = None
    for index, line, is_hit in with_context(log.lines, hits[-at_most:], around):
        if last is not None and index > last + 1:
            shown.append(Said(text="--"))
        shown.append(_hit(pod, log, index, 1) if is_hit else Said(text=clean_line(line, ENTRY_CHARS)))
        last = index
    return shown


def _hit(pod: ResourceRef, log: ContainerLog, index: int, count: int) -> Said:
    times = f" (\u00d7{count})" if count > 1 else ""
    return Said(text=f"{clean_line(log.lines[index], ENTRY_CHARS)}{times}", evidence=line_evidence(pod, log, index))
