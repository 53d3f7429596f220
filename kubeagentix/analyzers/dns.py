"""The cluster's DNS: names that it owes to several, and what in its Corefile keeps it from giving them.

That its pods are not ready, crash or are gone is told by the analyzers of pods, workloads and Services.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.affected import workloads_of
from kubeagentix.analysis.connections import FailedConnection, failed_connections, is_dns_in_doubt
from kubeagentix.analysis.policies import dns_verdict
from kubeagentix.analysis.resolution import dns_of, dns_servers, is_dns_silent
from kubeagentix.analysis.selectors import is_one_slip
from kubeagentix.analysis.signatures import NO_SUCH_HOST
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, NameRefusal

ID = "dns"
SEVERAL = 2  # workloads: a name that one cannot resolve may be its own fault
CLIENTS_SHOWN = 3
_OWN_ADDRESSES = ("127.0.0.1", "localhost", "::1", "127.0.0.1:53")
# Source: github.com/coredns/coredns/plugin.cfg; those that are usual in clusters.
_PLUGINS = (
    *("acl", "autopath", "bind", "bufsize", "cache", "cancel", "debug", "errors", "file", "forward", "health", "hosts"),
    *("import", "k8s_external", "kubernetes", "loadbalance", "log", "loop", "metadata", "minimal", "pprof"),
    *("prometheus", "ready", "reload", "rewrite", "rrl", "secondary", "template", "tls", "trace", "transfer"),
)


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Corefile and reason, and one of the DNS as a whole."""
    lookups = [item for item in failed_connections(snapshot) if item.signature == NO_SUCH_HOST]
    explained: set[ResourceRef] = set()
    is_up = any(pod.is_ready for pod, _ in dns_servers(snapshot))
    for config in _configs(snapshot):
        for finding in _about_corefile(snapshot, config, lookups if is_up else []):
            explained.update(finding.explains)
            yield finding
    doubted = [item for item in lookups if is_dns_in_doubt(snapshot, item) and not _is_cut_off(snapshot, item)]
    yield from _owed(snapshot, [item for item in doubted if snapshot.workload_of(item.client) not in explained])


def _is_cut_off(snapshot: Snapshot, item: FailedConnection) -> bool:
    return not dns_verdict(snapshot, item.client, dns_servers(snapshot)).is_allowed


def _clients(snapshot: Snapshot, lookups: Iterable[FailedConnection]) -> tuple[ResourceRef, ...]:
    return workloads_of(snapshot, (item.client for item in lookups))


def _owed(snapshot: Snapshot, lookups: list[FailedConnection]) -> Iterator[Finding]:
    """Names of existing Services that several workloads cannot resolve."""
    clients = _clients(snapshot, lookups)
    for ref in dns_of(snapshot) if lookups else ():
        is_there = snapshot.find(ref) is not None
        if is_there and len(clients) < SEVERAL:
            return
        if not is_there and not snapshot.was_read(Service, ref.namespace, name=ref.name):
            return
        names = ", ".join(str(item) for item in clients[:CLIENTS_SHOWN])
        yield Finding.of(
            analyzer=ID,
            reason="DNSLookupsFail" if is_there else "DNSServiceNotFound",
            ref=ref,
            title=f"{ref} does not resolve names for {len(clients)} workloads"
            if is_there
            else f"{ref} does not exist, so that no name is resolved",
            severity=Severity.CRITICAL,
            confidence=0.7,
            cause=f"{names} cannot resolve names of Services that exist.",
            evidence=tuple(item.evidence(snapshot) for item in lookups[:CLIENTS_SHOWN]),
            remedies=(
                kubectl.read("See its pods and endpoints", "get pods,endpointslices -o wide", ref.namespace),
                kubectl.read("Read what it logs", "logs -l k8s-app=kube-dns --tail=50 --prefix", ref.namespace),
            ),
            points_at=workloads_of(snapshot, (pod for pod, _ in dns_servers(snapshot))),
            explains=clients,
            is_symptom=is_there,
        )


def _configs(snapshot: Snapshot) -> Iterator[ConfigMap]:
    """The Corefiles of the pods behind the DNS Service."""
    names = {
        (pod.namespace, volume.config_map.name)
        for pod, _ in dns_servers(snapshot)
        for volume in pod.spec.volumes
        if volume.config_map
    }
    for namespace, name in sorted(names):
        config = snapshot.get(ConfigMap, namespace, name)
        if config is not None and config.corefile is not None:
            yield config


