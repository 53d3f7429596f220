"""ConfigMaps and Secrets that hardly fit into the API any more."""

from __future__ import annotations

from collections.abc import Iterable

from kubeagentix.analysis import kubectl
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.quantities import format_bytes
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, Secret

ID = "config-sizes"
MAX_BYTES = 1 << 20  # Source: apis/core/validation MaxSecretSize; ConfigMaps have the same
NEAR_BYTES = MAX_BYTES * 9 // 10
_RELEASE = "helm.sh/release.v1"  # made anew by every upgrade, and Helm says itself when one grows too large


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """Advice: one Finding per object that is near the limit, at which a write of it is refused."""
    objects: tuple[ConfigMap | Secret, ...] = (*snapshot.all(ConfigMap), *snapshot.all(Secret))
    for item in objects:
        if item.size_bytes >= NEAR_BYTES and getattr(item, "type", "") != _RELEASE:
            ref, size = snapshot.ref(item), format_bytes(item.size_bytes)
            look = f"describe {ref.kind.lower()} {ref.name}"
            yield Finding.of(
                analyzer=ID,
                reason="NearSizeLimit",
                ref=ref,
                title=f"{ref} holds {size} of at most {format_bytes(MAX_BYTES)}",
                severity=Severity.INFO,
                confidence=0.9,
                cause="A write that makes it larger is refused; large files belong in a volume or in an image.",
                evidence=(Evidence.of(ref, "spec", f"{len(item.keys)} keys, {size}", locator="data"),),
                remedies=(kubectl.read("See its keys and their sizes", look, ref.namespace),),
            )


plugin = AnalyzerPlugin(id=ID, title="ConfigMaps and Secrets near the size limit", analyze=analyze, scope="workload")
