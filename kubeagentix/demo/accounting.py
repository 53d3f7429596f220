"""The simulated controllers that only count: claims, autoscalers, disruption budgets, quotas, metrics, namespaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubeagentix.demo import pods as admission
from kubeagentix.demo.extensions import metrics_failure
from kubeagentix.demo.journal import Note, record
from kubeagentix.demo.policies import is_ready
from kubeagentix.demo.scheduler import pods_on
from kubeagentix.demo.selectors import selects
from kubeagentix.demo.store import Manifest, plain_copy
from kubeagentix.demo.world import World, metadata, moment, seconds, stamp
from kubeagentix.domain.quantities import quantity_or_zero

_CLAIM_RETRY_S = 15  # the PersistentVolume controller's resync
_HPA_SYNC_S = 15
_METRICS = "metrics.k8s.io/v1beta1"


def sync_namespace(namespace: Mapping[str, Any], world: World) -> None:
    """Every namespace has the service account `default` and the cluster's CA."""
    name, created = namespace["metadata"]["name"], moment(namespace["metadata"]["creationTimestamp"])
    if world.find("ServiceAccount", name, "default") is None:
        world.store.put(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("default", name, created=created)}
        )
    if world.find("ConfigMap", name, "kube-root-ca.crt") is None:
        world.store.put(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": metadata("kube-root-ca.crt", name, created=created),
                "data": {"ca.crt": "-----BEGIN CERTIFICATE-----\nMIIBejCCASGgAwIBAgIRAJ\n-----END CERTIFICATE-----\n"},
            }
        )


def sync_claim(claim: Mapping[str, Any], world: World) -> None:
    """Bind a claim to a new volume if its class can provide one, else say why not."""
    if (claim.get("status") or {}).get("phase") == "Bound":
        return
    created, now = moment(claim["metadata"]["creationTimestamp"]), world.now
    class_name = claim["spec"].get("storageClassName") or _default_class(world)
    storage_class = world.find("StorageClass", "", class_name)
    if storage_class is None:
        text = f'storageclass.storage.k8s.io "{class_name}" not found'
        if world.refusals.get(claim["metadata"]["uid"]) != text:
            world.refusals[claim["metadata"]["uid"]] = text
            count = 1 + int((now - created).total_seconds() // _CLAIM_RETRY_S)
            last = max(now - seconds(9), created)
            note = Note(
                reason="ProvisioningFailed", message=text, component="persistentvolume-controller",
                first=created, last=last, count=count, type="Warning",
            )  # fmt: skip
            record(world, claim, note)
        return
    used_by = [
        pod
        for pod in world.all("Pod", claim["metadata"]["namespace"])
        if any(
            (volume.get("persistentVolumeClaim") or {}).get("claimName") == claim["metadata"]["name"]
            for volume in pod["spec"].get("volumes") or ()
        )
    ]
    if storage_class.get("volumeBindingMode") != "WaitForFirstConsumer" or used_by:
        _bind(claim, storage_class, world)


def _default_class(world: World) -> str:
    key = "storageclass.kubernetes.io/is-default-class"
    defaults = [
        item["metadata"]["name"]
        for item in world.all("StorageClass")
        if (item["metadata"].get("annotations") or {}).get(key) == "true"
    ]
    return defaults[0] if defaults else ""


def _bind(claim: Mapping[str, Any], storage_class: Mapping[str, Any], world: World) -> None:
    bound: Manifest = plain_copy(claim)
    capacity = bound["spec"]["resources"]["requests"]
    volume_name = f"pvc-{claim['metadata']['uid']}"
    bound["spec"] |= {"volumeName": volume_name, "storageClassName": storage_class["metadata"]["name"]}
    bound["metadata"].setdefault("annotations", {}).update(
        {
            "pv.kubernetes.io/bind-completed": "yes",
            "pv.kubernetes.io/bound-by-controller": "yes",
            "volume.kubernetes.io/storage-provisioner": storage_class["provisioner"],
        }
    )
    bound["metadata"]["finalizers"] = ["kubernetes.io/pvc-protection"]
    modes = bound["spec"]["accessModes"]
    bound["status"] = {"phase": "Bound", "accessModes": modes, "capacity": dict(capacity)}
    world.store.put(bound)
    created = max(moment(claim["metadata"]["creationTimestamp"]), world.clock)
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "uid": claim["metadata"]["uid"]}
    world.store.put(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": metadata(
                volume_name,
                created=created,
                annotations={"pv.kubernetes.io/provisioned-by": storage_class["provisioner"]},
            ),
            "spec": {
                "accessModes": modes,
                "capacity": dict(capacity),
                "claimRef": reference | {key: claim["metadata"][key] for key in ("name", "namespace")},
                "csi": {"driver": storage_class["provisioner"], "volumeHandle": volume_name, "fsType": "ext4"},
                "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
                "storageClassName": storage_class["metadata"]["name"],
                "volumeMode": "Filesystem",
            },
            "status": {"phase": "Bound", "lastPhaseTransitionTime": stamp(created)},
        }
    )


