"""Services without a selector: who writes their endpoints, and what if nobody does."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.endpoints_by_hand import analyze
from kubeagentix.domain.diagnosis import Gap, Severity
from kubeagentix.testing import log_of, snapshot_of

SERVICE = """
kind: Service
metadata: {name: legacy, creationTimestamp: "2026-01-15T08:00:00Z"}
spec: {ports: [{port: 80}]}
"""
SLICE = """
kind: EndpointSlice
metadata: {name: s, labels: {kubernetes.io/service-name: legacy}}
endpoints: [{addresses: [192.0.2.7], conditions: {ready: true}}]
"""
CLIENT = """
kind: Pod
metadata: {name: client}
spec: {containers: [{name: app}]}
status: {phase: Running, containerStatuses: [{name: app, lastState: {terminated: {exitCode: 1}}}]}
"""
REFUSED = log_of("client", "app", "panic: connect to http://legacy:80/: connection refused")


def test_a_service_for_which_nobody_wrote_endpoints() -> None:
    (finding,) = analyze(snapshot_of(SERVICE))
    assert (finding.reason, finding.severity) == ("NoEndpoints/NoSelector", Severity.WARNING)
    assert "bears its name" not in finding.cause


def test_it_is_critical_where_a_client_is_refused() -> None:
    (finding,) = analyze(snapshot_of(SERVICE, CLIENT, logs=[REFUSED]))
    assert (finding.severity, finding.evidence[-1].source) == (Severity.CRITICAL, "log")


def test_a_workload_of_its_name_makes_a_forgotten_selector_likely() -> None:
    workload = "{kind: Deployment, metadata: {name: legacy}, spec: {template: {metadata: {labels: {app: legacy}}}}}"
    (finding,) = analyze(snapshot_of(SERVICE, workload))
    assert "Deployment default/legacy bears its name: was a selector forgotten?" in finding.cause
    assert '{"spec":{"selector":{"app":"legacy"}}}' in finding.remedies[-1].command


def test_endpoints_that_are_not_ready_are_none() -> None:
    assert len(list(analyze(snapshot_of(SERVICE, SLICE.replace("true", "false"))))) == 1


@pytest.mark.parametrize(
    "manifests",
    [
        (SERVICE, SLICE),
        (SERVICE.replace("08:00", "11:59:30").replace("11:59:30:00", "11:59:30"),),
        (SERVICE.replace("{ports", "{selector: {app: a}, ports"),),
        (SERVICE.replace("[{port: 80}]", "[]"),),
        (SERVICE.replace("{ports", "{type: ExternalName, externalName: example.org, ports"),),
    ],
)
def test_endpoints_written_by_hand_and_young_services_are_silent(manifests: tuple[str, ...]) -> None:
    assert list(analyze(snapshot_of(*manifests))) == []


def test_unread_slices_are_not_absent() -> None:
    gap = Gap(what="endpointslices", why="403", kind="EndpointSlice")
    assert list(analyze(snapshot_of(SERVICE, gaps=[gap]))) == []


def test_a_headless_one_that_nobody_asks_is_information() -> None:
    (finding,) = analyze(snapshot_of(SERVICE.replace("{ports", "{clusterIP: None, ports")))
    assert finding.severity is Severity.INFO


def test_endpoints_at_which_nobody_answers() -> None:
    with_port = SLICE + "ports: [{port: 8080}]\n"
    (finding,) = analyze(snapshot_of(SERVICE, with_port, CLIENT, logs=[REFUSED]))
    assert (finding.reason, finding.severity) == ("EndpointsNotAnswering", Severity.CRITICAL)
    assert "leads to 192.0.2.7:8080, written by hand" in finding.title
    elsewhere = log_of("client", "app", "panic: connect to http://legacy:81/: connection refused")
    assert list(analyze(snapshot_of(SERVICE, with_port, CLIENT, logs=[elsewhere]))) == []


def test_the_api_servers_own_service_is_left_to_it() -> None:
    assert list(analyze(snapshot_of(SERVICE.replace("legacy", "kubernetes")))) == []


def test_a_timeout_of_a_client_that_policies_isolate_is_told_elsewhere() -> None:
    with_port = SLICE + "ports: [{port: 8080}]\n"
    waits = log_of("client", "app", "panic: connect to http://legacy:80/: i/o timeout")
    deny = "kind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {}, policyTypes: [Egress]}"
    assert len(list(analyze(snapshot_of(SERVICE, with_port, CLIENT, logs=[waits])))) == 1
    assert list(analyze(snapshot_of(SERVICE, with_port, CLIENT, deny, logs=[waits]))) == []
