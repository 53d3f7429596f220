"""Hosts and the names of certificates."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.tls_names import covers, names_of
from kubeagentix.domain.storage import TlsCertificate


@pytest.mark.parametrize(
    ("name", "host", "is_covered"),
    [
        ("shop.example.org", "shop.example.org", True),
        ("Shop.Example.org", "shop.example.ORG", True),
        ("*.example.org", "shop.example.org", True),
        ("*.example.org", "*.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "a.b.example.org", False),
        ("shop.example.org", "*.example.org", False),
        ("shop.example.org", "example.org", False),
    ],
)
def test_a_wildcard_stands_for_one_label(name: str, host: str, is_covered: bool) -> None:
    assert covers((name,), host) is is_covered


def test_common_name_counts_only_without_alternative_names() -> None:
    assert names_of(TlsCertificate(subject="CN=old.example.org,O=Shop")) == ("old.example.org",)
    assert names_of(TlsCertificate(subject="CN=old.example.org", dns_names=("new.example.org",))) == (
        "new.example.org",
    )
    assert names_of(TlsCertificate(subject="O=Shop")) == ()