def sync_autoscaler(hpa: Mapping[str, Any], world: World) -> None:
    """Write an autoscaler's conditions, from its target and its pods' requests and use."""
    reference, namespace = hpa["spec"]["scaleTargetRef"], hpa["metadata"]["namespace"]
    target = world.find(reference["kind"], namespace, reference["name"])
    if target is None:
        plural = f"{reference['kind'].lower()}s/scale.apps"
        text = f'{plural} "{reference["name"]}" not found'
        message = f"the HPA controller was unable to get the target's current scale: {text}"
        _write_autoscaler(hpa, [("AbleToScale", False, "FailedGetScale", message)], {}, text, world)
        return
    replicas = target["spec"].get("replicas", 1)
    able = ("AbleToScale", True, "SucceededGetScale", "the HPA controller was able to get the target's current scale")
    counts = {"currentReplicas": replicas, "desiredReplicas": replicas}
    pods = [
        pod
        for pod in world.all("Pod", namespace)
        if selects(target["spec"]["selector"], pod["metadata"].get("labels") or {})
        and (pod.get("status") or {}).get("phase") == "Running"
    ]
    metric = hpa["spec"]["metrics"][0]
    kind = metric["type"]  # Resource, or Pods: a metric of its own
    name = metric["resource"]["name"] if kind == "Resource" else metric["pods"]["metric"]["name"]
    failure = _metric_failure(name, pods, world) if kind == "Resource" else _custom_failure(name, world)
    if failure:
        message = f"the HPA was unable to compute the replica count: {failure}"
        conditions = [able, ("ScalingActive", False, f"FailedGet{kind}Metric", message)]
        _write_autoscaler(hpa, conditions, {"currentReplicas": replicas, "desiredReplicas": 0}, failure, world)
        return
    value = {"averageUtilization": 41, "averageValue": "41m"}
    counts["currentMetrics"] = [{"type": "Resource", "resource": {"name": name, "current": value}}]
    found = (
        f"the HPA was able to successfully calculate a replica count from {name} resource utilization "
        "(percentage of request)"
    )
    conditions = [
        ("AbleToScale", True, "ReadyForNewScale", "recommended size matches current size"),
        ("ScalingActive", True, "ValidMetricFound", found),
        ("ScalingLimited", False, "DesiredWithinRange", "the desired count is within the acceptable range"),
    ]
    _write_autoscaler(hpa, conditions, counts, "", world)


def _custom_failure(name: str, world: World) -> str:
    why = metrics_failure("custom.metrics.k8s.io", "pods", world)
    return f"unable to get metric {name}: unable to fetch metrics from custom metrics API: {why}" if why else ""


def _metric_failure(resource: str, pods: Sequence[Mapping[str, Any]], world: World) -> str:
    start = f"failed to get {resource} utilization"
    if why := metrics_failure("metrics.k8s.io", "pods", world):
        start = f"{start}: unable to get metrics for resource {resource}"
        return f"{start}: unable to fetch metrics from resource metrics API: {why}"
    for pod in pods:
        for container in pod["spec"]["containers"]:
            if resource not in ((container.get("resources") or {}).get("requests") or {}):
                where = f"container {container['name']} of Pod {pod['metadata']['name']}"
                return f"{start}: missing request for {resource} in {where}"
    if not any(is_ready(pod) for pod in pods):
        return f"{start}: did not receive metrics for targeted pods (pods might be unready)"
    return ""


