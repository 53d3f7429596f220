"""Services that keep traffic on the node."""

from __future__ import annotations

from kubeagentix.analyzers.traffic_policies import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import log_of, snapshot_of

NODES = "\n---\n".join(
    f"kind: Node\nmetadata: {{name: n{number}}}\nstatus: {{conditions: [{{type: Ready, status: 'True'}}]}}"
    for number in (1, 2)
)
TIMED_OUT = log_of("client", "app", "ERROR dial tcp: connect to agent:80: i/o timeout")


def service(fields: str) -> str:
    return (
        f"kind: Service\nmetadata: {{name: agent}}\nspec: {{selector: {{app: agent}}, ports: [{{port: 80}}], {fields}}}"
    )


def pods(client_node: str = "n2") -> str:
    return f"""
kind: Pod
metadata: {{name: agent-a, labels: {{app: agent}}}}
spec: {{nodeName: n1, containers: [{{name: app}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "True"}}]}}
---
kind: Pod
metadata: {{name: client}}
spec: {{nodeName: {client_node}, containers: [{{name: app}}]}}
status: {{phase: Running, containerStatuses: [{{name: app, lastState: {{terminated: {{exitCode: 1}}}}}}]}}
"""


def find(fields: str, client_node: str = "n2", *, asked: bool = True) -> list[Finding]:
    return list(analyze(snapshot_of(NODES, service(fields), pods(client_node), logs=[TIMED_OUT] if asked else [])))


def test_a_client_on_a_node_without_an_endpoint() -> None:
    (finding,) = find("internalTrafficPolicy: Local")
    assert (finding.reason, finding.severity) == ("NoLocalEndpoints", Severity.CRITICAL)
    assert "no ready pod of it is on n2" in finding.title
    assert "on n1" in finding.cause


def test_a_client_beside_an_endpoint_or_a_service_that_leaves_the_node_is_another_story() -> None:
    assert find("internalTrafficPolicy: Local", "n1") == []
    assert find("internalTrafficPolicy: Cluster") == []
    assert find("internalTrafficPolicy: Local", asked=False) == []


def test_nodes_that_do_not_answer_from_outside_are_information() -> None:
    (finding,) = find("type: NodePort, externalTrafficPolicy: Local")
    assert (finding.severity, "n2" in finding.cause) == (Severity.INFO, True)
    assert find("type: NodePort, externalTrafficPolicy: Cluster") == []
