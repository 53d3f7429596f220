"""Which servers a proxy of the environment would catch."""

from __future__ import annotations

import pytest

from kubeagentix.doctor.proxies import is_internal, is_skipped, proxy_for

PROXY = {"HTTPS_PROXY": "http://proxy:3128"}


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("*", "api.example.org"),
        ("example.org", "api.example.org"),
        (".example.org", "api.example.org"),
        ("*.example.org", "api.example.org"),
        ("a.b, API.example.org ", "api.example.org"),
        ("api.example.org:6443", "api.example.org"),
        ("10.0.0.7", "10.0.0.7"),
        ("10.0.0.0/8", "10.0.0.7"),
        ("fd00::/8", "fd00::1"),
        ("[fd00::1]:6443", "fd00::1"),
    ],
)
def test_what_the_list_names_is_asked_directly(no_proxy: str, host: str) -> None:
    assert is_skipped(host, 6443, no_proxy)


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("", "api.example.org"),
        ("ample.org", "api.example.org"),
        ("api.example.org:443", "api.example.org"),
        ("api.example.org.evil", "api.example.org"),
        ("10.0.0.0/8", "11.0.0.7"),
        ("10.0.0", "10.0.0.7"),
        ("nonsense/8,,::/x", "10.0.0.7"),
    ],
)
def test_what_it_does_not_name_goes_by_the_proxy(no_proxy: str, host: str) -> None:
    assert not is_skipped(host, 6443, no_proxy)


def test_the_variable_is_that_of_the_scheme() -> None:
    assert proxy_for("https://api.example.org", PROXY) == "HTTPS_PROXY"
    assert proxy_for("https://api.example.org", {"https_proxy": "http://p"}) == "https_proxy"
    assert proxy_for("http://api.example.org", PROXY) == ""
    assert proxy_for("https://api.example.org", {**PROXY, "no_proxy": "example.org"}) == ""


def test_loopback_and_a_proxy_of_the_kubeconfig_are_not_the_variables_business() -> None:
    assert proxy_for("https://127.0.0.1:6443", PROXY) == ""
    assert proxy_for("https://localhost:6443", PROXY) == ""
    assert proxy_for("https://api.example.org", PROXY, "http://other:1") == ""


def test_addresses_within_are_told_from_those_outside() -> None:
    assert all(map(is_internal, ("https://10.1.2.3", "https://kube", "https://a.svc", "https://[fd00::1]:6443")))
    assert not any(map(is_internal, ("https://8.8.8.8", "https://api.example.org")))
