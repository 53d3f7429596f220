"""Services: why nobody answers, and which quiet Services are quite all right."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.services import analyze
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import log_of, snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
JUST_NOW = "2026-01-15T11:59:50Z"


def service(
    selector: str = "{app: web}",
    *,
    name: str = "web",
    port: str = "{port: 80, targetPort: 8080}",
    extra: str = "",
    made: str = LONG_AGO,
    status: str = "{}",
) -> str:
    return f"""
kind: Service
metadata: {{name: {name}, creationTimestamp: "{made}"}}
spec: {{selector: {selector}, ports: [{port}]{extra}}}
status: {status}
"""


def deployment(name: str = "web", labels: str = "{app: web}", replicas: int = 1) -> str:
    return f"""
kind: Deployment
metadata: {{name: {name}}}
spec: {{replicas: {replicas}, template: {{metadata: {{labels: {labels}}}}}}}
"""


def pod(
    name: str = "web-a",
    labels: str = "{app: web}",
    *,
    ready: bool = True,
    ports: str = "[{name: http, containerPort: 8080}]",
    owner: str = "web",
    since: str = LONG_AGO,
    phase: str = "Running",
) -> str:
    return f"""
kind: Pod
metadata:
  name: {name}
  labels: {labels}
  creationTimestamp: "{since}"
  ownerReferences: [{{kind: Deployment, name: {owner}, controller: true}}]
spec: {{containers: [{{name: app, ports: {ports}}}]}}
status: {{phase: {phase}, conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "{since}"}}]}}
"""


CLIENT = """
kind: Pod
metadata: {name: client, labels: {app: client}, ownerReferences: [{kind: ReplicaSet, name: front, controller: true}]}
spec: {containers: [{name: app}]}
status: {phase: Running, containerStatuses: [{name: app, lastState: {terminated: {exitCode: 1}}}]}
"""
REFUSED = log_of("client", "app", "panic: dial tcp: connect to http://web:80/: connection refused")


def find(*manifests: str) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


@pytest.mark.parametrize(
    "quiet",
    [
        service(),
        service(port="{port: 80, targetPort: http}"),
        service(port="{port: 8080}"),
        service("{}", name="manual"),
        service("{app: nobody}", extra=", type: ExternalName, externalName: example.org"),
        service("{}", name="kubernetes"),
        service(extra=", clusterIP: None", port="{port: 5432, targetPort: 9999}"),
        service("{app: nobody}", made=JUST_NOW),
    ],
)
def test_services_in_which_all_is_well_are_silent(quiet: str) -> None:
    assert find(quiet, deployment(), pod()) == {}


def test_selector_that_differs_in_one_value_names_both_values() -> None:
    found = find(
        service("{app: web, version: v2}"),
        deployment(labels="{app: web, version: v1}"),
        pod(labels="{app: web, version: v1}"),
    )
    finding = found["NoEndpoints/SelectorMismatch"]
    assert finding.severity is Severity.CRITICAL
    assert "version=v2 is asked for, the pods have version=v1" in finding.title
    assert not finding.is_symptom


def test_selector_with_a_label_that_the_pods_lack() -> None:
    found = find(service("{app: web, tier: front}"), deployment(), pod())
    assert "the pods have no label tier" in found["NoEndpoints/SelectorMismatch"].title


def test_the_correction_is_a_command_with_every_label_that_differs() -> None:
    labels = "{app: web, version: v1}"
    found = find(service("{app: Web, version: v2, tier: x}"), deployment(labels=labels), pod(labels=labels))
    finding = found["NoEndpoints/SelectorMismatch"]
    assert "app=web (labels are case-sensitive)" in finding.title
    assert finding.remedies[-1].command == (
        "kubectl patch service web --type=merge -p "
        """'{"spec":{"selector":{"app":"web","tier":null,"version":"v1"}}}' -n default"""
    )


def test_a_value_that_the_pods_have_under_another_key_is_named() -> None:
    labels = "{app.kubernetes.io/name: web}"
    finding = find(service(), deployment(labels=labels), pod(labels=labels))["NoEndpoints/SelectorMismatch"]
    assert "no label app, but app.kubernetes.io/name=web" in finding.title
    assert '{"app":null,"app.kubernetes.io/name":"web"}' in finding.remedies[-1].command


def test_misspelt_single_label_is_recognised_by_likeness() -> None:
    found = find(service("{app: web-frontend}"), deployment(labels="{app: web-front}"), pod(labels="{app: web-front}"))
    assert "Deployment default/web" in found["NoEndpoints/SelectorMismatch"].title


def test_unrelated_pods_are_no_near_miss() -> None:
    found = find(
        service("{app: billing, team: shop}", name="billing"),
        service("{app: web}"),
        deployment(labels="{app: web, team: shop}"),
        pod(labels="{app: web, team: shop}"),
    )
    assert list(found) == ["NoEndpoints/NoPods"]
    assert found["NoEndpoints/NoPods"].severity is Severity.INFO


INGRESS = """
kind: Ingress
metadata: {name: shop}
spec: {rules: [{http: {paths: [{backend: {service: {name: gone, port: {number: 80}}}}]}}]}
"""
SETTINGS = "kind: ConfigMap\nmetadata: {name: settings}\ndata: {app.yaml: 'backend: http://gone:80/'}"
APISERVICE = """
kind: APIService
metadata: {name: v1.things}
spec: {group: things, version: v1, service: {namespace: default, name: gone}}
"""


def told(value: str, namespace: str = "default") -> str:
    """A workload whose only container has that value in its environment."""
    return f"""
