"""Why RBAC refuses a request, and on which object that is mended.

Tried in this order: a binding whose role does not exist; a role that is bound and lacks only a detail; a role that
is bound, but somewhere else; a role that would do and is bound to somebody like the one who asks; a role that is
bound and says nothing of the matter; nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubeagentix.analysis import rbac
from kubeagentix.analysis.near_rules import NEARNESS, NearRule, nearest_rule
from kubeagentix.analysis.rbac import AnyRole, Binding, Request
from kubeagentix.analysis.selectors import is_one_slip
from kubeagentix.analysis.spelling import nearest
from kubeagentix.domain.access import ClusterRole, Role, RoleBinding, Subject
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ServiceAccount

_OWN_LABEL = ("kubernetes.io/bootstrapping", "rbac-defaults")  # what the API server puts back as it was
_EVERYBODY = ("system:authenticated", "system:unauthenticated", "system:serviceaccounts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Why a request is refused. `reason` refines `Forbidden`; `ref` is where it is mended; `words` are a sentence.

    `involved` are the other objects it was read from.
    """

    reason: str
    ref: ResourceRef
    words: str
    involved: tuple[ResourceRef, ...] = ()
    confidence: float = 0.9
    role: ResourceRef | None = None  # the role that allows it, or that is to
    binding: ResourceRef | None = None
    rule: int | None = None  # the place of the rule that comes nearest
    likely: str = ""  # the name that was meant
    account: str = ""  # the ServiceAccount that the pod should use instead
    is_of_pod: bool = False  # mended in the workload that asks, not in RBAC


def lack_of(snapshot: Snapshot, request: Request) -> Lack | None:
    """Why RBAC refuses the request, or None where by now it allows it."""
    return snapshot.derived(_lack_of, request)


def _lack_of(snapshot: Snapshot, request: Request) -> Lack | None:
    if rbac.is_allowed(snapshot, request):
        return None
    if request.user == rbac.ANONYMOUS:
        return _without_token(request)
    own = [item for item in rbac.bindings_in(snapshot, request.namespace) if _is_own(item, request)]
    found = _missing_role(snapshot, own, request) or _near(snapshot, own, request)
    if found is not None:
        return found
    if not rbac.was_read(snapshot, request.namespace):
        return _unread(snapshot, request)
    return (
        _elsewhere(snapshot, request)
        or _wrong_subject(snapshot, request)
        or _silent_role(snapshot, own, request)
        or _unbound(snapshot, request)
    )


def _without_token(request: Request) -> Lack:
    """No right is missing, but who asks: a pod without its token, or a client that does not send it."""
    return Lack(
        reason="Anonymous",
        ref=ResourceRef(kind="User", name=request.user),
        words="the request bore no valid token: see automountServiceAccountToken, and whether the client sends it",
        is_of_pod=True,
    )


def _is_own(binding: Binding, request: Request) -> bool:
    """Whether a binding is made for the user, and not for everybody."""
    return any(rbac.is_subject(item, request) and item.name not in _EVERYBODY for item in rbac.subjects_of(binding))


def who(snapshot: Snapshot, request: Request) -> ResourceRef:
    """Who asks: a ServiceAccount, or a user by name."""
    account = request.account
    return snapshot.named("ServiceAccount", *account) if account else ResourceRef(kind="User", name=request.user)


def _missing_role(snapshot: Snapshot, bindings: list[Binding], request: Request) -> Lack | None:
    for binding in bindings:
        role = rbac.role_ref(snapshot, binding)
        kind = Role if role.kind == Role.kind else ClusterRole
        if not snapshot.lacks(role):
            continue
        names = [item.name for item in snapshot.all(kind) if item.namespace == role.namespace]
        likely = nearest(role.name, names)
        return Lack(
            reason="RoleNotFound",
            ref=snapshot.ref(binding),
            words=f"{snapshot.ref(binding)} gives {who(snapshot, request)} the {role.kind} {role.name}, "
            f"which does not exist{_instead(snapshot, role, likely)}",
            confidence=0.95,
            role=role,
            binding=snapshot.ref(binding),
            likely=likely,
        )
    return None


