"""Ports of Services: those that no container has, those that nobody listens on, and those that are quite all right."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.service_ports import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import log_of, snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"


def service(*ports: str, extra: str = "") -> str:
    return f"""
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{", ".join(ports) or "{port: 80, targetPort: 8080}"}]{extra}}}
"""


def deployment() -> str:
    return "{kind: Deployment, metadata: {name: web}}"


def pod(
    name: str = "web-a",
    *,
    ports: str = "[{name: http, containerPort: 8080}]",
    ready: bool = True,
    since: str = LONG_AGO,
    container: str = "",
) -> str:
    return f"""
kind: Pod
metadata: {{name: {name}, labels: {{app: web}}, ownerReferences: [{{kind: Deployment, name: web, controller: true}}]}}
spec: {{containers: [{{name: app, ports: {ports}{container}}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "{since}"}}]}}
"""


def client(failed_at: str = "2026-01-15T11:59:00Z") -> str:
    return f"""
kind: Pod
metadata: {{name: client, labels: {{app: client}}}}
spec: {{containers: [{{name: app}}]}}
status:
  phase: Running
  containerStatuses: [{{name: app, lastState: {{terminated: {{exitCode: 1, finishedAt: "{failed_at}"}}}}}}]
"""


REFUSED = log_of("client", "app", "panic: dial tcp: connect to http://web:80/: connection refused")
TIMED_OUT = log_of("client", "app", "panic: dial tcp: connect to http://web:80/: i/o timeout")


def find(*manifests: str) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


@pytest.mark.parametrize(
    "quiet",
    [
        service(),
        service("{port: 80, targetPort: http}"),
        service("{port: 8080}"),
        service("{port: 5432, targetPort: 9999}", extra=", clusterIP: None"),
        service("{port: 53, targetPort: 8080}", "{port: 54, targetPort: 8080, protocol: UDP}"),
    ],
)
def test_ports_that_the_pods_have_are_silent(quiet: str) -> None:
    assert find(quiet, deployment(), pod()) == {}


def test_target_port_by_a_name_nobody_has_is_critical() -> None:
    finding = find(service("{port: 80, targetPort: grpc}"), deployment(), pod())["TargetPortMismatch"]
    assert finding.severity is Severity.CRITICAL
    assert "no container port is named grpc" in finding.title
    assert "http (8080)" in finding.cause


def test_port_name_of_another_protocol_does_not_count() -> None:
    assert "TargetPortMismatch" in find(service("{port: 53, targetPort: http, protocol: UDP}"), deployment(), pod())


def test_undeclared_number_is_a_warning_and_critical_once_somebody_was_refused() -> None:
    wrong = service("{port: 80, targetPort: 9090}")
    assert find(wrong, deployment(), pod())["TargetPortMismatch"].severity is Severity.WARNING
    (finding,) = analyze(snapshot_of(wrong, deployment(), pod(), client(), logs=[REFUSED]))
    assert finding.severity is Severity.CRITICAL
    assert finding.evidence[-1].source == "log"


def test_containers_that_declare_nothing_prove_nothing() -> None:
    assert find(service("{port: 80, targetPort: 9090}"), deployment(), pod(ports="[]")) == {}


def test_native_sidecars_ports_count() -> None:
    sidecar = pod(ports="[]").replace(
        "containers: [",
        "initContainers: [{name: s, restartPolicy: Always, ports: [{name: proxy, containerPort: 9}]}], containers: [",
    )
    assert find(service("{port: 80, targetPort: proxy}"), deployment(), sidecar) == {}


def test_a_declared_port_of_another_protocol_is_a_mismatch() -> None:
    wrong = service("{port: 80, targetPort: 8080, protocol: UDP}")
    finding = find(wrong, deployment(), pod())["TargetPortMismatch"]
    assert (finding.severity, "for TCP only, not for UDP" in finding.title) == (Severity.WARNING, True)
    (finding,) = analyze(snapshot_of(wrong, deployment(), pod(), client(), logs=[TIMED_OUT]))
    assert finding.severity is Severity.CRITICAL


def test_refusal_by_pods_that_are_ready_and_declare_nothing_is_the_services_wrong_port() -> None:
    server = pod(ports="[]", container=", command: [serve, -p, '8081']")
    (finding,) = analyze(snapshot_of(service(), deployment(), server, client(), logs=[REFUSED]))
    assert (finding.reason, str(finding.ref)) == ("TargetPortMismatch", "Service default/web")
    assert "environment speak of port 8081" in finding.cause
    assert finding.evidence[-1].source == "log"


def test_refusal_by_pods_that_are_ready_and_declare_the_port_is_theirs() -> None:
    (finding,) = analyze(snapshot_of(service(), deployment(), pod(), client(), logs=[REFUSED]))
    assert (finding.reason, str(finding.ref)) == ("PortNotListening", "Deployment default/web")


@pytest.mark.parametrize(
    ("server", "failed_at"),
    [
        (pod(since="2026-01-15T11:58:50Z"), "2026-01-15T11:59:00Z"),  # it had just begun, and may listen since
        (pod(since="2026-01-15T11:59:30Z"), "2026-01-15T11:59:00Z"),  # it was not there yet
        (pod(ready=False), "2026-01-15T11:59:00Z"),
    ],
)
def test_refusal_by_pods_that_were_not_up_says_nothing_of_the_port(server: str, failed_at: str) -> None:
    assert list(analyze(snapshot_of(service(), deployment(), server, client(failed_at), logs=[REFUSED]))) == []


def test_a_timeout_says_nothing_of_who_listens() -> None:
    assert list(analyze(snapshot_of(service(), deployment(), pod(), client(), logs=[TIMED_OUT]))) == []


@pytest.mark.parametrize(
    ("container", "proxy"),
    [
        (", readinessProbe: {tcpSocket: {port: 8080}}", ""),
        ("", "{name: proxy, restartPolicy: Always, ports: [{containerPort: 15090}]}"),
    ],
)
def test_a_port_is_not_wrong_for_being_undeclared_where_little_is_declared(container: str, proxy: str) -> None:
    ports = "[{containerPort: 9090}]" if container else "[]"
    manifest = pod(ports=ports, container=container).replace("spec: {", f"spec: {{initContainers: [{proxy}], ")
    assert list(analyze(snapshot_of(service(), deployment(), manifest))) == []


def test_pods_that_listen_on_the_loopback_address_only_are_told_so() -> None:
    server = pod(container=", args: ['--bind', '127.0.0.1:8080']")
    (finding,) = analyze(snapshot_of(service(), deployment(), server, client(), logs=[REFUSED]))
    assert (finding.reason, str(finding.ref)) == ("PortNotListening", "Deployment default/web")
    assert "but for themselves (127.0.0.1)" in finding.title
    assert "`--bind 127.0.0.1`" in finding.cause


def test_a_port_that_the_kubelet_asks_in_vain_for_nothing_is_listened_on() -> None:
    """Pods that are ready by a probe of that port do listen, whoever is refused."""
    server = pod(container=", readinessProbe: {httpGet: {port: http}}")
    assert list(analyze(snapshot_of(service(), deployment(), server, client(), logs=[REFUSED]))) == []
    elsewhere = pod(container=", readinessProbe: {httpGet: {port: 9090}}")
    assert len(list(analyze(snapshot_of(service(), deployment(), elsewhere, client(), logs=[REFUSED])))) == 1


def stranger(ports: str) -> str:
    return "{kind: StatefulSet, metadata: {name: worker}}\n---" + pod("worker-0", ports=ports).replace(
        "{kind: Deployment, name: web,", "{kind: StatefulSet, name: worker,"
    )


def test_another_workload_behind_the_service_that_has_no_such_port() -> None:
    (finding,) = analyze(snapshot_of(service(), deployment(), pod(), stranger("[{containerPort: 9000}]")))
    assert (finding.reason, finding.severity) == ("SelectorTooBroad", Severity.WARNING)
    assert "selects the pods of StatefulSet default/worker too, which do not serve port 80" in finding.title
    assert "about 50 % of the connections fail" in finding.cause


def test_another_workload_that_declares_nothing_is_told_once_somebody_was_refused() -> None:
    both = (service(), deployment(), pod(), stranger("[]"))
    assert list(analyze(snapshot_of(*both))) == []
    (finding,) = analyze(snapshot_of(*both, client(), logs=[REFUSED]))
    assert (finding.reason, finding.severity, finding.evidence[-1].source) == (
        "SelectorTooBroad",
        Severity.CRITICAL,
        "log",
    )


def test_two_workloads_that_both_have_the_port_are_silent() -> None:
    assert list(analyze(snapshot_of(service(), deployment(), pod(), stranger("[{containerPort: 8080}]")))) == []


def test_the_only_port_of_the_pods_is_offered_as_a_patch() -> None:
    finding = find(service("{port: 80, targetPort: web}"), deployment(), pod())["TargetPortMismatch"]
    assert finding.remedies[-1].command == (
        "kubectl patch service web --type=json -p "
        """'[{"op":"replace","path":"/spec/ports/0/targetPort","value":8080}]' -n default"""
    )


def test_of_several_ports_none_is_chosen_and_another_protocol_is_corrected() -> None:
    several = pod(ports="[{containerPort: 8080}, {containerPort: 9090}]")
    finding = find(service("{port: 80, targetPort: web}"), deployment(), several)["TargetPortMismatch"]
    assert finding.remedies[-1].command.startswith("kubectl edit")
    udp = find(service("{port: 80, targetPort: 8080, protocol: UDP}"), deployment(), pod())["TargetPortMismatch"]
    assert udp.remedies[-1].command == (
        "kubectl patch service web --type=json -p "
        """'[{"op":"replace","path":"/spec/ports/0/protocol","value":"TCP"}]' -n default"""
    )
