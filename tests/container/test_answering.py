"""What answers at an address, whatever the kubeconfig says of it."""

from __future__ import annotations

import base64
import socket

import pytest

from kubeagentix.container.answering import Kind, ask
from kubeagentix.container.endpoints import Use

from .conftest import HOST, Serve, free_port


@pytest.mark.parametrize("name", ["a\0b", ".a", "a..b", "x" * 300, "\ud800"])
def test_a_name_that_no_server_can_have_is_told(serve: Serve, name: str) -> None:
    api = serve()
    cluster = api.cluster("https://127.0.0.1:PORT", **{"tls-server-name": name})
    answer = ask((HOST, api.port), Use("dev", "127.0.0.1", "https", ()), cluster)
    assert answer.kind is Kind.UNTRUSTED
    assert "is no name of a server" in answer.why


@pytest.mark.parametrize("authority", [b"\xff\xfe", b"hello"])
def test_an_authority_that_is_no_certificate_is_told(serve: Serve, authority: bytes) -> None:
    api = serve()
    cluster = {"certificate-authority-data": base64.b64encode(authority).decode()}
    answer = ask((HOST, api.port), Use("dev", "127.0.0.1", "https", ()), cluster)
    assert (answer.kind, answer.why) == (Kind.UNTRUSTED, "its certificate-authority is no certificate")


def test_what_takes_a_connection_and_is_silent_is_told() -> None:
    with socket.create_server((HOST, 0)) as silent:
        use = Use("dev", "127.0.0.1", "https", ())
        answer = ask((HOST, silent.getsockname()[1]), use, {}, timeout_s=0.05)
    assert (answer.kind, answer.why) == (Kind.CLOSED, "no answer in time")


def test_nobody_there_is_told() -> None:
    answer = ask((HOST, free_port()), Use("dev", "127.0.0.1", "https", ()), {})
    assert (answer.kind, answer.why) == (Kind.NOTHING, "connection refused")


def test_a_name_that_leads_nowhere_is_told() -> None:
    assert ask(("no-such-host.invalid", 1), Use("dev", "127.0.0.1", "https", ()), {}).why == "no such host"