def _instead(snapshot: Snapshot, role: ResourceRef, likely: str) -> str:
    if likely:
        return f"; there is a {role.kind} {likely}"
    kinds: tuple[type[Role | ClusterRole], ...] = (Role, ClusterRole)
    others = [item for kind in kinds for item in snapshot.all(kind) if item.name == role.name]
    return f"; there is a {snapshot.ref(others[0])}" if others else ""


def _near(snapshot: Snapshot, bindings: list[Binding], request: Request) -> Lack | None:
    """A role that is bound to the user and lacks only a detail."""
    found: list[tuple[NearRule, Binding, AnyRole]] = []
    for binding in bindings:
        role = rbac.role_of(snapshot, binding)
        rule = nearest_rule(role.rules, request) if role is not None else None
        if role is not None and rule is not None:
            found.append((rule, binding, role))
    if not found:
        return None
    rule, binding, role = min(found, key=lambda item: (NEARNESS.index(item[0].amiss), _is_kept(item[2])))
    return Lack(
        reason=rule.amiss,
        ref=_mended_at(snapshot, binding, role),
        words=f"{snapshot.ref(role)} {rule.words}",
        involved=(snapshot.ref(binding), snapshot.ref(role)),
        confidence=0.95,
        role=snapshot.ref(role),
        binding=snapshot.ref(binding),
        rule=rule.index,
    )


def _is_kept(role: AnyRole) -> bool:
    """Whether the control plane keeps the role as it is, so that a change to its rules would not last."""
    is_aggregated = isinstance(role, ClusterRole) and role.aggregation_rule is not None
    return _comes_with_cluster(role) or is_aggregated


def _comes_with_cluster(item: AnyRole | Binding) -> bool:
    key, value = _OWN_LABEL
    return item.metadata.labels.get(key) == value


def _mended_at(snapshot: Snapshot, binding: Binding, role: AnyRole) -> ResourceRef:
    return snapshot.ref(binding if _is_kept(role) else role)


def _unread(snapshot: Snapshot, request: Request) -> Lack:
    """What is known where RBAC could not be read: that it was refused."""
    account = who(snapshot, request)
    there = request.namespace and not snapshot.covers(request.namespace)
    return Lack(
        reason="",
        ref=account,
        words=f"no rule that could be read lets {account} {request.verb} {request.what} {request.place}; "
        "Roles and bindings there could not all be read",
        # A reference to that namespace makes it read as well, if it may be.
        involved=(snapshot.named("RoleBinding", request.namespace, account.name),) if there else (),
        confidence=0.7,
    )


def _elsewhere(snapshot: Snapshot, request: Request) -> Lack | None:
    """A role that the user has in a namespace, while the request is for another one or for the whole cluster."""
    for binding in snapshot.all(RoleBinding):
        if binding.namespace == request.namespace or not _is_own(binding, request):
            continue
        role = rbac.role_of(snapshot, binding)
        if rbac.role_allows(role, request):
            ref = snapshot.ref(binding)
            return Lack(
                reason="WrongNamespace" if request.namespace else "NamespaceOnly",
                ref=ref,
                words=f"{ref} gives it in namespace {binding.namespace} only, and the request is for "
                f"{f'namespace {request.namespace}' if request.namespace else 'all namespaces'}",
                role=rbac.role_ref(snapshot, binding),
                binding=ref,
            )
    return None


def _wrong_subject(snapshot: Snapshot, request: Request) -> Lack | None:
    """A role that would do, bound where it counts, but to somebody like the one who asks."""
    if request.account is None:
        return None
    for binding in sorted(rbac.bindings_in(snapshot, request.namespace), key=lambda item: not item.namespace):
        if _comes_with_cluster(binding) or not rbac.role_allows(rbac.role_of(snapshot, binding), request):
            continue
        for subject in rbac.subjects_of(binding):
            if _is_alike(snapshot, binding, subject, request):
                return _misbound(snapshot, binding, subject, request)
    return None


