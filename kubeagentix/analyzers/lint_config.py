"""Advice on ConfigMaps and Secrets: those that nothing names, and keys of which the same is true.

What reads its configuration through the API cannot be seen here: system namespaces, what a controller owns, what its
type or annotations say is kept for such a reader, and names that stand in a command or a variable are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.analysis.config_uses import ConfigUses, config_uses
from kubeagentix.analysis.shortfall import is_older_than
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.network import Ingress
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, Secret, ServiceAccount
from kubeagentix.domain.workloads import (
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)

ID = "lint-config"
YOUNG_S = 600  # configuration is made before what uses it
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease")
_USERS = (
    *(Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, ReplicationController, Job, CronJob),
    *(ServiceAccount, Ingress),
)
# Put into every namespace by the control plane, OpenShift or Istio.
_AUTOMATIC = ("kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert")
# Types that pods name, or nobody; others are for readers of their own (tokens, bootstrap, Helm's releases).
_FOR_PODS = (
    *("", "Opaque", "kubernetes.io/tls", "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"),
    *("kubernetes.io/basic-auth", "kubernetes.io/ssh-auth"),
)
_WHOLE_TYPES = ("kubernetes.io/tls", "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")
_LEADER = "control-plane.alpha.kubernetes.io/leader"  # a lock, and no configuration


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per ConfigMap or Secret that nothing names, or has keys that nothing names."""
    uses = config_uses(snapshot)
    items: tuple[ConfigMap | Secret, ...] = (*snapshot.all(ConfigMap), *snapshot.all(Secret))
    for item in items:
        if _is_for_pods(item) and _sees_users(snapshot, item) and not _is_young(snapshot, item):
            yield from _unused(snapshot, uses, item)


def _unused(snapshot: Snapshot, uses: ConfigUses, item: ConfigMap | Secret) -> Iterator[Finding]:
    ref = snapshot.ref(item)
    place = ref.key
    if not uses.is_used(place):
        remark = Remark(seen="no pod, ServiceAccount or Ingress names it", locator="metadata.name")
        why = "What nobody reads is mistaken for what counts; something may still read it through the API."
        yield advice(ID, f"Unused{item.kind}", ref, title="nothing uses it", why=why, remarks=[remark])
    elif place in uses.keys and place not in uses.whole and place[1:] not in uses.words:
        left = sorted(set(item.keys) - uses.keys[place])
        has_all = isinstance(item, Secret) and item.type in _WHOLE_TYPES
        if left and not has_all:
            remarks = [Remark(seen=f"key {key} is named nowhere", locator=f"data[{key}]") for key in left]
            why = "Its other keys are taken one by one, so that nobody sees these."
            yield advice(ID, "UnusedKey", ref, title=f"unused keys: {', '.join(left[:5])}", why=why, remarks=remarks)


def _is_for_pods(item: ConfigMap | Secret) -> bool:
    if item.namespace in _SYSTEM or item.metadata.owner_references or item.metadata.deletion_timestamp is not None:
        return False
    if isinstance(item, Secret):
        return item.type in _FOR_PODS
    return item.name not in _AUTOMATIC and _LEADER not in item.metadata.annotations


def _sees_users(snapshot: Snapshot, item: ConfigMap | Secret) -> bool:
    return all(snapshot.was_read(kind, item.namespace) for kind in _USERS)


def _is_young(snapshot: Snapshot, item: ConfigMap | Secret) -> bool:
    return not is_older_than(item.metadata.creation_timestamp, YOUNG_S, snapshot.taken_at)


plugin = AnalyzerPlugin(id=ID, title="Advice on ConfigMaps and Secrets", analyze=analyze, is_lint=True)
