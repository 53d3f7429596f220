"""Advice on autoscalers: those that measure a share of nothing, that ask for too much, whose work somebody undoes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.analysis.scheduler.placement import Cluster, requests_of
from kubeagentix.analysis.templates import Template, templates
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, ResourceRef
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import Deployment, HorizontalPodAutoscaler

ID = "lint-autoscalers"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per autoscaler and rule."""
    cluster = Cluster(snapshot=snapshot)
    by_workload = {template.workload: template for template in templates(snapshot)}
    for scaler in snapshot.all(HorizontalPodAutoscaler):
        target = scaler.spec.scale_target_ref
        template = by_workload.get(snapshot.named(target.kind, scaler.namespace, target.name))
        if template is not None:
            yield from _no_requests(snapshot.ref(scaler), scaler, template)
            yield from _fixed_replicas(snapshot, scaler, template.workload)
            yield from _too_many(cluster, scaler, template)


def _no_requests(ref: ResourceRef, scaler: HorizontalPodAutoscaler, template: Template) -> Iterator[Finding]:
    if template.spec.resources and template.spec.resources.requests:
        return
    resources = [item.resource for item in scaler.spec.metrics if item.type == "Resource" and item.resource]
    watched = {item.name for item in resources if item.target.type in ("", "Utilization")}
    remarks = [
        Remark(
            seen=f"container {container.name} of {template.workload} requests no {name}, which it scales by",
            locator=f"spec.metrics[{name}]",
        )
        for container in template.spec.containers
        for name in sorted(watched)
        if name not in {**container.resources.limits, **container.resources.requests}
    ]
    if remarks:
        why = "Utilization is a share of the request; without one the autoscaler does nothing."
        yield advice(
            ID, "AutoscalerNoRequests", ref, title="it scales by what is not requested", why=why, remarks=remarks
        )


def _fixed_replicas(snapshot: Snapshot, scaler: HorizontalPodAutoscaler, workload: ResourceRef) -> Iterator[Finding]:
    found = snapshot.find(workload)
    if not isinstance(found, Deployment):
        return
    # Only an apply says what somebody wants; other writers own fields that the server has filled in, too.
    writers = [item for item in found.metadata.managed_fields if item.operation == "Apply" and item.sets_replicas]
    if writers:
        names = " and ".join(sorted({item.manager for item in writers}))
        remark = Remark(seen=f"{names} applies spec.replicas", locator="metadata.managedFields")
        why = f"Each apply undoes what {snapshot.ref(scaler)} has set; leave replicas out of the manifest."
        yield advice(ID, "AutoscalerAndReplicas", workload, title="replicas are set by two", why=why, remarks=[remark])


def _too_many(cluster: Cluster, scaler: HorizontalPodAutoscaler, template: Template) -> Iterator[Finding]:
    asked = {name: value for name, value in requests_of(template.spec).items() if value}
    if not asked or not cluster.nodes:
        return
    fitting = sum(_places(cluster.allocatable(node), asked) for node in cluster.nodes)
    if fitting < scaler.spec.max_replicas:
        remark = Remark(
            seen=f"maxReplicas {scaler.spec.max_replicas}, and {fitting} of its pods would fit on nodes that are empty",
            locator="spec.maxReplicas",
        )
        title = "it may ask for more pods than the nodes can hold"
        why = "Unless nodes are added when it does, the rest stays Pending just when it is needed."
        yield advice(ID, "AutoscalerBeyondNodes", cluster.snapshot.ref(scaler), title=title, why=why, remarks=[remark])


def _places(offered: Mapping[str, float], asked: Mapping[str, float]) -> int:
    """How many such pods an empty node holds."""
    return int(min(offered.get(name, 0.0) // value for name, value in asked.items()))


plugin = AnalyzerPlugin(id=ID, title="Advice on autoscalers", analyze=analyze, is_lint=True)
