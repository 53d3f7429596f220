"""The cluster's DNS, which fails for several, and the Corefile that makes it so."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.dns import analyze
from kubeagentix.domain.diagnosis import Finding, Severity, Target
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import log_of, snapshot_of

COREFILE = """
.:53 {
    kubernetes cluster.local in-addr.arpa
    forward . /etc/resolv.conf
    cache 30
    MORE
}
"""
SERVICE = """
kind: Service
metadata: {name: kube-dns, namespace: kube-system, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {clusterIP: 10.96.0.10, selector: {k8s-app: kube-dns}, ports: [{port: 53, protocol: UDP}]}
"""
PLACES = "\n---\n".join(f"{{kind: Namespace, metadata: {{name: {name}}}}}" for name in ("default", "kube-system"))


def server(*, ready: bool = True, status: str = "ready: true, state: {running: {}}") -> str:
    return f"""
kind: Deployment
metadata: {{name: coredns, namespace: kube-system}}
spec: {{replicas: 1, template: {{metadata: {{labels: {{k8s-app: kube-dns}}}}}}}}
status: {{replicas: 1, readyReplicas: {int(ready)}, availableReplicas: {int(ready)}}}
---
kind: Pod
metadata:
  name: coredns-a
  namespace: kube-system
  labels: {{k8s-app: kube-dns}}
  creationTimestamp: "2026-01-15T08:00:00Z"
  ownerReferences: [{{kind: Deployment, name: coredns, controller: true}}]
spec:
  containers: [{{name: coredns}}]
  volumes: [{{name: config, configMap: {{name: coredns}}}}]
status:
  phase: Running
  conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "2026-01-15T09:00:00Z"}}]
  containerStatuses: [{{name: coredns, {status}}}]
"""


def config(more: str = "", text: str = COREFILE) -> dict[str, Any]:
    metadata = {"name": "coredns", "namespace": "kube-system"}
    return {"kind": "ConfigMap", "metadata": metadata, "data": {"Corefile": text.replace("MORE", more)}}


def client(name: str) -> str:
    return f"""
kind: Pod
metadata: {{name: {name}, ownerReferences: [{{kind: StatefulSet, name: {name}, controller: true}}]}}
spec: {{containers: [{{name: app}}]}}
status:
  phase: Running
  containerStatuses:
    - name: app
      restartCount: 4
      state: {{waiting: {{reason: CrashLoopBackOff}}}}
      lastState: {{terminated: {{exitCode: 1}}}}
