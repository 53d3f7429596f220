"""Advice on probes: who is never asked, and who is asked at a port that moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, TemplateRule, advise_templates, of_container
from kubeagentix.analysis.templates import Template
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.pods import Container, Probe
from kubeagentix.domain.snapshot import Snapshot

ID = "lint-probes"
_LONG_RUNNING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per workload and rule, naming all containers it is about."""
    return advise_templates(ID, snapshot, _RULES)


def _probes(container: Container) -> dict[str, Probe]:
    found = {
        "readinessProbe": container.readiness_probe,
        "livenessProbe": container.liveness_probe,
        "startupProbe": container.startup_probe,
    }
    return {name: probe for name, probe in found.items() if probe is not None}


def _none(_: Snapshot, template: Template) -> Iterator[Remark]:
    for container in _long_running(template):
        if not _probes(container):
            yield of_container(container, "readinessProbe", "has no probe")


def _no_readiness(_: Snapshot, template: Template) -> Iterator[Remark]:
    for container in _long_running(template):
        probes = _probes(container)
        if probes and "readinessProbe" not in probes and container.ports:
            yield of_container(container, "readinessProbe", "has ports and no readiness probe")


def _no_liveness(_: Snapshot, template: Template) -> Iterator[Remark]:
    for container in _long_running(template):
        probes = _probes(container)
        if probes and "livenessProbe" not in probes:
            yield of_container(container, "livenessProbe", "has no liveness probe")


def _port_number(_: Snapshot, template: Template) -> Iterator[Remark]:
    """Probes by number where the port has a name, so that the name would do."""
    for container in template.spec.containers:
        named = {port.container_port: port.name for port in container.ports if port.name}
        for name, probe in _probes(container).items():
            if isinstance(probe.port, int) and probe.port in named:
                words = f"has a {name} of port {probe.port}, which is named {named[probe.port]}"
                yield of_container(container, f"{name}.port", words)


def _long_running(template: Template) -> tuple[Container, ...]:
    return template.spec.containers if template.workload.kind in _LONG_RUNNING else ()


_RULES = {
    "NoProbes": TemplateRule(
        title="no probes", why="Without a readiness probe traffic comes before the process can take it.", look=_none
    ),
    "NoReadinessProbe": TemplateRule(
        title="no readiness probe",
        why="Traffic comes as soon as the process is there, ready or not.",
        look=_no_readiness,
    ),
    "NoLivenessProbe": TemplateRule(
        title="no liveness probe",
        why="A process that hangs is not restarted; leave it so if nothing but an exit can go wrong.",
        look=_no_liveness,
    ),
    "ProbePortNumber": TemplateRule(
        title="a probe names its port by number",
        why="Name it, so that both stay the same when the port changes.",
        look=_port_number,
    ),
}

plugin = AnalyzerPlugin(id=ID, title="Advice on probes", analyze=analyze, is_lint=True)
