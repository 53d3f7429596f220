"""What the Gateway API's objects allow each other, as its specification says: grants, listeners and their hosts."""

from __future__ import annotations

from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.meta import Condition, Resource
from kubeagentix.domain.network import Gateway, HTTPRoute, Listener, ReferenceGrant, RouteReference
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import excerpt

_HTTP = ("HTTP", "HTTPS")
# What `kubectl` is told to grant a kind of routes of one namespace the Services of another.
GRANT = """apply -f - <<EOF
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {{name: from-{source}, namespace: {place}}}
spec:
  from: [{{group: gateway.networking.k8s.io, kind: {kind}, namespace: {source}}}]
  to: [{{group: "", kind: Service}}]
EOF"""


def is_granted(snapshot: Snapshot, source: Resource, target: ResourceRef) -> bool:
    """Whether the namespace of `target` lets objects of the kind and namespace of `source` refer to it."""
    return any(
        any((item.kind, item.namespace) == (source.kind, source.namespace) for item in grant.spec.from_)
        and any(item.kind == target.kind and item.name in ("", target.name) for item in grant.spec.to)
        for grant in snapshot.in_namespace(ReferenceGrant, target.namespace)
    )


def describe_grant(grant: ReferenceGrant) -> str:
    """`ReferenceGrant x for HTTPRoute of shop to Service`: whom a grant names."""
    sources = ", ".join(f"{item.kind} of {item.namespace}" for item in grant.spec.from_)
    targets = ", ".join(f"{item.kind} {item.name}".strip() for item in grant.spec.to)
    return f"ReferenceGrant {grant.name} for {sources} to {targets}"


def refusal_of(snapshot: Snapshot, route: HTTPRoute, parent: RouteReference, gateway: Gateway) -> str:
    """Why no listener of `gateway` takes `route` by `parent`, in words; "" if one does, or may."""
    named = [item for item in gateway.spec.listeners if parent.section_name in ("", item.name)]
    if not named:
        known = ", ".join(item.name for item in gateway.spec.listeners) or "none"
        return f"it has no listener {parent.section_name} (its listeners: {known})"
    fitting = [item for item in named if parent.port in (None, item.port)]
    if not fitting:
        return f"it has no listener on port {parent.port} (its ports: {', '.join(str(item.port) for item in named)})"
    admitted = [item for item in fitting if _admits(snapshot, item, route.namespace, gateway.namespace)]
    if not admitted:
        return f"its listeners take routes of {_whom(fitting[0])} only, and not of namespace {route.namespace}"
    hosts = route.spec.hostnames
    if hosts and not any(_hosts_meet(item.hostname, host) for item in admitted for host in hosts):
        theirs = ", ".join(dict.fromkeys(item.hostname for item in admitted))
        return f"its listeners are for {theirs}, and the route for {', '.join(hosts[:3])}"
    return ""


def _admits(snapshot: Snapshot, listener: Listener, source: str, own: str) -> bool:
    allowed = listener.allowed_routes.namespaces
    if allowed.from_ == "All":
        return True
    if allowed.from_ != "Selector" or allowed.selector is None:
        return source == own
    place = snapshot.get(Namespace, "", source)
    if place is None:  # its labels are not known
        return True
    return allowed.selector.matches({"kubernetes.io/metadata.name": source, **place.metadata.labels})


def _whom(listener: Listener) -> str:
    allowed = listener.allowed_routes.namespaces
    if allowed.from_ != "Selector" or allowed.selector is None:
        return "their own namespace"
    labels = ", ".join(f"{key}={value}" for key, value in sorted(allowed.selector.match_labels.items()))
    return f"namespaces labelled {labels or 'otherwise'}"


def _hosts_meet(left: str, right: str) -> bool:
    """Whether two host names, either of which may be a wildcard (of any depth) or empty, have one in common."""
    if not left or not right or left == right:
        return True
    pairs = ((left, right), (right, left))
    return any(wild.startswith("*.") and other.endswith(wild[1:]) for wild, other in pairs)


def listener_conflicts(gateway: Gateway) -> dict[str, str]:
    """Listener → the other of the same port with which it conflicts, in words, by their spec alone."""
    found: dict[str, str] = {}
    for index, later in enumerate(gateway.spec.listeners):
        for earlier in gateway.spec.listeners[:index]:
            if earlier.port != later.port:
                continue
            if earlier.protocol == later.protocol and earlier.hostname == later.hostname:
                found[later.name] = f"listener {earlier.name} has the same port, protocol and hostname"
            elif earlier.protocol != later.protocol and {earlier.protocol, later.protocol} == set(_HTTP):
                found[later.name] = f"listener {earlier.name} speaks {earlier.protocol} on the same port {later.port}"
    return found


def condition_evidence(ref: ResourceRef, item: Condition, place: str = "status.conditions") -> Evidence:
    """A condition as evidence."""
    return Evidence.of(
        ref,
        "status",
        f"{item.type} is {item.status}: {item.reason}",
        excerpt=excerpt(item.message, 600),
        locator=f"{place}[{item.type}]",
        observed_at=item.last_transition_time,
    )
