"""Which endpoints are on the host's loopback, and what a kubeconfig says once one is reached elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.container import endpoints, gateways
from kubeagentix.container.endpoints import local_address, local_endpoints, move
from kubeagentix.container.kubeconfigs import Merged
from kubeagentix.container.listening import reserved_ports


def _merged(**clusters: dict[str, Any]) -> Merged:
    contexts = {f"of-{name}": {"cluster": name} for name in clusters}
    return Merged({"clusters": clusters, "contexts": contexts, "users": {}})


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1.2.3", "127.1.2.3"),
        ("localhost", "127.0.0.1"),
        ("LocalHost.", "127.0.0.1"),
        ("k3d.localhost", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::1", "::1"),
        ("::", "::1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("kubernetes.docker.internal", "127.0.0.1"),
        ("10.0.0.1", None),
        ("host.docker.internal", None),
        ("localhost.example.org", None),
        ("kubernetes.docker.internal.example.org", None),
        ("128.0.0.1", None),
        ("::2", None),
        ("", None),
    ],
)
def test_what_is_on_the_hosts_loopback(host: str, address: str | None) -> None:
    assert local_address(host) == address


def test_docker_desktops_own_name_is_left_alone_where_its_resolver_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "addresses_of", lambda _: ["192.168.65.254"])
    assert local_address("kubernetes.docker.internal") is None


@pytest.mark.parametrize(
    ("cluster", "name"),
    [
        ({"server": "https://127.0.0.1"}, "127.0.0.1:443"),
        ({"server": "http://localhost/base"}, "127.0.0.1:80"),
        ({"server": "https://[::1]"}, "[::1]:443"),
        ({"server": "https://me@127.0.0.1:6443/x"}, "127.0.0.1:6443"),
        ({"server": "https://10.0.0.1", "proxy-url": "socks5://localhost"}, "127.0.0.1:1080"),
        ({"server": "https://127.0.0.1", "proxy-url": "http://proxy.example.org:3128"}, None),
        ({"server": "https://127.0.0.1:0"}, None),
        ({"server": "https://127.0.0.1:99999"}, None),
        ({"server": "https://[::1"}, None),
        ({"server": "127.0.0.1:6443"}, None),
        ({}, None),
    ],
)
def test_the_endpoint_of_a_cluster(cluster: dict[str, Any], name: str | None) -> None:
    assert [found.name for found in local_endpoints(_merged(dev=cluster))] == ([name] if name else [])


def test_clusters_at_one_address_share_an_endpoint() -> None:
    merged = _merged(
        a={"server": "https://127.0.0.1:1"}, b={"server": "https://localhost:1"}, c={"server": "https://[::1]:1"}
    )
    assert [(found.name, found.contexts) for found in local_endpoints(merged)] == [
        ("127.0.0.1:1", ["of-a", "of-b"]),
        ("[::1]:1", ["of-c"]),
    ]


@pytest.mark.parametrize(
    ("cluster", "moved"),
    [
        ({"server": "https://127.0.0.1/x"}, {"server": "https://127.0.0.1:9/x", "tls-server-name": "127.0.0.1"}),
        ({"server": "https://[::1]:7"}, {"server": "https://127.0.0.1:9", "tls-server-name": "::1"}),
        ({"server": "https://localhost.:9"}, {"server": "https://127.0.0.1:9", "tls-server-name": "localhost"}),
        (
            {"server": "https://u@localhost:7/", "tls-server-name": "kept"},
            {"server": "https://u@127.0.0.1:9/", "tls-server-name": "kept"},
        ),
        (
            {"server": "https://far.invalid", "proxy-url": "http://u:p@localhost:3128"},
            {"server": "https://far.invalid", "proxy-url": "http://u:p@127.0.0.1:9"},
        ),
    ],
)
def test_a_moved_endpoint_keeps_its_name_for_tls(cluster: dict[str, Any], moved: dict[str, Any]) -> None:
    merged = _merged(dev=cluster)
    (endpoint,) = local_endpoints(merged)
    move(merged, endpoint, "127.0.0.1", 9)
    assert merged.clusters["dev"] == moved


def test_the_ports_of_the_command_are_its_own() -> None:
    assert reserved_ports(["jupyter", "lab", "--port=9000", "--ServerApp.port=9001"]) == {8888, 9000, 9001}
    assert reserved_ports(["kubeagentix", "lab", "--port", "9002", "-p", "x"]) == {8888, 9002}


@pytest.mark.parametrize(
    ("known", "environ", "found"),
    [
        ({"host.docker.internal": "198.51.100.2"}, {}, ("host.docker.internal", False)),
        ({"host.containers.internal": "198.51.100.1"}, {}, ("host.containers.internal", False)),
        ({"host.docker.internal": "127.0.0.1"}, {}, ("host.docker.internal", True)),
        ({"127.0.0.2": "127.0.0.2"}, {"KUBEAGENTIX_HOST_GATEWAY": "127.0.0.2"}, ("127.0.0.2", False)),
        ({"::1": "::1"}, {"KUBEAGENTIX_HOST_GATEWAY": "[::1]"}, ("::1", False)),
        ({}, {}, None),
    ],
)
def test_the_host_is_the_first_name_that_resolves(
    monkeypatch: pytest.MonkeyPatch, known: dict[str, str], environ: dict[str, str], found: tuple[str, bool] | None
) -> None:
    monkeypatch.setattr(gateways, "addresses_of", lambda name: [known[name]] if name in known else [])
    gateway = gateways.find_gateway(environ)
    assert (gateway and (gateway.name, gateway.is_this_machine)) == found
