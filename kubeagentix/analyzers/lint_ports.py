"""Advice on container ports: names, and numbers that two containers want."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, TemplateRule, advise_templates, of_container
from kubeagentix.analysis.templates import Template
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.snapshot import Snapshot

ID = "lint-ports"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per workload and rule, naming all containers it is about."""
    return advise_templates(ID, snapshot, _RULES)


def _unnamed(_: Snapshot, template: Template) -> Iterator[Remark]:
    for container in template.spec.containers:
        numbers = [str(port.container_port) for port in container.ports if not port.name]
        if numbers:
            yield of_container(container, "ports", f"has ports without a name: {', '.join(numbers)}")


def _claimed_twice(_: Snapshot, template: Template) -> Iterator[Remark]:
    """A pod's containers share one address, so one port can have one listener."""
    owners: dict[tuple[int, str], list[str]] = defaultdict(list)
    for container in template.spec.containers:
        for port in container.ports:
            owners[(port.container_port, port.protocol or "TCP")].append(container.name)
    for (number, protocol), names in owners.items():
        if len(names) > 1:
            who = " and ".join(dict.fromkeys(names))
            times = f"{len(names)} times" if len(set(names)) == 1 else "each"
            yield Remark(seen=f"port {number}/{protocol} is declared by {who} {times}", locator=f"ports[{number}]")


def _host_port(_: Snapshot, template: Template) -> Iterator[Remark]:
    if template.spec.host_network:
        return
    for container in template.spec.containers:
        numbers = [str(port.host_port) for port in container.ports if port.host_port]
        if numbers:
            yield of_container(container, "ports[].hostPort", f"takes ports of its node: {', '.join(numbers)}")


_RULES = {
    "UnnamedPort": TemplateRule(
        title="ports without a name",
        why="Services and probes can then name the port only by its number.",
        look=_unnamed,
    ),
    "DuplicateContainerPort": TemplateRule(
        title="a port that is declared twice",
        why="Containers of a pod share its address: the second to listen there fails.",
        look=_claimed_twice,
    ),
    "HostPort": TemplateRule(
        title="ports of the node", why="Each node has room for one such pod, and a Service would do.", look=_host_port
    ),
}

plugin = AnalyzerPlugin(id=ID, title="Advice on container ports", analyze=analyze, is_lint=True)
