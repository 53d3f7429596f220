"""Advice on Ingresses: hosts that are served in the clear."""

from __future__ import annotations

from collections.abc import Iterable

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.network import Ingress
from kubeagentix.domain.snapshot import Snapshot

ID = "lint-ingresses"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per Ingress that has hosts without TLS."""
    for ingress in snapshot.all(Ingress):
        remarks = [
            Remark(seen=f"host {host or '*'} is under no tls entry", locator=f"spec.rules[{host or '*'}]")
            for host in dict.fromkeys(rule.host for rule in ingress.spec.rules)
            if not _has_tls(ingress, host)
        ]
        if remarks:
            why = "What is sent there can be read and changed on the way, unless something in front ends TLS."
            yield advice(
                ID, "IngressWithoutTLS", snapshot.ref(ingress), title="hosts without TLS", why=why, remarks=remarks
            )


def _has_tls(ingress: Ingress, host: str) -> bool:
    """Whether a `tls` entry is for that host; one without hosts is for all."""
    wildcard = f"*.{host.partition('.')[2]}"
    return any(not item.hosts or host in item.hosts or wildcard in item.hosts for item in ingress.spec.tls)


plugin = AnalyzerPlugin(id=ID, title="Advice on Ingresses", analyze=analyze, is_lint=True)