kind: Deployment
metadata: {{name: client, namespace: {namespace}}}
spec:
  template:
    metadata: {{labels: {{app: zz}}}}
    spec: {{containers: [{{name: c, env: [{{name: A, value: "{value}"}}]}}]}}
"""


@pytest.mark.parametrize(
    ("user", "named_by"),
    [
        (INGRESS, "Ingress default/shop"),
        (SETTINGS, "ConfigMap default/settings"),
        (APISERVICE, "APIService v1.things"),
        (told("tcp://gone:5432"), "Deployment default/client"),
        (told("http://gone.default.svc:80", "other"), "Deployment other/client"),
        (told("10.0.0.9:80", "other"), "Deployment other/client"),
    ],
)
def test_a_service_for_nobody_that_something_names_is_a_warning(user: str, named_by: str) -> None:
    lonely = service("{app: elsewhere}", name="gone", extra=", clusterIP: 10.0.0.9")
    finding = find(lonely, user)["NoEndpoints/NoPods"]
    assert finding.severity is Severity.WARNING
    assert f"It is named by {named_by}." in finding.cause


@pytest.mark.parametrize("other", [told("tcp://gone-cache:5432"), told("gone", "other"), told("10.0.0.99:80")])
def test_a_service_for_nobody_that_nothing_names_is_information(other: str) -> None:
    lonely = service("{app: elsewhere}", name="gone", extra=", clusterIP: 10.0.0.9")
    finding = find(lonely, other)["NoEndpoints/NoPods"]
    assert finding.severity is Severity.INFO
    assert "Nothing that was read names it." in finding.cause


def test_a_service_for_nobody_that_is_open_to_the_outside_is_a_warning() -> None:
    found = find(service("{app: elsewhere}", name="gone", extra=", type: NodePort"))
    assert found["NoEndpoints/NoPods"].severity is Severity.WARNING


def test_a_service_for_nobody_is_a_warning_where_ingresses_could_not_be_read() -> None:
    unread = [Gap(what="Ingress objects", why="403 Forbidden", kind="Ingress")]
    [finding] = analyze(snapshot_of(service("{app: elsewhere}", name="gone"), gaps=unread))
    assert finding.severity is Severity.WARNING


def test_workload_scaled_to_zero_on_purpose_is_information() -> None:
    finding = find(service(), deployment(replicas=0))["NoEndpoints/NoPods"]
    assert finding.severity is Severity.INFO
    assert "scaled to zero" in finding.title


def test_workload_scaled_to_zero_that_a_client_asks_for_is_a_symptom_of_the_workload() -> None:
    (finding,) = analyze(snapshot_of(service(), deployment(replicas=0), CLIENT, logs=[REFUSED]))
    assert (finding.severity, finding.is_symptom) == (Severity.CRITICAL, True)
    assert finding.title.endswith("Deployment default/web is scaled to zero")
    assert finding.evidence[-1].source == "log"


def test_workload_that_has_no_pods_is_pointed_at() -> None:
    finding = find(service(), deployment(replicas=2))["NoEndpoints/NoPods"]
    assert (finding.severity, finding.is_symptom) == (Severity.CRITICAL, True)
    assert [str(ref) for ref in finding.points_at] == ["Deployment default/web"]


def test_pods_that_have_ended_are_no_endpoints() -> None:
    ended = find(service(), pod(phase="Succeeded", ready=False))["NoEndpoints/NoPods"]
    failed = find(service(), pod(phase="Failed", ready=False))["NoEndpoints/NoPods"]
    assert (ended.severity, failed.severity) == (Severity.INFO, Severity.CRITICAL)


def test_unready_pods_are_a_symptom_of_their_workloads() -> None:
    finding = find(service(), deployment(), pod(ready=False))["NoEndpoints/PodsNotReady"]
    assert (finding.severity, finding.is_symptom) == (Severity.CRITICAL, True)
    assert [str(ref) for ref in finding.points_at] == ["Deployment default/web"]


@pytest.mark.parametrize(
    "manifests",
    [
        (service(), pod(ready=False, since=JUST_NOW)),
        (service(), pod(ready=False), pod("web-b")),
        (service(extra=", publishNotReadyAddresses: true"), pod(ready=False)),
    ],
)
def test_starting_or_partly_ready_or_published_pods_are_silent(manifests: tuple[str, ...]) -> None:
    assert find(deployment(), *manifests) == {}


def test_load_balancer_without_address() -> None:
    pending = ", type: LoadBalancer"
    found = find(service(extra=pending), deployment(), pod())
    assert found["LoadBalancerPending"].severity is Severity.WARNING
    assert find(service(extra=pending, made=JUST_NOW), deployment(), pod()) == {}
    assert (
        find(service(extra=pending, status="{loadBalancer: {ingress: [{ip: 192.0.2.1}]}}"), deployment(), pod()) == {}
    )


def test_failed_load_balancer_event_is_quoted_at_once() -> None:
    event = """
