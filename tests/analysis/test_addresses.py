"""Names that a log uses for a Service, and those that a pod has an address of its own for."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.addresses import aliased, service_said
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
