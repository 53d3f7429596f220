"""A ticket queue scaled by its length, whose metrics adapter was removed and left its APIService behind."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import api_service_spec, container

GROUP = "custom.metrics.k8s.io"
WORKER = App(listens=(8080,), log=("{at} INFO  handled 40 tickets",))


def build(kit: Kit) -> None:
    """The pods are well; nobody answers for the metric that they are scaled by."""
    kit.put("APIService", f"v1beta1.{GROUP}", age="60d", spec=api_service_spec(GROUP, "metrics-adapter", kit.namespace))
    image = "registry.example.com/tickets/worker:2.2.0"
    kit.deployment("worker", container("worker", image, port=8080), app=WORKER, replicas=2, age="8d")
    kit.service("worker", age="8d")
    metric = {"metric": {"name": "tickets_waiting"}, "target": {"type": "AverageValue", "averageValue": "30"}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}
    spec = {
        "scaleTargetRef": target,
        "minReplicas": 2,
        "maxReplicas": 12,
        "metrics": [{"type": "Pods", "pods": metric}],
    }
    kit.put("HorizontalPodAutoscaler", "worker", age="8d", spec=spec)


plugin = ScenarioPlugin(
    id="autoscaler-metrics-unserved",
    title="Nobody answers for the metrics API of an autoscaler",
    family="workload",
    namespace="tickets",
    build=build,
    truths=(
        Truth(
            kind="APIService",
            name="v1beta1.custom.metrics.k8s.io",
            reason="APIServiceUnavailable/ServiceNotFound",
        ),
    ),
)
