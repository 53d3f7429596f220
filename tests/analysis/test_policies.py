"""NetworkPolicies as the documentation describes them, rule by rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeagentix.analysis.policies import (
    Port,
    directions_of,
    dns_verdict,
    egress_verdict,
    ingress_verdict,
    isolating,
)
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.network import NetworkPolicy
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.testing import snapshot_of

HTTP = Port(number=8080)


def pod(name: str, labels: str, *, namespace: str = "shop", ip: str = "10.0.0.1", host: str = "false") -> str:
    return f"""
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {labels}}}
spec: {{hostNetwork: {host}, containers: [{{name: c, ports: [{{name: http, containerPort: 8080}}]}}]}}
status: {{podIP: {ip}}}
"""


def policy(spec: str, name: str = "p", namespace: str = "shop") -> str:
    return f"kind: NetworkPolicy\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}"


WEB = pod("web", "{app: web}", ip="10.0.0.5")
CLIENT = pod("client", "{app: client}", ip="10.0.1.7")
FAR = pod("far", "{app: client}", namespace="other", ip="10.0.2.9")
NAMESPACES = (
    "kind: Namespace\nmetadata: {name: shop}\n---\nkind: Namespace\nmetadata: {name: other, labels: {team: far}}"
)


def picture(*manifests: str) -> Snapshot:
    return snapshot_of(WEB, CLIENT, FAR, NAMESPACES, *manifests)


def ingress(snapshot: Snapshot, source: str = "shop/client", port: Port = HTTP) -> bool:
    namespace, name = source.split("/")
    web, client = snapshot.get(Pod, "shop", "web"), snapshot.get(Pod, namespace, name)
    assert web is not None
    assert client is not None
    return ingress_verdict(snapshot, web, client, port).is_allowed


def egress(snapshot: Snapshot, target: str = "shop/web", port: Port = HTTP) -> bool:
    namespace, name = target.split("/")
    client, web = snapshot.get(Pod, "shop", "client"), snapshot.get(Pod, namespace, name)
    assert web is not None
    assert client is not None
    return egress_verdict(snapshot, client, web, port).is_allowed


def test_no_policy_allows_all() -> None:
    assert ingress(picture())
    assert egress(picture())


def test_empty_selector_without_rules_denies_all_in_its_direction() -> None:
    snapshot = picture(policy("podSelector: {}, policyTypes: [Ingress]"))
    assert not ingress(snapshot)
    assert egress(snapshot)


def test_policy_of_another_namespace_or_selector_isolates_nobody_here() -> None:
    assert ingress(picture(policy("podSelector: {}, policyTypes: [Ingress]", namespace="other")))
    assert ingress(picture(policy("podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]")))


def test_empty_rule_allows_all() -> None:
    assert ingress(picture(policy("podSelector: {}, ingress: [{}]")))


@pytest.mark.parametrize(
    ("rule", "near", "far"),
    [
        ("from: [{podSelector: {matchLabels: {app: client}}}]", True, False),
        ("from: [{podSelector: {}}]", True, False),
        ("from: [{namespaceSelector: {}}]", True, True),
        ("from: [{namespaceSelector: {matchLabels: {team: far}}}]", False, True),
        ("from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}}]", False, True),
        ("from: [{namespaceSelector: {matchLabels: {team: far}}, podSelector: {matchLabels: {app: x}}}]", False, False),
        (
            "from: [{namespaceSelector: {matchLabels: {team: far}}}, {podSelector: {matchLabels: {app: client}}}]",
            True,
            True,
        ),
        ("from: [{ipBlock: {cidr: 10.0.0.0/16}}]", True, True),
        ("from: [{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.2.0/24]}}]", True, False),
        ("from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [client]}]}}]", False, False),
    ],
)
def test_peers(rule: str, near: bool, far: bool) -> None:
    snapshot = picture(policy(f"podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{{rule}}}]"))
    assert ingress(snapshot) is near
    assert ingress(snapshot, "other/far") is far


@pytest.mark.parametrize(
    ("ports", "is_allowed"),
    [
        ("[{port: 8080}]", True),
        ("[{port: 80}]", False),
        ("[{port: http}]", True),
        ("[{port: grpc}]", False),
        ("[{port: 8000, endPort: 8100}]", True),
        ("[{port: 8000, endPort: 8079}]", False),
        ("[{port: 8080, protocol: UDP}]", False),
        ("[{protocol: TCP}]", True),
        ("[{port: 80}, {port: 8080}]", True),
    ],
)
def test_ports(ports: str, is_allowed: bool) -> None:
    assert ingress(picture(policy(f"podSelector: {{}}, ingress: [{{ports: {ports}}}]"))) is is_allowed
    egress_rule = policy(f"podSelector: {{}}, policyTypes: [Egress], egress: [{{ports: {ports}}}]")
    assert egress(picture(egress_rule)) is is_allowed


def test_policies_add_up() -> None:
    deny = policy("podSelector: {}, policyTypes: [Ingress]", name="deny")
    allow = policy("podSelector: {}, ingress: [{from: [{podSelector: {}}]}]", name="allow")
    assert ingress(picture(deny, allow))


def test_rule_that_comes_nearest_is_named_first_with_what_it_lacks() -> None:
    deny = policy("podSelector: {}, policyTypes: [Ingress]", name="deny")
    near = policy(
        "podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: cilent}}}], ports: [{port: 8080}]}]",
        name="near",
    )
    snapshot = picture(deny, near)
    web, client = snapshot.get(Pod, "shop", "web"), snapshot.get(Pod, "shop", "client")
    assert web is not None
    assert client is not None
    verdict = ingress_verdict(snapshot, web, client, HTTP)
    assert [item.name for item in verdict.isolating] == ["near", "deny"]
    assert verdict.why == "near allows pods with app=cilent, which pod shop/client is not (it has app=client)"


def test_missing_port_is_told() -> None:
    snapshot = picture(
        policy(
            "podSelector: {}, policyTypes: [Egress], "
            "egress: [{to: [{podSelector: {}}], ports: [{port: 53, protocol: UDP}]}]"
        )
    )
    client, web = snapshot.get(Pod, "shop", "client"), snapshot.get(Pod, "shop", "web")
    assert client is not None
    assert web is not None
    why = egress_verdict(snapshot, client, web, HTTP).why
    assert why == "p allows this peer, but only on port 53/UDP, not port 8080/TCP"


def test_host_network_is_not_isolated() -> None:
    snapshot = snapshot_of(
        pod("web", "{app: web}", host="true"), CLIENT, policy("podSelector: {}, policyTypes: [Ingress]")
    )
    assert ingress(snapshot)


def test_unread_policies_and_unknown_namespaces_deny_nothing() -> None:
    deny = policy("podSelector: {}, policyTypes: [Ingress]")
    gap = Gap(what="network policies", why="403", kind="NetworkPolicy", namespace="shop")
    assert ingress(snapshot_of(WEB, CLIENT, deny, gaps=[gap]))
    by_team = policy("podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: far}}}]}]")
    assert ingress(snapshot_of(WEB, CLIENT, FAR, by_team), "other/far")


@pytest.mark.parametrize(
    ("spec", "directions"),
    [
        ("podSelector: {}", {"Ingress"}),
        ("podSelector: {}, egress: [{}]", {"Ingress", "Egress"}),
        ("podSelector: {}, egress: [{}], policyTypes: [Egress]", {"Egress"}),
    ],
)
def test_directions_are_filled_in_as_by_the_server(spec: str, directions: set[str]) -> None:
    assert directions_of(snapshot_of(policy(spec)).all(NetworkPolicy)[0]) == directions


def test_dns_is_judged_by_its_pods_or_by_the_port_alone() -> None:
    denied = "podSelector: {}, policyTypes: [Egress]"
    only_dns = denied + ", egress: [{ports: [{port: 53, protocol: UDP}]}]"
    port = Port(number=53, protocol="UDP")
    for spec, is_allowed in ((denied, False), (only_dns, True)):
        snapshot = picture(policy(spec))
        client, server = snapshot.get(Pod, "shop", "client"), snapshot.get(Pod, "other", "far")
        assert client is not None
        assert server is not None
        assert dns_verdict(snapshot, client, []).is_allowed is is_allowed
        assert dns_verdict(snapshot, client, [(server, port)]).is_allowed is is_allowed
        assert len(isolating(snapshot, client, "Egress")) == 1


def why(spec: str, *, namespace: str = "shop", name: str = "client") -> str:
    snapshot = picture(policy(f"podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{spec}]}}]"))
    web, client = snapshot.get(Pod, "shop", "web"), snapshot.get(Pod, namespace, name)
    assert web is not None
    assert client is not None
    return ingress_verdict(snapshot, web, client, HTTP).why


@pytest.mark.parametrize(
    ("peer", "namespace", "name", "words"),
    [
        ("{podSelector: {matchLabels: {app: api}}}", "shop", "client", "(it has app=client)"),
        ("{podSelector: {matchLabels: {role: api}}}", "shop", "client", "(it has no label role)"),
        ("{podSelector: {}}", "other", "far", "(without a namespaceSelector only pods of namespace shop are meant)"),
        ("{namespaceSelector: {matchLabels: {team: near}}}", "other", "far", "(namespace other has team=far)"),
        ("{namespaceSelector: {matchLabels: {tier: x}}}", "other", "far", "(namespace other has no label tier)"),
        ("{ipBlock: {cidr: 192.0.2.0/24}}", "shop", "client", "(it has 10.0.1.7)"),
    ],
)
def test_what_the_peer_has_instead_is_said(peer: str, namespace: str, name: str, words: str) -> None:
    assert why(peer, namespace=namespace, name=name).endswith(words)


def test_namespaces_of_servers_before_1_21_are_not_labelled_with_their_name() -> None:
    by_name = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}}"
    spec = f"podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{by_name}]}}]"
    new = picture(policy(spec))
    assert ingress(new, "other/far")
    assert not ingress(replace(new, server_version="v1.20.2"), "other/far")
