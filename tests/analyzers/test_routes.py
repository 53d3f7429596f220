"""Routes: who takes them, and where they lead."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.routes import analyze
from kubeagentix.domain.diagnosis import Finding, Gap
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
SERVICE = "kind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}"
POD = """
kind: Pod
metadata: {name: web-a, labels: {app: web}}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
"""


def condition(kind: str, status: str, reason: str, at: str = LONG_AGO) -> str:
    return f'{{type: {kind}, status: "{status}", reason: {reason}, message: "because", lastTransitionTime: "{at}"}}'


def gateway(listeners: str = "{name: http, port: 80}") -> str:
    return f"kind: Gateway\nmetadata: {{name: edge}}\nspec: {{gatewayClassName: mesh, listeners: [{listeners}]}}"


def route(*, parent: str = "edge", backend: str = "{name: web, port: 80}", status: str = "") -> str:
    return f"""
kind: HTTPRoute
metadata: {{name: shop}}
spec: {{parentRefs: [{{name: {parent}}}], hostnames: [shop.example.org], rules: [{{backendRefs: [{backend}]}}]}}
status: {{parents: [{{parentRef: {{name: {parent}}}, conditions: [{status}]}}]}}
"""


WORKING = (gateway(), SERVICE, POD)


def find(*manifests: str) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


def test_a_route_that_is_taken_is_silent() -> None:
    assert find(*WORKING, route(status=condition("Accepted", "True", "Accepted"))) == {}


def test_route_without_its_gateway() -> None:
    found = find(*WORKING, route(parent="gone"))
    assert list(found) == ["RouteParentNotFound"]


def test_route_that_is_refused_says_by_whom_and_why() -> None:
    found = find(*WORKING, route(status=condition("Accepted", "False", "NotAllowedByListeners")))
    assert "NotAllowedByListeners" in found["RouteNotAccepted"].title
    assert [str(ref) for ref in found["RouteNotAccepted"].points_at] == ["Gateway default/edge"]


def test_reference_that_is_not_granted() -> None:
    status = condition("Accepted", "True", "Accepted") + ", " + condition("ResolvedRefs", "False", "RefNotPermitted")
    assert list(find(*WORKING, route(status=status))) == ["RouteRefNotPermitted"]


def test_backends_that_are_missing_or_lack_the_port_or_endpoints() -> None:
    base = (gateway(), SERVICE)
    assert list(find(*base, POD, route(backend="{name: wbe, port: 80}"))) == ["RouteBackendNotFound"]
    assert list(find(*base, POD, route(backend="{name: web, port: 81}"))) == ["RouteBackendPortNotFound"]
    empty = find(*base, route())["RouteBackendNoEndpoints"]
    assert empty.is_symptom
    assert [str(ref) for ref in empty.points_at] == ["Service default/web"]


def test_other_kinds_of_backend_and_unread_services_are_silent() -> None:
    bucket = route(backend="{kind: Bucket, group: example.org, name: x}")
    assert find(*WORKING, bucket) == {}
    gap = Gap(what="services", why="403", kind="Service")
    assert list(analyze(snapshot_of(gateway(), route(), gaps=[gap]))) == []


def test_a_backend_that_is_scaled_to_zero_is_meant_to_be() -> None:
    off = "kind: Deployment\nmetadata: {name: web}\nspec: {replicas: 0, template: {metadata: {labels: {app: web}}}}"
    assert "RouteBackendNoEndpoints" in find(gateway(), SERVICE, route())
    assert find(gateway(), SERVICE, off, route()) == {}


def unanswered(
    parent: str, *, namespace: str = "default", host: str = "shop.example.org", kind: str = "HTTPRoute"
) -> str:
    return f"""
