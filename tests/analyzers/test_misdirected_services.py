"""Services that select another workload than the one of their name."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.misdirected_services import analyze
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import log_of, snapshot_of

REFUSED = log_of("client", "app", "panic: dial tcp: connect to http://cart:80/: connection refused")
CLIENT = """
kind: Pod
metadata: {name: client}
spec: {containers: [{name: app}]}
status: {phase: Running, containerStatuses: [{name: app, lastState: {terminated: {exitCode: 1}}}]}
"""


def service(name: str, app: str, target: int = 8080) -> str:
    ports = f"[{{port: 80, targetPort: {target}}}]"
    return f"kind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {app}}}, ports: {ports}}}"


def workload(name: str, port: int = 8080, *, labels: str = "", replicas: int = 1) -> str:
    labels = labels or f"{{app: {name}}}"
    return f"""
kind: Deployment
metadata: {{name: {name}}}
spec: {{replicas: {replicas}, template: {{metadata: {{labels: {labels}}}}}}}
---
kind: Pod
metadata:
  name: {name}-a
  labels: {labels}
  ownerReferences: [{{kind: Deployment, name: {name}, controller: true}}]
spec: {{containers: [{{name: app, ports: [{{containerPort: {port}}}]}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "True"}}]}}
"""


def test_a_service_that_takes_the_pods_of_another_one_leaves_its_own_workload_unserved() -> None:
    (finding,) = analyze(
        snapshot_of(service("cart", "orders"), service("orders", "orders"), workload("cart"), workload("orders"))
    )
    assert (finding.reason, str(finding.ref)) == ("SelectorMatchesOther", "Service default/cart")
    assert finding.severity is Severity.WARNING
    assert "selects the pods of Deployment default/orders, and nobody serves Deployment default/cart" in finding.title
    assert finding.remedies[-1].command == (
        """kubectl patch service cart --type=merge -p '{"spec":{"selector":{"app":"cart"}}}' -n default"""
    )


def test_it_is_critical_where_only_the_meant_pods_have_the_port() -> None:
    (finding,) = analyze(snapshot_of(service("cart", "orders"), workload("cart"), workload("orders", port=9090)))
    assert finding.severity is Severity.CRITICAL


def test_it_is_critical_where_a_client_suffers() -> None:
    (finding,) = analyze(
        snapshot_of(service("cart", "orders"), workload("cart"), workload("orders"), CLIENT, logs=[REFUSED])
    )
    assert (finding.severity, finding.evidence[-1].source) == (Severity.CRITICAL, "log")


@pytest.mark.parametrize(
    "manifests",
    [
        (service("cart", "cart"), workload("cart"), workload("orders")),
        (service("shop", "orders"), service("orders", "orders"), workload("orders")),  # an alias
        (service("cart", "orders"), workload("orders"), workload("cart", replicas=0)),  # switched over
        (service("cart", "cart-green"), service("cart-green", "cart-green"), workload("cart"), workload("cart-green")),
        (service("cart", "orders"), service("basket", "cart"), workload("cart"), workload("orders")),
    ],
)
def test_aliases_and_switched_versions_are_silent(manifests: tuple[str, ...]) -> None:
    assert list(analyze(snapshot_of(*manifests))) == []