"""


DB = """
kind: Service
metadata: {name: db}
spec: {clusterIP: 10.96.0.7, ports: [{port: 5432}]}
---
kind: EndpointSlice
metadata: {name: db-1, labels: {kubernetes.io/service-name: db}}
endpoints: [{addresses: [192.0.2.7], conditions: {ready: true}}]
"""


def lookup(name: str, host: str = "db") -> Any:
    return log_of(name, "app", f"Error: getaddrinfo ENOTFOUND {host}", previous=True)


def picture(*manifests: Any, clients: tuple[str, ...] = ("a", "b"), host: str = "db") -> Any:
    logs = [lookup(name, host) for name in clients]
    return snapshot_of(*manifests, DB, PLACES, *(client(name) for name in clients), logs=logs)


def find(*manifests: Any, clients: tuple[str, ...] = ("a", "b"), host: str = "db") -> list[Finding]:
    return list(analyze(picture(*manifests, clients=clients, host=host)))


def test_several_that_cannot_resolve_existing_names_put_dns_in_doubt() -> None:
    (finding,) = find(SERVICE, server(), config())
    assert (finding.reason, finding.severity, finding.is_symptom) == ("DNSLookupsFail", Severity.CRITICAL, True)
    assert [str(ref) for ref in finding.points_at] == ["Deployment kube-system/coredns"]
    assert len(finding.explains) == 2


def test_one_alone_or_a_name_of_nobody_is_its_own_fault() -> None:
    assert find(SERVICE, server(), config(), clients=("a",)) == []
    assert find(SERVICE, server(), config(), host="nobody") == []


def test_a_policy_that_cuts_them_off_is_told_elsewhere() -> None:
    deny = "kind: NetworkPolicy\nmetadata: {name: deny}\nspec: {podSelector: {}, policyTypes: [Egress]}"
    assert find(SERVICE, server(), config(), deny) == []


def test_a_dns_service_that_does_not_exist() -> None:
    (finding,) = find(config(), clients=("a",))
    assert (finding.reason, str(finding.ref)) == ("DNSServiceNotFound", "Service kube-system/kube-dns")


@pytest.mark.parametrize(
    ("more", "split", "words"),
    [
        ('template ANY ANY cluster.local {\n match "^db[.]"\n rcode NXDOMAIN\n }', "TemplateRefuses", "NXDOMAIN"),
        ("rewrite name db.default.svc.cluster.local db.gone.svc.cluster.local", "Rewrite", "db.gone.svc"),
    ],
)
def test_what_the_corefile_does_to_names_that_are_asked_for(more: str, split: str, words: str) -> None:
    (finding,) = find(SERVICE, server(), config(more))
    assert (finding.reason, finding.severity) == (f"DNSConfig/{split}", Severity.CRITICAL)
    assert str(finding.ref) == "ConfigMap kube-system/coredns"
    assert words in finding.title
    assert {str(ref) for ref in finding.explains} == {"StatefulSet default/a", "StatefulSet default/b"}


def test_a_corefile_that_knows_nothing_of_the_cluster() -> None:
    (finding,) = find(SERVICE, server(), config(text=".:53 {\n forward . 192.0.2.1\n}"))
    assert finding.reason == "DNSConfig/NoKubernetes"


@pytest.mark.parametrize(
    ("more", "split"),
    [
        ("forward . 127.0.0.1", "ForwardLoop"),
        ("forward . 10.96.0.10", "ForwardLoop"),
        ("forwrad . 192.0.2.1", "UnknownDirective"),
        ("template ANY ANY {\n rcode NXDOMAIN\n }", "TemplateRefuses"),
    ],
)
def test_what_will_fail_is_a_warning_before_anybody_suffers(more: str, split: str) -> None:
    (finding,) = find(SERVICE, server(), config(more), clients=())
    assert (finding.reason, finding.severity) == (f"DNSConfig/{split}", Severity.WARNING)


@pytest.mark.parametrize(
    "more",
    [
        "",
        "template ANY ANY ads.example.org {\n rcode NXDOMAIN\n }",
        'template IN AAAA cluster.local {\n match ".*"\n rcode NOERROR\n }',
        "rewrite name old.example.org db.default.svc.cluster.local",
        "ownplugin yes",
        "forward example.org 192.0.2.53",
    ],
)
def test_corefiles_that_do_no_harm_are_silent(more: str) -> None:
    assert find(SERVICE, server(), config(more), clients=()) == []


def test_dns_that_is_down_is_one_hypothesis_with_all_who_suffer() -> None:
    down = server(
        ready=False,
        status="ready: false, restartCount: 5, state: {waiting: {reason: CrashLoopBackOff}}, "
        "lastState: {terminated: {exitCode: 1}}",
    )
    loop = '[FATAL] plugin/loop: Loop (127.0.0.1:46543 -> :53) detected for zone ".", see https://coredns.io'
    snapshot = snapshot_of(
        *(SERVICE, down, config(), DB, PLACES, client("a"), client("b")),
        logs=[lookup("a"), lookup("b"), log_of("coredns-a", "coredns", loop, previous=True, namespace="kube-system")],
    )
    diagnosis = diagnose_snapshot(snapshot, Target())
    (hypothesis,) = diagnosis.hypotheses
    assert str(hypothesis.root) == "Deployment kube-system/coredns"
    assert diagnosis.finding(hypothesis.findings[0]).reason == "CrashLoopBackOff/DNSLoop"
    suffering = {str(diagnosis.finding(item).ref) for item in hypothesis.findings}
    assert suffering >= {"StatefulSet default/a", "StatefulSet default/b", "Service kube-system/kube-dns"}


def test_a_dns_service_that_selects_nobody_is_what_all_suffer_from() -> None:
    wrong = SERVICE.replace("k8s-app: kube-dns}", "k8s-app: kube-dns-old}")
    silent = [
        log_of(name, "app", f"lookup db on 10.96.0.10:53: read udp 10.0.0.1:{port}->10.96.0.10:53: i/o timeout")
        for name, port in (("a", 1), ("b", 2))
    ]
    snapshot = snapshot_of(wrong, server(), config(), DB, PLACES, client("a"), client("b"), logs=silent)
    diagnosis = diagnose_snapshot(snapshot, Target())
    (hypothesis,) = diagnosis.hypotheses
    assert str(hypothesis.root) == "Service kube-system/kube-dns"
    assert diagnosis.finding(hypothesis.findings[0]).reason == "NoEndpoints/SelectorMismatch"


def test_dns_that_is_scaled_to_zero_is_no_choice_where_names_are_asked_for() -> None:
    off = "kind: Deployment\nmetadata: {name: coredns, namespace: kube-system}\n"
    off += "spec: {replicas: 0, template: {metadata: {labels: {k8s-app: kube-dns}}}}"
    (hypothesis,) = diagnose_snapshot(picture(SERVICE, off), Target()).hypotheses
    assert str(hypothesis.root) == "Deployment kube-system/coredns"
    assert diagnose_snapshot(picture(SERVICE, off, clients=()), Target()).hypotheses == ()
