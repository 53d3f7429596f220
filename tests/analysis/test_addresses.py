"""Names that a log uses for a Service, and those that a pod has an address of its own for."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.addresses import aliased, resolve_host, service_said
from kubeagentix.domain.pods import Pod
from kubeagentix.testing import snapshot_of

BACKEND = {"kind": "Service", "metadata": {"name": "backend"}}
OTHER = {"kind": "Service", "metadata": {"name": "other"}}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ERROR: connection timeout to backend! timed out", "backend"),
        ("request from other to backend failed", ""),
        ("timeout while connected to backend.example.com", ""),
        ("the backend timed out", ""),
        ("timeout to nobody", ""),
    ],
)
def test_a_service_is_said_where_a_line_goes_to_its_bare_name(line: str, said: str) -> None:
    assert service_said(snapshot_of(BACKEND, OTHER), "default", line) == said
    assert service_said(snapshot_of(BACKEND, OTHER), "elsewhere", line) == ""


def test_the_address_that_host_aliases_give_is_found_with_and_without_a_port() -> None:
    spec = {"containers": [{"name": "c"}], "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["backend"]}]}
    [pod] = snapshot_of({"kind": "Pod", "metadata": {"name": "p"}, "spec": spec}).all(Pod)
    assert aliased(pod, "backend:8080") == aliased(pod, "Backend") == "192.0.2.1"
    assert aliased(pod, "backend2") == aliased(pod, "") == ""


def test_an_address_is_whose_it_is_now_and_a_nodes_is_no_pods() -> None:
    def pod(name: str, phase: str, *, host_network: bool = False) -> dict[str, object]:
        spec = {"containers": [{"name": "c"}], "hostNetwork": host_network}
        address = "10.0.0.1" if host_network else "10.244.0.9"
        return {"kind": "Pod", "metadata": {"name": name}, "spec": spec, "status": {"phase": phase, "podIP": address}}

    snapshot = snapshot_of(pod("was", "Succeeded"), pod("is", "Running"), pod("proxy", "Running", host_network=True))
    assert str(resolve_host(snapshot, "default", "10.244.0.9:80")) == "Pod default/is"
    assert resolve_host(snapshot, "default", "10.0.0.1:80") is None
