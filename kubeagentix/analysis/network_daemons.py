"""The DaemonSets that bring nodes their pod network: those that put a plugin or its settings where kubelets look.

Source: the CNI conventions, /etc/cni/net.d for settings and /opt/cni/bin for programs (other roots on some systems).
"""

from __future__ import annotations

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.pods import Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import DaemonSet

_PLACES = ("/cni/net.d", "/cni/bin", "/etc/cni", "/opt/cni")


def network_daemons(snapshot: Snapshot, node: str) -> tuple[ResourceRef, ...]:
    """Of those that are in the picture, the ones whose pod on that node is missing or not ready."""
    ready = {snapshot.workload_of(pod) for pod in snapshot.all(Pod) if pod.spec.node_name == node and pod.is_ready}
    refs = (snapshot.ref(item) for item in snapshot.all(DaemonSet) if _brings_network(item.spec.template.spec))
    return tuple(ref for ref in refs if ref not in ready)


def _brings_network(spec: PodSpec) -> bool:
    paths = (volume.host_path.path for volume in spec.volumes if volume.host_path is not None)
    return any(path.rstrip("/").endswith(_PLACES) or "/cni/" in f"{path}/" for path in paths)
