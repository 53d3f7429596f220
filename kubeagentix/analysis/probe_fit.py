"""Whether a probe fits the container it asks: its port, where the log says that it listens, its time to answer."""

from __future__ import annotations

import re

from kubeagentix.analysis.containers import PodContainer, logs_of_last_life
from kubeagentix.analysis.spelling import nearest
from kubeagentix.domain.nodes import PodMetrics
from kubeagentix.domain.pods import Probe
from kubeagentix.domain.quantities import format_cpu, quantity_or_zero
from kubeagentix.domain.snapshot import Snapshot

TIMED_OUT = re.compile(r"(?i)deadline exceeded|timeout|timed out")
_REFUSED = re.compile(r"connection refused")
_THROTTLED = 0.9  # of the CPU limit: who uses that much waits for the rest of each period
# What servers say when they are up: an address after the word, or a bare port.
_LISTENS = re.compile(
    r"(?i)\b(?:listening|listen|serving|bound|started|running|binding|available)\b[^\n]{0,40}?"
    r"(?:\bport[ :=]+|(?P<host>127\.0\.0\.1|localhost|\[::1\]|\[::\]|0\.0\.0\.0|\*)?:)(?P<port>\d{2,5})\b"
)
NO_PROBE_COMES = "only, where no probe comes."
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def misfit(snapshot: Snapshot, container: PodContainer, probe: Probe, message: str) -> str:
    """In sentences, what of the spec and the log speaks against the probe's port or its patience; "" if nothing."""
    wanted = probe.port
    told = []
    if isinstance(wanted, str) and not wanted.isdigit():
        told.append(_about_name(container, wanted))
    elif wanted:
        told.append(_about_port(container, int(wanted)))
        if not message or _REFUSED.search(message):
            heard = _about_listener(snapshot, container, int(wanted))
            told.append(heard or _unheard(container, int(wanted), message))
    if TIMED_OUT.search(message):
        told.append(f"The probe waits for {probe.timeout_seconds} s (timeoutSeconds).")
        told.append(throttling(snapshot, container))
    return " ".join(filter(None, told))


def _about_name(container: PodContainer, wanted: str) -> str:
    names = [port.name for port in container.spec.ports if port.name]
    if wanted in names:
        return ""
    owner = next((o.name for o in container.pod.spec.containers if any(p.name == wanted for p in o.ports)), "")
    elsewhere = f" It is one of container {owner}, and a probe knows only its own container's." if owner else ""
    like = nearest(wanted, names)
    hint = f" Its ports are named {', '.join(names)}{f': was {like} meant?' if like else '.'}" if names else ""
    return f"The probe asks port {wanted!r}, and no port of the container has that name.{elsewhere or hint}"


def _about_port(container: PodContainer, wanted: int) -> str:
    ports = container.spec.ports
    if any(port.container_port == wanted for port in ports):
        return ""
    owner = next(
        (o.name for o in container.pod.spec.containers if any(p.container_port == wanted for p in o.ports)), ""
    )
    if owner:
        return f"The probe asks port {wanted}, which is container {owner}'s."
    declared = ", ".join(str(port.container_port) for port in ports)
    return f"The probe asks port {wanted}; the container declares {declared}." if ports else ""


def _about_listener(snapshot: Snapshot, container: PodContainer, wanted: int) -> str:
    heard = listeners(snapshot, container)
    on_wanted = [host for host, port in heard if port == wanted]
    if on_wanted:
        is_loopback = all(host in _LOOPBACK for host in on_wanted)
        return f"Its log says that it listens on {on_wanted[0]} {NO_PROBE_COMES}" if is_loopback else ""
    ports = ", ".join(str(port) for port in dict.fromkeys(port for _, port in heard))
    return f"Its log says that it listens on port {ports}." if ports else ""


def _unheard(container: PodContainer, wanted: int, message: str) -> str:
    is_declared = any(port.container_port == wanted for port in container.spec.ports)
    if not is_declared or not _REFUSED.search(message):
        return ""
    return "It listens on another port, only on 127.0.0.1, or not yet."


def listeners(snapshot: Snapshot, container: PodContainer) -> tuple[tuple[str, int], ...]:
    """(host or "", port) of each line of the container's log that says where it listens."""
    lines = (line for log in logs_of_last_life(snapshot, container) for line in log.lines)
    found = (match for line in lines if (match := _LISTENS.search(line)) is not None)
    return tuple(dict.fromkeys((match["host"] or "", int(match["port"])) for match in found))


def throttling(snapshot: Snapshot, container: PodContainer) -> str:
    """That the container uses all of its CPU limit, in a sentence; "" where that is not so, or not known."""
    metrics = snapshot.get(PodMetrics, container.pod.namespace, container.pod.name)
    usage = {item.name: item.usage for item in metrics.containers} if metrics is not None else {}
    limit = quantity_or_zero(container.spec.resources.limits.get("cpu"))
    used = quantity_or_zero(usage.get(container.name, {}).get("cpu"))
    if not limit or used < _THROTTLED * limit:
        return ""
    return f"It uses {format_cpu(used)} of its CPU limit of {format_cpu(limit)}, so it is throttled and answers late."