def _about_corefile(snapshot: Snapshot, config: ConfigMap, lookups: list[FailedConnection]) -> Iterator[Finding]:
    corefile = config.corefile
    if corefile is None:
        return
    for refusal in corefile.refusals:
        yield from _refuses(snapshot, config, refusal, lookups)
    for name, other in corefile.rewrites.items():
        hit = [item for item in lookups if name in _full_names(item)]
        if hit:
            what = f"has {name} rewritten to {other}, which is not resolved"
            yield _finding(snapshot, config, "Rewrite", what, hit)
    unknown = [item for item in lookups if is_dns_in_doubt(snapshot, item) and not is_dns_silent(item.failure.line)]
    if unknown and corefile.forwards and not corefile.kubernetes_zones:
        what = "has no kubernetes plugin, so that CoreDNS knows no name of the cluster"
        yield _finding(snapshot, config, "NoKubernetes", what, unknown)
    if loops := _loops(snapshot, corefile.forwards):
        what = f"forwards to {loops}, which is CoreDNS itself"
        yield _finding(snapshot, config, "ForwardLoop", what, [])
    for word in corefile.directives:
        like = next((name for name in _PLUGINS if is_one_slip(word, name)), "")
        if word not in _PLUGINS and like:
            what = f"has a directive {word}, which CoreDNS does not know: was {like} meant?"
            yield _finding(snapshot, config, "UnknownDirective", what, [])


def _refuses(
    snapshot: Snapshot, config: ConfigMap, refusal: NameRefusal, lookups: list[FailedConnection]
) -> Iterator[Finding]:
    hit = [item for item in lookups if any(_is_refused(refusal, name) for name in _full_names(item))]
    if hit:
        what = f"has {hit[0].host} answered with {refusal.code}"
        yield _finding(snapshot, config, "TemplateRefuses", what, hit)
    elif not refusal.patterns and any(_is_within(zone, refusal.zones) for zone in _cluster_zones(config)):
        what = f"has every name of the cluster answered with {refusal.code}"
        yield _finding(snapshot, config, "TemplateRefuses", what, [])


def _cluster_zones(config: ConfigMap) -> tuple[str, ...]:
    zones = config.corefile.kubernetes_zones if config.corefile is not None else ()
    return tuple(zone for zone in zones if not zone.endswith(".arpa"))


def _is_refused(refusal: NameRefusal, name: str) -> bool:
    if not _is_within(name, refusal.zones):
        return False
    return not refusal.patterns or any(_matches(pattern, f"{name}.") for pattern in refusal.patterns)


def _is_within(name: str, zones: Iterable[str]) -> bool:
    parents = [zone.strip(".") for zone in zones]
    return any(not zone or name == zone or name.endswith(f".{zone}") for zone in parents)


def _matches(pattern: str, name: str) -> bool:
    try:  # Go's syntax, which is nearly Python's
        return re.search(pattern.strip('"'), name) is not None
    except re.error:
        return False


def _full_names(item: FailedConnection) -> tuple[str, ...]:
    """The names that are asked for a host, with the search path of a pod and the usual domain."""
    host = item.host.lower().rstrip(".")
    domain = f"{item.client.namespace}.svc.cluster.local"
    return (host, f"{host}.{domain}", f"{host}.svc.cluster.local", f"{host}.cluster.local")


def _loops(snapshot: Snapshot, forwards: Iterable[str]) -> str:
    """The address among `forwards` at which CoreDNS asks itself; a second container may answer there."""
    pods = [pod for pod, _ in dns_servers(snapshot)]
    own = {ref.spec.cluster_ip for item in dns_of(snapshot) if isinstance(ref := snapshot.find(item), Service)}
    local = _OWN_ADDRESSES if pods and all(_is_alone(pod) for pod in pods) else ()
    return next((to for to in forwards if to in local or (to in own and to not in ("", "None"))), "")


def _is_alone(pod: Pod) -> bool:
    return len(pod.spec.containers) == 1


def _finding(snapshot: Snapshot, config: ConfigMap, split: str, what: str, lookups: list[FailedConnection]) -> Finding:
    ref = snapshot.ref(config)
    clients = _clients(snapshot, lookups)
    suffering = f" {', '.join(str(item) for item in clients[:CLIENTS_SHOWN])} cannot resolve it." if clients else ""
    return Finding.of(
        analyzer=ID,
        reason=f"DNSConfig/{split}",
        ref=ref,
        title=f"{ref}: the Corefile {what}",
        severity=Severity.CRITICAL if lookups else Severity.WARNING,
        confidence=0.9 if lookups else 0.7,
        cause=f"The Corefile of the cluster's DNS {what}.{suffering}",
        evidence=(
            Evidence.of(ref, "spec", f"the Corefile {what}", locator="data.Corefile"),
            *(item.evidence(snapshot) for item in lookups[:CLIENTS_SHOWN]),
        ),
        remedies=(
            kubectl.read("See the Corefile", f"get configmap {ref.name} -o yaml", ref.namespace),
            kubectl.edit(ref, "Correct the Corefile"),
        ),
        explains=clients,
    )


plugin = AnalyzerPlugin(id=ID, title="The cluster's DNS", analyze=analyze)
