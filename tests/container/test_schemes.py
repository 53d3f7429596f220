"""Servers without a scheme."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.container.kubeconfigs import read_kubeconfigs
from kubeagentix.container.places import Homes, sources
from kubeagentix.container.schemes import complete

from .conftest import Box, config


@pytest.mark.parametrize(
    ("cluster", "user", "server"),
    [
        ({"server": "localhost:16555"}, {}, "http://localhost:16555"),
        ({"server": "127.0.0.1:6443/x"}, {"token": "t"}, "http://127.0.0.1:6443/x"),
        ({"server": "[::1]:6443", "certificate-authority-data": "YQ=="}, {}, "https://[::1]:6443"),
        ({"server": "example.invalid", "insecure-skip-tls-verify": True}, {}, "https://example.invalid"),
        ({"server": "localhost:1"}, {"client-certificate-data": "YQ=="}, "https://localhost:1"),
        ({"server": "https://localhost:1"}, {}, "https://localhost:1"),
        ({"server": "localhost:x"}, {}, "localhost:x"),
        ({"server": "/only/a/path"}, {}, "/only/a/path"),
    ],
)
def test_a_server_without_a_scheme_gets_the_one_that_kubectl_takes(
    box: Box, cluster: dict[str, Any], user: dict[str, Any], server: str
) -> None:
    box.write(config({"dev": cluster}, user=user))
    homes = Homes(box.home)
    merged = read_kubeconfigs(sources({}, homes), homes)
    said = complete(merged)
    assert merged.clusters["dev"]["server"] == server
    assert [f"it is taken as {server}" in note.line for note in said] == ([True] if server != cluster["server"] else [])
