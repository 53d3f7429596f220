"""Advice on ServiceAccounts: tokens where nobody asked for one, and rights that too many get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, TemplateRule, advice, advise_templates
from kubeagentix.analysis.templates import Template, templates
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.access import ClusterRoleBinding, RoleBinding
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ServiceAccount

ID = "lint-accounts"
_DEFAULT = ("", "default")
_ALL_OF = "system:serviceaccounts:"  # the group of all accounts of the namespace named behind it
Binding = RoleBinding | ClusterRoleBinding


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per workload and rule, and one per binding or account."""
    yield from advise_templates(ID, snapshot, _RULES)
    for binding in _bindings(snapshot):
        yield from _bound_default(snapshot, binding)
    yield from _unused(snapshot)


def _bindings(snapshot: Snapshot) -> tuple[Binding, ...]:
    return (*snapshot.all(RoleBinding), *snapshot.all(ClusterRoleBinding))


def _bound(snapshot: Snapshot) -> frozenset[tuple[str, str]]:
    """(namespace, name) of every account that a binding names; an empty name stands for all of the namespace."""
    return frozenset(
        place
        for binding in _bindings(snapshot)
        for subject in binding.subjects
        for place in (
            (subject.namespace or binding.namespace, subject.name) if subject.kind == "ServiceAccount" else None,
            (subject.name.removeprefix(_ALL_OF), "") if subject.name.startswith(_ALL_OF) else None,
        )
        if place is not None
    )


def _has_no_binding(snapshot: Snapshot, namespace: str, name: str) -> bool:
    """Whether no binding names that account, as far as bindings were read."""
    if not all(snapshot.was_read(kind, namespace) for kind in (RoleBinding, ClusterRoleBinding)):
        return False
    return snapshot.derived(_bound).isdisjoint({(namespace, name), (namespace, "")})


def _mounts_token(snapshot: Snapshot, template: Template) -> bool:
    """What the pod says counts; if it says nothing, what its account says; else yes."""
    own = template.spec.automount_service_account_token
    if own is not None:
        return own
    account = snapshot.get(ServiceAccount, template.namespace, template.spec.service_account_name or "default")
    return account is None or account.automount_service_account_token is not False


def _default_account(snapshot: Snapshot, template: Template) -> Iterator[Remark]:
    if template.spec.service_account_name in _DEFAULT and _mounts_token(snapshot, template):
        yield Remark(seen="the token of ServiceAccount default is mounted", locator="spec.serviceAccountName")


def _idle_token(snapshot: Snapshot, template: Template) -> Iterator[Remark]:
    name = template.spec.service_account_name
    is_idle = name not in _DEFAULT and _has_no_binding(snapshot, template.namespace, name)
    if is_idle and _mounts_token(snapshot, template):
        seen = f"the token of ServiceAccount {name} is mounted, which no binding gives a right"
        yield Remark(seen=seen, locator="spec.automountServiceAccountToken")


def _bound_default(snapshot: Snapshot, binding: Binding) -> Iterator[Finding]:
    remarks = [
        Remark(seen=f"ServiceAccount {item.namespace or binding.namespace}/default is a subject", locator="subjects")
        for item in binding.subjects
        if item.kind == "ServiceAccount" and item.name == "default"
    ]
    if remarks:
        why = "Every pod of the namespace that names no account of its own gets these rights."
        yield advice(
            ID,
            "DefaultServiceAccountBound",
            snapshot.ref(binding),
            title="rights for every pod",
            why=why,
            remarks=remarks,
        )


def _unused(snapshot: Snapshot) -> Iterator[Finding]:
    used = {(item.namespace, item.spec.service_account_name) for item in templates(snapshot)}
    for account in snapshot.all(ServiceAccount):
        is_named = account.name == "default" or (account.namespace, account.name) in used
        is_owned = account.metadata.owner_references != ()
        if not is_named and not is_owned and _has_no_binding(snapshot, account.namespace, account.name):
            remark = Remark(seen="no pod template and no binding names it", locator="metadata.name")
            title, why = "nobody uses it", "What nobody uses need not exist."
            yield advice(ID, "UnusedServiceAccount", snapshot.ref(account), title=title, why=why, remarks=[remark])


_RULES = {
    "DefaultServiceAccount": TemplateRule(
        title="the default ServiceAccount's token",
        why="Give it an account of its own, or set automountServiceAccountToken: false.",
        look=_default_account,
    ),
    "TokenMounted": TemplateRule(
        title="a token that is good for nothing",
        why="Whoever breaks in can ask the API as that account; set automountServiceAccountToken: false.",
        look=_idle_token,
    ),
}

plugin = AnalyzerPlugin(id=ID, title="Advice on ServiceAccounts", analyze=analyze, is_lint=True)