def _write_autoscaler(
    hpa: Mapping[str, Any],
    conditions: list[tuple[str, bool, str, str]],
    counts: Mapping[str, Any],
    failure: str,
    world: World,
) -> None:
    before = {item["type"]: item for item in (hpa.get("status") or {}).get("conditions") or ()}
    began = max(moment(hpa["metadata"]["creationTimestamp"]), world.clock)
    written = []
    for kind, holds, reason, message in conditions:
        status = "True" if holds else "False"
        known = before.get(kind)
        at = known["lastTransitionTime"] if known and known["status"] == status else stamp(began)
        written.append({"type": kind, "status": status, "lastTransitionTime": at, "reason": reason, "message": message})
    if failure and world.refusals.get(hpa["metadata"]["uid"]) != failure:
        world.refusals[hpa["metadata"]["uid"]] = failure
        count = 1 + int((world.now - began).total_seconds() // _HPA_SYNC_S)
        is_custom = "custom metrics API" in failure
        reason = "FailedGetPodsMetric" if is_custom else "FailedGetResourceMetric"
        reason = "FailedGetScale" if "not found" in failure else reason
        metric = "pods metric" if is_custom else "cpu resource metric"
        text = f"invalid metrics (1 invalid out of 1), first error is: failed to get {metric} value: {failure}"
        notes = [(reason, failure)] + ([("FailedComputeMetricsReplicas", text)] if reason.endswith("Metric") else [])
        for event_reason, message in notes:
            note = Note(
                reason=event_reason, message=message, component="horizontal-pod-autoscaler", type="Warning",
                first=began, last=max(world.now - seconds(6), began), count=count,
            )  # fmt: skip
            record(world, hpa, note)
    world.store.put({**hpa, "status": {**counts, "conditions": written}})


def sync_budget(budget: Mapping[str, Any], world: World) -> None:
    """Write a disruption budget's counts from the pods it selects."""
    pods = [
        pod
        for pod in world.all("Pod", budget["metadata"]["namespace"])
        if selects(budget["spec"].get("selector"), pod["metadata"].get("labels") or {})
        and (pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded")
    ]
    healthy, expected = sum(is_ready(pod) for pod in pods), len(pods)
    spec = budget["spec"]
    wanted = spec["minAvailable"] if "minAvailable" in spec else expected - spec.get("maxUnavailable", 0)
    allowed = max(healthy - wanted, 0)
    condition = {
        "type": "DisruptionAllowed",
        "status": "True" if allowed else "False",
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
        "lastTransitionTime": budget["metadata"]["creationTimestamp"],
        "observedGeneration": budget["metadata"]["generation"],
    }
    status = {
        "conditions": [condition],
        "currentHealthy": healthy,
        "desiredHealthy": wanted,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
        "observedGeneration": budget["metadata"]["generation"],
    }
    world.store.put({**budget, "status": status})


def sync_quota(quota: Mapping[str, Any], world: World) -> None:
    """Write what is used of a quota."""
    used = {name: admission.format_quota(name, value) for name, value in admission.used_of_quota(quota, world).items()}
    world.store.put({**quota, "status": {"hard": dict(quota["spec"]["hard"]), "used": used}})


def sync_metrics(world: World) -> None:
    """Write what metrics-server would say of pods that run and of nodes that answer."""
    running = {
        (pod["metadata"]["namespace"], pod["metadata"]["name"]): pod
        for pod in world.all("Pod")
        if (pod.get("status") or {}).get("phase") == "Running" and pod["spec"].get("nodeName") not in world.lost_nodes
    }
    for old in world.all("PodMetrics"):
        if (old["metadata"]["namespace"], old["metadata"]["name"]) not in running:
            world.store.delete("PodMetrics", old["metadata"]["namespace"], old["metadata"]["name"])
    for (namespace, name), pod in running.items():
        usages = [
            item for item in (_usage(pod, status, world) for status in pod["status"]["containerStatuses"]) if item
        ]
        if usages:
            _put_metrics(world, "PodMetrics", name, namespace, {"containers": usages})
    for node in world.all("Node"):
        name = node["metadata"]["name"]
        if name not in world.lost_nodes:
            count = sum(1 for _ in pods_on(name, world))
            usage = {"cpu": f"{(180 + 23 * count) * 1000000}n", "memory": f"{(900 + 110 * count) * 1024}Ki"}
            _put_metrics(world, "NodeMetrics", name, "", {"usage": usage})


def _usage(pod: Mapping[str, Any], status: Mapping[str, Any], world: World) -> Manifest | None:
    if "running" not in status["state"]:
        return None
    app = world.app(pod, status["name"])
    cpu, memory = quantity_or_zero(app.cpu) * 1e9, quantity_or_zero(app.memory) / 1024
    return {"name": status["name"], "usage": {"cpu": f"{cpu:.0f}n", "memory": f"{memory:.0f}Ki"}}


def _put_metrics(world: World, kind: str, name: str, namespace: str, values: Mapping[str, Any]) -> None:
    known = world.find(kind, namespace, name)
    if known is not None and all(known[key] == value for key, value in values.items()):
        return
    at = world.now - seconds(11)
    world.store.put(
        {
            "apiVersion": _METRICS,
            "kind": kind,
            "metadata": metadata(name, namespace, created=at),
            "timestamp": stamp(at),
            "window": "15.04s",
            **values,
        }
    )
