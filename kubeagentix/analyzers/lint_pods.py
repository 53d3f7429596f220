"""Advice on pod templates: nothing here is broken, but each rule has been behind an outage somewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.templates import Template, templates
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.pods import Container
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import PodDisruptionBudget

ID = "lint-pods"
_DIGEST = re.compile(r"@[a-z0-9]+:[0-9a-f]{32,}$")
_BUDGETED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
_LONG_RUNNING = (*_BUDGETED, "DaemonSet")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remark:
    """What a rule has to say of a template: what was seen, where, and the field it is about."""

    seen: str
    locator: str


Rule = Callable[[Snapshot, Template], Iterable[_Remark]]


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per workload and rule, naming all containers it is about."""
    for template in templates(snapshot):
        for reason, (title, advice, rule) in _RULES.items():
            remarks = tuple(rule(snapshot, template))
            if remarks:
                yield _finding(template, reason, title, advice, remarks)


def _finding(template: Template, reason: str, title: str, advice: str, remarks: tuple[_Remark, ...]) -> Finding:
    workload = template.workload
    return Finding.of(
        analyzer=ID,
        reason=f"Lint/{reason}",
        ref=workload,
        title=f"{workload}: {title}",
        severity=Severity.INFO,
        confidence=0.9,
        cause=f"{'; '.join(remark.seen for remark in remarks)}. {advice}",
        evidence=tuple(Evidence.of(workload, "spec", remark.seen, locator=remark.locator) for remark in remarks),
        remedies=(kubectl.read("See the spec", f"get {kubectl.arguments(workload)} -o yaml"),),
    )


def _of_container(container: Container, field: str, seen: str) -> _Remark:
    return _Remark(seen=f"container {container.name} {seen}", locator=f"containers[{container.name}].{field}")


def _all(template: Template) -> tuple[Container, ...]:
    return (*template.spec.init_containers, *template.spec.containers)


def _image_tag(_: Snapshot, template: Template) -> Iterator[_Remark]:
    for container in _all(template):
        if not container.image or _DIGEST.search(container.image):
            continue
        name = container.image.rpartition("/")[2]
        tag = name.partition(":")[2]
        if tag in ("", "latest"):
            how = "has no tag" if not tag else "has the tag latest"
            yield _of_container(container, "image", f"runs {container.image}, which {how}")


def _no_probes(_: Snapshot, template: Template) -> Iterator[_Remark]:
    if template.workload.kind not in _LONG_RUNNING:
        return
    for container in template.spec.containers:
        if container.readiness_probe is None and container.liveness_probe is None and container.startup_probe is None:
            yield _of_container(container, "readinessProbe", "has no probe")


def _no_requests(_: Snapshot, template: Template) -> Iterator[_Remark]:
    if template.spec.resources and template.spec.resources.requests:
        return
    for container in template.spec.containers:
        given = {**container.resources.limits, **container.resources.requests}
        missing = [name for name in ("cpu", "memory") if name not in given]
        if missing:
            yield _of_container(container, "resources.requests", f"requests no {' and no '.join(missing)}")


def _no_limits(_: Snapshot, template: Template) -> Iterator[_Remark]:
    if template.spec.resources and "memory" in template.spec.resources.limits:
        return
    for container in template.spec.containers:
        if "memory" not in container.resources.limits:
            yield _of_container(container, "resources.limits", "has no memory limit")


def _runs_as_root(_: Snapshot, template: Template) -> Iterator[_Remark]:
    pod = template.spec.security_context
    for container in _all(template):
        own = container.security_context
        user = own.run_as_user if own and own.run_as_user is not None else pod.run_as_user if pod else None
        never = own.run_as_non_root if own and own.run_as_non_root is not None else pod.run_as_non_root if pod else None
        if user == 0:
            yield _of_container(container, "securityContext.runAsUser", "runs as user 0")
        elif user is None and not never:
            yield _of_container(container, "securityContext.runAsNonRoot", "may run as root, if its image says so")


def _privileged(_: Snapshot, template: Template) -> Iterator[_Remark]:
    for container in _all(template):
        if container.security_context and container.security_context.privileged:
            yield _of_container(container, "securityContext.privileged", "is privileged")


def _default_account(_: Snapshot, template: Template) -> Iterator[_Remark]:
    spec = template.spec
    if spec.service_account_name in ("", "default") and spec.automount_service_account_token is not False:
        yield _Remark(seen="the token of ServiceAccount default is mounted", locator="spec.serviceAccountName")


def _no_budget(snapshot: Snapshot, template: Template) -> Iterator[_Remark]:
    if template.workload.kind not in _BUDGETED or template.wanted < 2:
        return
    if not snapshot.was_read(PodDisruptionBudget, template.namespace):
        return
    budgets = snapshot.in_namespace(PodDisruptionBudget, template.namespace)
    if not any(item.spec.selector and item.spec.selector.matches(template.labels) for item in budgets):
        yield _Remark(seen=f"{template.wanted} replicas and no PodDisruptionBudget", locator="metadata.labels")


def _duplicate_env(_: Snapshot, template: Template) -> Iterator[_Remark]:
    for container in _all(template):
        counts = Counter(env.name for env in container.env)
        for name, count in counts.items():
            if count > 1:
                yield _of_container(container, "env", f"sets {name} {count} times")


def _unmanaged(_: Snapshot, template: Template) -> Iterator[_Remark]:
    if template.workload.kind == "Pod" and template.spec.restart_policy == "Always":
        yield _Remark(seen="no controller owns the pod", locator="metadata.ownerReferences")


def _host_network_dns(_: Snapshot, template: Template) -> Iterator[_Remark]:
    spec = template.spec
    if spec.host_network and spec.dns_policy in ("", "ClusterFirst"):
        yield _Remark(seen=f"hostNetwork with dnsPolicy {spec.dns_policy or 'ClusterFirst'}", locator="spec.dnsPolicy")


_RULES: dict[str, tuple[str, str, Rule]] = {
    "ImageTag": (
        "an image that may change under the same name",
        "Name a version or a digest, so that every start runs the same thing.",
        _image_tag,
    ),
    "NoProbes": (
        "no probes",
        "Without a readiness probe traffic comes before the process can take it.",
        _no_probes,
    ),
    "NoRequests": (
        "no resource requests",
        "The scheduler cannot keep room for it, and it is evicted first.",
        _no_requests,
    ),
    "NoLimits": ("no memory limit", "A leak takes the node's memory, and its neighbours with it.", _no_limits),
    "RunsAsRoot": ("may run as root", "Set runAsNonRoot: true and a user.", _runs_as_root),
    "Privileged": ("privileged containers", "A privileged container is root on the node.", _privileged),
    "DefaultServiceAccount": (
        "the default ServiceAccount's token",
        "Give it an account of its own, or set automountServiceAccountToken: false.",
        _default_account,
    ),
    "NoDisruptionBudget": (
        "no PodDisruptionBudget",
        "Draining nodes may take all replicas at once.",
        _no_budget,
    ),
    "DuplicateEnv": ("a variable set twice", "Only the last one counts.", _duplicate_env),
    "UnmanagedPod": ("a pod without a controller", "Nothing makes it anew when its node fails.", _unmanaged),
    "HostNetworkDNS": (
        "no cluster DNS on the host network",
        "It uses the node's DNS; Service names resolve only with ClusterFirstWithHostNet.",
        _host_network_dns,
    ),
}

plugin = AnalyzerPlugin(id=ID, title="Advice on pod templates", analyze=analyze, is_lint=True)
