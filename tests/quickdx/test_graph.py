"""The graph: edges run from what needs to what is needed, also to what does not exist."""

from __future__ import annotations

import textwrap

import pytest

from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.quickdx.graph import Graph
from kubeagentix.testing import snapshot_of

CLUSTER = """
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      serviceAccountName: runner
      imagePullSecrets: [{name: registry}]
      volumes:
        - {name: c, configMap: {name: settings}}
        - {name: d, persistentVolumeClaim: {claimName: data}}
      containers:
        - name: app
          env:
            - {name: DB_HOST, value: db}
            - {name: CACHE, value: "redis://cache.infra:6379/0"}
            - {name: MODE, value: db}
            - {name: TOKEN, valueFrom: {secretKeyRef: {name: keys, key: token}}}
          envFrom: [{configMapRef: {name: common}}]
---
kind: ReplicaSet
metadata: {name: web-1, ownerReferences: [{kind: Deployment, name: web, controller: true}]}
---
kind: Pod
metadata: {name: web-1-a, labels: {app: web}, ownerReferences: [{kind: ReplicaSet, name: web-1, controller: true}]}
spec: {nodeName: n1}
---
{kind: PersistentVolumeClaim, metadata: {name: data}, spec: {storageClassName: fast, volumeName: pv-1}}
---
{kind: Service, metadata: {name: web}, spec: {selector: {app: web}}}
---
{kind: Service, metadata: {name: db}}
---
{kind: Service, metadata: {name: cache, namespace: infra}}
---
kind: Ingress
metadata: {name: edge}
spec: {tls: [{secretName: cert}], rules: [{http: {paths: [{backend: {service: {name: web}}}]}}]}
---
{kind: HorizontalPodAutoscaler, metadata: {name: web}, spec: {scaleTargetRef: {kind: Deployment, name: web}}}
---
{kind: PodDisruptionBudget, metadata: {name: web}, spec: {selector: {matchLabels: {app: web}}}}
---
{kind: NetworkPolicy, metadata: {name: fence}, spec: {podSelector: {}}}
"""


def targets(source: str) -> set[tuple[str, str]]:
    kind, name = source.split("/")
    edges = Graph.of(snapshot_of(CLUSTER)).edges_from(ResourceRef(kind=kind, namespace="default", name=name))
    return {(edge.relation, f"{edge.target.kind}/{edge.target.name}") for edge in edges}


@pytest.mark.parametrize(
    ("source", "edge"),
    [
        ("Deployment/web", ("manages", "Pod/web-1-a")),
        ("Deployment/web", ("manages", "ReplicaSet/web-1")),
        ("Deployment/web", ("reads", "Secret/keys")),
        ("Deployment/web", ("reads", "ConfigMap/common")),
        ("Deployment/web", ("reads", "Secret/registry")),
        ("Deployment/web", ("reads", "ServiceAccount/runner")),
        ("Deployment/web", ("mounts", "ConfigMap/settings")),
        ("Deployment/web", ("mounts", "PersistentVolumeClaim/data")),
        ("Deployment/web", ("calls", "Service/db")),
        ("Deployment/web", ("calls", "Service/cache")),
        ("Deployment/web", ("restricted by", "NetworkPolicy/fence")),
        ("Pod/web-1-a", ("runs on", "Node/n1")),
        ("Service/web", ("selects", "Deployment/web")),
        ("Ingress/edge", ("routes to", "Service/web")),
        ("Ingress/edge", ("reads", "Secret/cert")),
        ("HorizontalPodAutoscaler/web", ("scales", "Deployment/web")),
        ("PodDisruptionBudget/web", ("guards", "Deployment/web")),
        ("PersistentVolumeClaim/data", ("binds", "StorageClass/fast")),
        ("PersistentVolumeClaim/data", ("binds", "PersistentVolume/pv-1")),
    ],
)
def test_an_object_leads_to_what_it_needs(source: str, edge: tuple[str, str]) -> None:
    assert edge in targets(source)


def test_a_bare_word_in_a_variable_that_names_no_host_is_no_call() -> None:
    text = CLUSTER.replace("{name: DB_HOST, value: db}", "{name: DB_NAME, value: db}")
    graph = Graph.of(snapshot_of(text))
    edges = graph.edges_from(ResourceRef(kind="Deployment", namespace="default", name="web"))
    assert "db" not in {edge.target.name for edge in edges if edge.relation == "calls"}


def test_a_replication_controller_calls_what_its_template_names() -> None:
    manifest = """
    kind: ReplicationController
    metadata: {name: old}
    spec: {template: {spec: {containers: [{name: app, env: [{name: DB_HOST, value: db}]}]}}}
    ---
    {kind: Service, metadata: {name: db}}
    """
    (edge,) = Graph.of(snapshot_of(*textwrap.dedent(manifest).split("---"))).edges_from(
        ResourceRef(kind="ReplicationController", namespace="default", name="old")
    )
    assert (edge.relation, edge.target.name) == ("calls", "db")


def test_distances_count_the_steps() -> None:
    graph = Graph.of(snapshot_of(CLUSTER))
    found = graph.distances(ResourceRef(kind="Ingress", namespace="default", name="edge"))
    steps = {f"{ref.kind}/{ref.name}": distance for ref, distance in found.items()}
    assert (steps["Ingress/edge"], steps["Service/web"], steps["Deployment/web"]) == (0, 1, 2)
    assert (steps["Pod/web-1-a"], steps["Node/n1"]) == (3, 4)


CONFIGURED = """
{kind: ConfigMap, metadata: {name: settings}, data: {DB_HOST: db, app.yaml: "cache:\\n  url: redis://cache.infra:6379"}}
---
{kind: Service, metadata: {name: db}}
---
{kind: Service, metadata: {name: cache, namespace: infra}}
---
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: app, envFrom: [{configMapRef: {name: settings}}]}]}}}
---
kind: Deployment
metadata: {name: one-key}
spec:
  template:
    spec:
      containers:
        - {name: app, env: [{name: DB, valueFrom: {configMapKeyRef: {name: settings, key: DB_HOST}}}]}
"""


def test_services_that_a_config_map_names_are_called_by_who_reads_those_keys() -> None:
    graph = Graph.of(snapshot_of(CONFIGURED))
    calls = {
        name: sorted(
            edge.target.name
            for edge in graph.edges_from(ResourceRef(kind="Deployment", namespace="default", name=name))
            if edge.relation == "calls"
        )
        for name in ("web", "one-key")
    }
    assert calls == {"web": ["cache", "db"], "one-key": ["db"]}


def test_the_values_of_a_config_map_are_not_kept() -> None:
    manifest = "{kind: ConfigMap, metadata: {name: s}, data: {URL: 'amqp://user:hunter2@mq:5672/v', NOTE: hunter2}}"
    (config,) = snapshot_of(manifest).objects["ConfigMap"]
    assert "hunter2" not in repr(config)
    assert "'mq'" in repr(config)
