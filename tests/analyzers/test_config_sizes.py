from __future__ import annotations

import base64
from typing import Any

from kubeagentix.analyzers.config_sizes import analyze
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.testing import snapshot_of


def config(chars: int) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "x" * chars}}


def secret(size: int, kind: str = "Opaque") -> dict[str, Any]:
    data = {"k": base64.b64encode(b"x" * size).decode()}
    return {"kind": "Secret", "metadata": {"name": "s"}, "type": kind, "data": data}


def test_what_is_near_the_limit_is_advice() -> None:
    found = list(analyze(snapshot_of(config(1_000_000), secret(1_000_000))))
    assert [str(item.ref) for item in found] == ["ConfigMap default/c", "Secret default/s"]
    assert {item.severity for item in found} == {Severity.INFO}


def test_half_of_it_and_releases_are_silent() -> None:
    large = secret(1_000_000, "helm.sh/release.v1")
    assert list(analyze(snapshot_of(config(500_000), secret(700_000), large))) == []