def _misbound(snapshot: Snapshot, binding: Binding, subject: Subject, request: Request) -> Lack:
    ref, role, account = snapshot.ref(binding), rbac.role_ref(snapshot, binding), who(snapshot, request)
    place = f"{subject.namespace}/" if subject.kind == "ServiceAccount" else ""
    is_meant_for_pod = (
        account.name == "default" and snapshot.get(ServiceAccount, account.namespace, subject.name) is not None
    )
    return Lack(
        reason="WrongServiceAccount" if is_meant_for_pod else "WrongSubject",
        ref=ref,
        words=f"{ref} binds {role.kind} {role.name}, which allows it, to {subject.kind} {place}{subject.name}; "
        f"the pod uses {account}",
        role=role,
        binding=ref,
        account=subject.name if is_meant_for_pod else "",
        is_of_pod=is_meant_for_pod,
    )


def _is_alike(snapshot: Snapshot, binding: Binding, subject: Subject, request: Request) -> bool:
    """Whether a subject was most likely meant to be the ServiceAccount that asks."""
    assert request.account is not None
    namespace, name = request.account
    if subject.kind != "ServiceAccount":
        return not subject.name.startswith("system:") and subject.name.rpartition(":")[2] == name != "default"
    if subject.namespace != namespace:
        # Accounts of several namespaces have one name; of a binding for all of them, only one that leads nowhere tells.
        is_here = binding.namespace != "" and name != "default"
        return subject.name == name and (is_here or _is_gone(snapshot, subject))
    is_there = snapshot.get(ServiceAccount, namespace, subject.name) is not None
    if not is_there and snapshot.was_read(ServiceAccount, namespace, name=subject.name):
        return True
    is_idle = not _is_used(snapshot, namespace, subject.name)
    like_name = is_one_slip(subject.name, name) or name in (binding.name, binding.role_ref.name)
    return is_idle and (subject.name == "default" or like_name or name == "default")


def _is_gone(snapshot: Snapshot, subject: Subject) -> bool:
    """Whether a ServiceAccount does not exist, or its whole namespace does not."""
    place = subject.namespace
    if snapshot.lacks(snapshot.named(Namespace.kind, "", place)):
        return True
    return snapshot.lacks(snapshot.named(ServiceAccount.kind, place, subject.name))


def _is_used(snapshot: Snapshot, namespace: str, account: str) -> bool:
    return any(
        (pod.spec.service_account_name or "default") == account
        for pod in snapshot.in_namespace(Pod, namespace)
        if not pod.is_finished
    )


def _silent_role(snapshot: Snapshot, bindings: list[Binding], request: Request) -> Lack | None:
    """A role that is bound to the user and does not speak of the resource at all."""
    found = [(binding, role) for binding in bindings if (role := rbac.role_of(snapshot, binding)) is not None]
    if not found:
        return None
    binding, role = min(found, key=lambda item: (_is_kept(item[1]), not item[0].namespace, item[1].name))
    return Lack(
        reason="MissingRule",
        ref=_mended_at(snapshot, binding, role),
        words=f"{snapshot.ref(role)}, bound by {snapshot.ref(binding)}, has no rule for {request.what}",
        involved=(snapshot.ref(binding),),
        role=snapshot.ref(role),
        binding=snapshot.ref(binding),
    )


def _unbound(snapshot: Snapshot, request: Request) -> Lack:
    account = who(snapshot, request)
    role = next(_roles_that_would_do(snapshot, request), None)
    would = f"; {snapshot.ref(role)} would allow it and is not bound to it" if role is not None else ""
    return Lack(
        reason="NoBinding",
        ref=account,
        words=f"no RoleBinding or ClusterRoleBinding gives {account} any right {request.place}{would}",
        role=snapshot.ref(role) if role is not None else None,
    )


def _roles_that_would_do(snapshot: Snapshot, request: Request) -> Iterator[AnyRole]:
    """Roles of the namespace and ClusterRoles of one's own making; those that come with a cluster allow too much."""
    yield from (item for item in snapshot.in_namespace(Role, request.namespace) if rbac.role_allows(item, request))
    for role in snapshot.all(ClusterRole):
        if not _is_kept(role) and not role.name.startswith("system:") and rbac.role_allows(role, request):
            yield role