kind: {kind}
metadata: {{name: shop, namespace: {namespace}, creationTimestamp: "{LONG_AGO}"}}
spec: {{parentRefs: [{{name: edge, namespace: default{parent}}}], hostnames: [{host}]}}
"""


PLACES = "\n---\n".join(
    f"{{kind: Namespace, metadata: {{name: {name}, labels: {{team: {name}}}}}}}" for name in ("a", "default")
)
OPEN = "{name: http, port: 80, allowedRoutes: {namespaces: {from: All}}}"
PICKY = "{name: http, port: 80, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: b}}}}}"


@pytest.mark.parametrize(
    ("listeners", "manifest", "why"),
    [
        ("{name: http, port: 80}", unanswered(", sectionName: htpp"), "it has no listener htpp (its listeners: http)"),
        ("{name: http, port: 80}", unanswered(", port: 81"), "it has no listener on port 81 (its ports: 80)"),
        (
            "{name: http, port: 80}",
            unanswered("", namespace="a"),
            "of their own namespace only, and not of namespace a",
        ),
        (PICKY, unanswered("", namespace="a"), "of namespaces labelled team=b only"),
        ("{name: http, port: 80, hostname: '*.example.com'}", unanswered(""), "for *.example.com, and the route for"),
        ("{name: http, port: 80}", unanswered(", sectionName: x", kind="GRPCRoute"), "it has no listener x"),
    ],
)
def test_a_route_of_which_no_controller_spoke_is_held_against_the_listeners(
    listeners: str, manifest: str, why: str
) -> None:
    finding = find(gateway(listeners), PLACES, manifest)["RouteNotAccepted"]
    assert why in finding.title


@pytest.mark.parametrize(
    ("listeners", "manifest"),
    [
        ("{name: http, port: 80}", unanswered(", sectionName: http, port: 80")),
        (OPEN, unanswered("", namespace="a")),
        (PICKY.replace("team: b", "team: a"), unanswered("", namespace="a")),
        ("{name: http, port: 80, hostname: '*.example.org'}", unanswered("")),
        ("{name: http, port: 80, hostname: shop.example.org}", unanswered("", host="'*.example.org'")),
        ("{name: http, port: 80}", unanswered(", sectionName: x").replace(LONG_AGO, "2026-01-15T11:59:30Z")),
    ],
)
def test_routes_that_fit_a_listener_and_young_ones_are_silent(listeners: str, manifest: str) -> None:
    assert find(gateway(listeners), PLACES, manifest) == {}


ABROAD = """
kind: Service
metadata: {name: web, namespace: data, creationTimestamp: "2026-01-15T08:00:00Z"}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
""" + POD.replace("{name: web-a,", "{name: web-a, namespace: data,")
GRANT = """
kind: ReferenceGrant
metadata: {name: g, namespace: data}
spec: {from: [{kind: KIND, namespace: default}], to: [{kind: Service, name: web}]}
"""


def test_a_backend_of_another_namespace_needs_a_grant() -> None:
    abroad = route(backend="{name: web, namespace: data, port: 80}")
    finding = find(gateway(), ABROAD, abroad)["RouteRefNotPermitted"]
    assert "namespace data has no ReferenceGrant for it" in finding.title
    assert "There is none." in finding.cause
    assert find(gateway(), ABROAD, abroad, GRANT.replace("KIND", "HTTPRoute")) == {}
    other = find(gateway(), ABROAD, abroad, GRANT.replace("KIND", "GRPCRoute"))["RouteRefNotPermitted"]
    assert "ReferenceGrant g for GRPCRoute of default to Service web" in other.cause
    gap = Gap(what="grants", why="403", kind="ReferenceGrant")
    assert list(analyze(snapshot_of(gateway(), ABROAD, abroad, gaps=[gap]))) == []


def test_references_that_do_not_resolve_for_some_other_reason() -> None:
    status = condition("ResolvedRefs", "False", "UnsupportedProtocol")
    assert list(find(*WORKING, route(status=status))) == ["RouteRefsInvalid"]


def test_the_nearest_backend_and_parent_are_offered() -> None:
    assert "was web meant?" in find(*WORKING, route(backend="{name: wbe, port: 80}"))["RouteBackendNotFound"].title
    assert "There is Gateway edge" in find(*WORKING, route(parent="egde"))["RouteParentNotFound"].cause
