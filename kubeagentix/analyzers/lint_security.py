"""Advice on what containers may do to their node, and to one another.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, TemplateRule, advise_templates, all_containers, of_container
from kubeagentix.analysis.templates import Template
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.pods import Container, SecurityContext
from kubeagentix.domain.snapshot import Snapshot

ID = "lint-security"
# What the Baseline standard lets a container add, as these are in the runtimes' default set.
_HARMLESS = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per workload and rule, naming all containers it is about."""
    return advise_templates(ID, snapshot, _RULES)


def _runs_as_root(_: Snapshot, template: Template) -> Iterator[Remark]:
    pod = template.spec.security_context
    for container in all_containers(template):
        if _has_no_context(template, container):
            continue
        own = container.security_context
        user = own.run_as_user if own and own.run_as_user is not None else pod.run_as_user if pod else None
        never = own.run_as_non_root if own and own.run_as_non_root is not None else pod.run_as_non_root if pod else None
        if user == 0:
            yield of_container(container, "securityContext.runAsUser", "runs as user 0")
        elif user is None and not never:
            yield of_container(container, "securityContext.runAsNonRoot", "may run as root, if its image says so")


def _has_no_context(template: Template, container: Container) -> bool:
    """Whether neither it nor its pod says anything; the server gives every pod an empty context."""
    return container.security_context is None and template.spec.security_context in (None, SecurityContext())


def _no_context(_: Snapshot, template: Template) -> Iterator[Remark]:
    for container in all_containers(template):
        if _has_no_context(template, container):
            yield of_container(container, "securityContext", "has no securityContext")


def _privileged(_: Snapshot, template: Template) -> Iterator[Remark]:
    for container in all_containers(template):
        if container.security_context and container.security_context.privileged:
            yield of_container(container, "securityContext.privileged", "is privileged")


def _escalation(_: Snapshot, template: Template) -> Iterator[Remark]:
    for container in all_containers(template):
        if container.security_context and container.security_context.allow_privilege_escalation:
            field = "securityContext.allowPrivilegeEscalation"
            yield of_container(container, field, "allows privilege escalation")


def _capabilities(_: Snapshot, template: Template) -> Iterator[Remark]:
    for container in all_containers(template):
        own = container.security_context
        added = own.capabilities.add if own and own.capabilities else ()
        names = [name for name in added if name.upper().removeprefix("CAP_") not in _HARMLESS]
        if names:
            yield of_container(container, "securityContext.capabilities.add", f"adds {', '.join(names)}")


def _host_namespaces(_: Snapshot, template: Template) -> Iterator[Remark]:
    spec = template.spec
    fields = {"hostNetwork": spec.host_network, "hostPID": spec.host_pid, "hostIPC": spec.host_ipc}
    yield from (Remark(seen=f"{name} is true", locator=f"spec.{name}") for name, is_set in fields.items() if is_set)


def _host_path(_: Snapshot, template: Template) -> Iterator[Remark]:
    for volume in template.spec.volumes:
        if volume.host_path is not None:
            seen = f"volume {volume.name} is {volume.host_path.path} of the node"
            yield Remark(seen=seen, locator=f"volumes[{volume.name}].hostPath")


_RULES = {
    "RunsAsRoot": TemplateRule(title="may run as root", why="Set runAsNonRoot: true and a user.", look=_runs_as_root),
    "NoSecurityContext": TemplateRule(
        title="no securityContext",
        why="It runs as root if its image says so, writes its file system and keeps capabilities.",
        look=_no_context,
    ),
    "Privileged": TemplateRule(
        title="privileged containers", why="A privileged container is root on the node.", look=_privileged
    ),
    "PrivilegeEscalation": TemplateRule(
        title="privilege escalation",
        why="A program with a set-uid bit becomes root; set allowPrivilegeEscalation: false.",
        look=_escalation,
    ),
    "Capabilities": TemplateRule(
        title="added capabilities", why="Each is a part of root's power over the node.", look=_capabilities
    ),
    "HostNamespaces": TemplateRule(
        title="namespaces of the node",
        why="It sees the node's network, processes or memory, past every NetworkPolicy.",
        look=_host_namespaces,
    ),
    "HostPath": TemplateRule(
        title="directories of the node",
        why="What it writes stays on the node, and what it reads there is not its own.",
        look=_host_path,
    ),
}

plugin = AnalyzerPlugin(id=ID, title="Advice on what containers may do", analyze=analyze, is_lint=True)
