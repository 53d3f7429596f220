"""Advice on pod templates: what runs, with how much, and what becomes of it when a node goes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, TemplateRule, advise_templates, all_containers, of_container
from kubeagentix.analysis.templates import Template
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.pods import Container
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import PodDisruptionBudget

ID = "lint-pods"
_DIGEST = re.compile(r"@[a-z0-9]+:[0-9a-f]{32,}$")
_BUDGETED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per workload and rule, naming all containers it is about."""
    return advise_templates(ID, snapshot, _RULES)


def _image_tag(_: Snapshot, template: Template) -> Iterator[Remark]:
    for container in all_containers(template):
        if not container.image or _DIGEST.search(container.image):
            continue
        name = container.image.rpartition("/")[2]
        tag = name.partition(":")[2]
        if tag in ("", "latest"):
            how = "has no tag" if not tag else "has the tag latest"
            yield of_container(container, "image", f"runs {container.image}, which {how}")


def _no_requests(_: Snapshot, template: Template) -> Iterator[Remark]:
    if template.spec.resources and template.spec.resources.requests:
        return
    for container in template.spec.containers:
        given = {**container.resources.limits, **container.resources.requests}
        missing = [name for name in ("cpu", "memory") if name not in given]
        if missing:
            yield of_container(container, "resources.requests", f"requests no {' and no '.join(missing)}")


def _no_limits(_: Snapshot, template: Template) -> Iterator[Remark]:
    if template.spec.resources and "memory" in template.spec.resources.limits:
        return
    for container in template.spec.containers:
        if "memory" not in container.resources.limits:
            yield of_container(container, "resources.limits", "has no memory limit")


def _no_budget(snapshot: Snapshot, template: Template) -> Iterator[Remark]:
    if template.workload.kind not in _BUDGETED or template.wanted < 2:
        return
    if snapshot.was_read(PodDisruptionBudget, template.namespace) and not _budgets(snapshot, template):
        yield Remark(seen=f"{template.wanted} replicas and no PodDisruptionBudget", locator="metadata.labels")


def _many_budgets(snapshot: Snapshot, template: Template) -> Iterator[Remark]:
    budgets = _budgets(snapshot, template)
    if len(budgets) > 1:
        names = ", ".join(sorted(item.name for item in budgets))
        yield Remark(seen=f"PodDisruptionBudgets {names} all select its pods", locator="metadata.labels")


def _budgets(snapshot: Snapshot, template: Template) -> list[PodDisruptionBudget]:
    budgets = snapshot.in_namespace(PodDisruptionBudget, template.namespace)
    return [item for item in budgets if item.spec.selector and item.spec.selector.matches(template.labels)]


def _duplicate_env(_: Snapshot, template: Template) -> Iterator[Remark]:
    for container in all_containers(template):
        for name, times in _repeated(container):
            yield of_container(container, f"env[{name}]", f"sets {name} {times} times, and the last one counts")


def _repeated(container: Container) -> Iterator[tuple[str, int]]:
    names = [variable.name for variable in container.env]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield name, names.count(name)


def _unmanaged(_: Snapshot, template: Template) -> Iterator[Remark]:
    if template.workload.kind == "Pod" and template.spec.restart_policy == "Always":
        yield Remark(seen="no controller owns the pod", locator="metadata.ownerReferences")


def _host_network_dns(_: Snapshot, template: Template) -> Iterator[Remark]:
    spec = template.spec
    if spec.host_network and spec.dns_policy in ("", "ClusterFirst"):
        yield Remark(seen=f"hostNetwork with dnsPolicy {spec.dns_policy or 'ClusterFirst'}", locator="spec.dnsPolicy")


_RULES = {
    "ImageTag": TemplateRule(
        title="an image that may change under the same name",
        why="Name a version or a digest, so that every start runs the same thing.",
        look=_image_tag,
    ),
    "NoRequests": TemplateRule(
        title="no resource requests",
        why="The scheduler cannot keep room for it, and it is evicted first.",
        look=_no_requests,
    ),
    "NoLimits": TemplateRule(
        title="no memory limit", why="A leak takes the node's memory, and its neighbours with it.", look=_no_limits
    ),
    "NoDisruptionBudget": TemplateRule(
        title="no PodDisruptionBudget", why="Draining nodes may take all replicas at once.", look=_no_budget
    ),
    "ManyDisruptionBudgets": TemplateRule(
        title="several PodDisruptionBudgets",
        why="The API server refuses to evict a pod that has more than one, so its node cannot be drained.",
        look=_many_budgets,
    ),
    "DuplicateEnv": TemplateRule(
        title="a variable set twice", why="Whoever edits the first one changes nothing.", look=_duplicate_env
    ),
    "UnmanagedPod": TemplateRule(
        title="a pod without a controller", why="Nothing makes it anew when its node fails.", look=_unmanaged
    ),
    "HostNetworkDNS": TemplateRule(
        title="no cluster DNS on the host network",
        why="It uses the node's DNS; Service names resolve only with ClusterFirstWithHostNet.",
        look=_host_network_dns,
    ),
}

plugin = AnalyzerPlugin(id=ID, title="Advice on pod templates", analyze=analyze, is_lint=True)