kind: Event
metadata: {name: e}
involvedObject: {kind: Service, namespace: default, name: web}
type: Warning
reason: SyncLoadBalancerFailed
message: "Error syncing load balancer: quota of addresses exceeded"
"""
    found = find(service(extra=", type: LoadBalancer", made=JUST_NOW), deployment(), pod(), event)
    assert "quota of addresses exceeded" in found["LoadBalancerPending"].cause


def test_traffic_spread_over_two_workloads_is_information() -> None:
    found = find(service(), deployment(), pod(), deployment("web-canary"), pod("c", owner="web-canary"))
    assert found["SelectorTooBroad"].severity is Severity.INFO


def test_a_headless_service_for_nobody_is_information() -> None:
    """Charts make them for components that managed clusters do not show, and scrapers name them."""
    for address, severity in (("None", Severity.INFO), ("10.0.0.9", Severity.WARNING)):
        found = find(service("{component: etcd}", name="etcd", extra=f", clusterIP: {address}"), told("etcd:2379"))
        assert found["NoEndpoints/NoPods"].severity is severity


def test_a_service_for_nobody_that_a_client_asks_is_critical() -> None:
    (finding,) = analyze(snapshot_of(service("{app: gone}"), CLIENT, logs=[REFUSED]))
    assert (finding.reason, finding.severity) == ("NoEndpoints/NoPods", Severity.CRITICAL)
    assert finding.evidence[-1].source == "log"
