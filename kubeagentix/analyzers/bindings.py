"""Bindings whose Role does not exist, so that they give nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl, rbac
from kubeagentix.analysis.containers import keeps_ending, restless_containers
from kubeagentix.analysis.shortfall import is_older_than
from kubeagentix.analysis.spelling import nearest
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.access import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.snapshot import Snapshot

ID = "bindings"
SETTLING_S = 30.0  # what is applied together is there within seconds


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """Advice, but a warning where pods fail that run as a ServiceAccount which the binding was to give something."""
    bindings: tuple[rbac.Binding, ...] = (*snapshot.all(RoleBinding), *snapshot.all(ClusterRoleBinding))
    for binding in bindings:
        role = rbac.role_ref(snapshot, binding)
        kind: type[Role | ClusterRole] = Role if role.kind == Role.kind else ClusterRole
        is_old = is_older_than(binding.metadata.creation_timestamp, SETTLING_S, snapshot.taken_at)
        if is_old and snapshot.lacks(role):
            near = nearest(role.name, (item.name for item in snapshot.all(kind) if item.namespace == role.namespace))
            yield _finding(snapshot, binding, role, near)


def _finding(snapshot: Snapshot, binding: rbac.Binding, role: ResourceRef, near: str) -> Finding:
    ref = snapshot.ref(binding)
    failing = tuple(dict.fromkeys(_failing(snapshot, binding)))
    hint = f" The nearest there is {near}." if near else ""
    return Finding.of(
        analyzer=ID,
        # With the reason that a refusal in a log gets, so that both are one finding where both are there.
        reason="Forbidden/RoleNotFound" if failing else "RoleNotFound",
        ref=ref,
        title=f"{ref} gives the {role.kind} {role.name}, which does not exist",
        severity=Severity.WARNING if failing else Severity.INFO,
        confidence=0.5 if failing else 0.9,
        cause=f"Nobody gets any right from it.{hint}"
        + (f" {', '.join(map(str, failing[:3]))} may fail for want of them." if failing else ""),
        evidence=(Evidence.of(ref, "spec", f"roleRef: {role.kind} {role.name}", locator="roleRef"),),
        remedies=(
            kubectl.describe(ref),
            kubectl.read("See which roles there are", f"get {role.kind.lower()}s", role.namespace),
        ),
        points_at=(role,),
        explains=failing,
    )


def _failing(snapshot: Snapshot, binding: rbac.Binding) -> Iterator[ResourceRef]:
    """The workloads that keep ending and whose pods run as a ServiceAccount of the binding."""
    accounts = {(item.namespace, item.name) for item in rbac.subjects_of(binding) if item.kind == "ServiceAccount"}
    for container in restless_containers(snapshot) if accounts else ():
        account = (container.pod.namespace, container.pod.spec.service_account_name or "default")
        if account in accounts and keeps_ending(container, snapshot.taken_at):
            yield snapshot.workload_of(container.pod)


plugin = AnalyzerPlugin(id=ID, title="Bindings that give nothing", analyze=analyze)
