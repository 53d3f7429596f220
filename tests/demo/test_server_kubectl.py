"""The real kubectl against the server."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeagentix.demo.store import Manifest

from .conftest import Cluster, kubectl_binary

SHOP = ("-n", "shop")


def test_get_shows_the_columns_a_cluster_computes(cluster: Cluster) -> None:
    lines = cluster.kubectl("get", "pods", *SHOP).splitlines()
    assert lines[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert lines[1].split()[:4] == ["web-2-bad", "1/2", "CrashLoopBackOff", "4"]
    assert lines[2].split()[:4] == ["web-2-good", "2/2", "Running", "0"]


def test_get_wide_adds_columns(cluster: Cluster) -> None:
    pods = cluster.kubectl("get", "pods", *SHOP, "-o", "wide")
    assert "10.1.0.5" in pods
    assert "node-a" in pods
    assert "containerd://2.0.0" in cluster.kubectl("get", "nodes", "-o", "wide")


def test_get_all_asks_for_the_category(cluster: Cluster) -> None:
    output = cluster.kubectl("get", "all", *SHOP)
    for name in ("pod/web-2-bad", "service/web", "deployment.apps/web", "replicaset.apps/web-2"):
        assert name in output


@pytest.mark.parametrize("word", ["deploy", "deployment", "deployments", "deployments.apps", "deployments.v1.apps"])
def test_get_knows_every_name_of_a_kind(cluster: Cluster, word: str) -> None:
    assert cluster.kubectl("get", word, *SHOP, "-o", "name") == "deployment.apps/web\n"


def test_get_as_json_and_yaml_gives_whole_objects(cluster: Cluster) -> None:
    listed = json.loads(cluster.kubectl("get", "pods", *SHOP, "-o", "json"))
    assert [(item["kind"], item["metadata"]["name"]) for item in listed["items"]] == [
        ("Pod", "web-2-bad"),
        ("Pod", "web-2-good"),
    ]
    one = yaml.safe_load(cluster.kubectl("get", "svc", "web", *SHOP, "-o", "yaml"))
    assert one["spec"]["clusterIP"] == "10.96.0.9"


def test_get_selects_by_labels_and_fields(cluster: Cluster) -> None:
    def names(*selectors: str) -> list[str]:
        return cluster.kubectl("get", "pods", "-A", "-o", "name", *selectors).split()

    assert names("-l", "app=web,pod-template-hash in (2,3)") == ["pod/web-2-bad", "pod/web-2-good"]
    assert names("-l", "app notin (web)") == []
    assert names("--field-selector", "metadata.name!=web-2-bad,spec.nodeName=node-a") == ["pod/web-2-good"]


def test_get_of_what_is_not_there_fails_as_on_a_cluster(cluster: Cluster) -> None:
    assert 'Error from server (NotFound): pods "nope" not found' in cluster.kubectl(
        "get", "pod", "nope", *SHOP, fails=True
    )
    assert "the server doesn't have a resource type" in cluster.kubectl("get", "gizmos", fails=True)


def test_get_in_pages(cluster: Cluster) -> None:
    for index in range(7):
        cluster.store.put(_config_map(f"many-{index}"))
    names = cluster.kubectl("get", "cm", *SHOP, "--chunk-size=2", "-o", "name").split()
    assert len(names) == 8
    assert len(cluster.kubectl("get", "cm", *SHOP, "--chunk-size=3", "--no-headers").splitlines()) == 8


def test_watch_prints_what_happens(cluster: Cluster) -> None:
    path = str(cluster.kubeconfig())
    command = [kubectl_binary(), "--kubeconfig", path, "get", "pods", *SHOP, "-w", "--request-timeout=3s"]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"HOME": str(cluster.folder)})
    assert watching.stdout is not None
    first = [watching.stdout.readline() for _ in range(3)]
    pod = cluster.store.get("Pod", "shop", "web-2-bad")
    assert pod is not None
    pod["metadata"]["deletionTimestamp"] = "2026-01-15T12:00:00Z"
    cluster.store.put(pod)
    cluster.store.put({**_config_map("noise")})
    line = watching.stdout.readline()
    watching.terminate()
    watching.communicate()
    assert first[0].startswith("NAME")
    assert line.split()[:3] == ["web-2-bad", "1/2", "Terminating"]


def test_describe_shows_state_and_events(cluster: Cluster) -> None:
    pod = cluster.kubectl("describe", "pod", "web-2-bad", *SHOP)
    assert "Reason:       CrashLoopBackOff" in pod
    assert "(x12 over" in pod
    assert "Back-off restarting failed container app" in pod
    deployment = cluster.kubectl("describe", "deploy", "web", *SHOP)
    assert "2 desired | 2 updated | 2 total | 1 available | 1 unavailable" in deployment
    node = cluster.kubectl("describe", "node", "node-a")
    assert "Non-terminated Pods:          (2 in total)" in node
    service = cluster.kubectl("describe", "svc", "web", *SHOP)
    assert "10.1.0.5:8080" in service


def test_logs_of_current_and_previous_runs(cluster: Cluster) -> None:
    good, bad = ("logs", "web-2-good", *SHOP, "-c", "app"), ("logs", "web-2-bad", *SHOP, "-c", "app")
    assert cluster.kubectl(*good).splitlines() == [f"line {index}" for index in range(5)]
    assert cluster.kubectl(*bad, "-p") == "starting\npanic: no database\n"
    assert cluster.kubectl(*bad) == "starting\npanic: no database\n"  # waiting to restart: its last run
    assert cluster.kubectl(*good, "--tail=2").splitlines() == ["line 3", "line 4"]
    assert cluster.kubectl(*good, "--since=1h").count("\n") == 5
    assert cluster.kubectl(*good, "--since-time=2100-01-01T00:00:00Z") == ""
    assert cluster.kubectl(*good, "--limit-bytes=8") == "line 0\nl"
    stamped = cluster.kubectl(*good, "--timestamps", "--tail=1")
    assert stamped.endswith("Z line 4\n")
    assert cluster.kubectl("logs", "deploy/web", *SHOP, "-c", "app", "--all-pods").count("line 0") == 1


def test_logs_that_are_not_there_fail_as_on_a_cluster(cluster: Cluster) -> None:
    previous = cluster.kubectl("logs", "web-2-good", *SHOP, "-c", "app", "-p", fails=True)
    assert 'previous terminated container "app" in pod "web-2-good" not found' in previous
    assert "container nope is not valid for pod web-2-good" in cluster.kubectl(
        "logs", "web-2-good", *SHOP, "-c", "nope", fails=True
    )


def test_logs_follow_until_the_container_ends(cluster: Cluster) -> None:
    with cluster.following("logs", "web-2-good", *SHOP, "-c", "app", "-f", "--tail=1") as lines:
        assert next(lines) == "line 4\n"
        cluster.store.append_log("shop", "web-2-good", "app", "later")
        assert next(lines) == "later\n"
        pod = cluster.store.get("Pod", "shop", "web-2-good")
        assert pod is not None
        pod["status"]["containerStatuses"][0]["state"] = {
            "terminated": {"exitCode": 0, "containerID": "containerd://a"}
        }
        cluster.store.put(pod)
        assert list(lines) == []


def test_events_and_top(cluster: Cluster) -> None:
    assert "Pod/web-2-bad" in cluster.kubectl("events", *SHOP, "--for", "pod/web-2-bad")
    assert "pod/web-2-bad" in cluster.kubectl("get", "events", *SHOP)
    assert "pod/web-2-bad" in cluster.kubectl("get", "events.events.k8s.io", *SHOP)
    assert cluster.kubectl("top", "pods", *SHOP).splitlines()[1].split() == ["web-2-good", "300m", "128Mi"]
    assert "proxy" in cluster.kubectl("top", "pods", *SHOP, "--containers")
    assert cluster.kubectl("top", "nodes").splitlines()[1].split() == ["node-a", "1000m", "25%", "2048Mi", "25%"]


def test_auth_commands(cluster: Cluster) -> None:
    cluster.server.add_user("viewer", groups=["watchers"])
    cluster.kubectl("create", "rolebinding", "watch", "--clusterrole=view", "--group=watchers", *SHOP)
    assert cluster.kubectl("auth", "can-i", "list", "pods", *SHOP, user="viewer") == "yes\n"
    assert "no" in cluster.kubectl("auth", "can-i", "delete", "pods", *SHOP, user="viewer", fails=True)
    assert "no" in cluster.kubectl("auth", "can-i", "list", "nodes", user="viewer", fails=True)
    assert "pods/log" in cluster.kubectl("auth", "can-i", "--list", *SHOP, user="viewer")
    assert "watchers" in cluster.kubectl("auth", "whoami", user="viewer")
    assert cluster.kubectl("auth", "can-i", "delete", "nodes") == "yes\n"
    assert "no" in cluster.kubectl("auth", "can-i", "delete", "nodes", "--as=someone", fails=True)


def test_a_forbidden_list_names_user_verb_and_resource(cluster: Cluster) -> None:
    cluster.server.add_user("stranger")
    output = cluster.kubectl("get", "deploy", *SHOP, user="stranger", fails=True)
    assert (
        'Error from server (Forbidden): deployments.apps is forbidden: User "stranger" cannot list resource '
        '"deployments" in API group "apps" in the namespace "shop"'
    ) in output


def test_a_wrong_token_is_refused(cluster: Cluster) -> None:
    output = cluster.kubectl("get", "pods", "--token=wrong", fails=True)
    assert "You must be logged in to the server" in output


def test_scale_reaches_the_deployment(cluster: Cluster) -> None:
    cluster.kubectl("scale", "deploy/web", *SHOP, "--replicas=5", "--current-replicas=2")
    assert _deployment(cluster)["spec"]["replicas"] == 5
    cluster.kubectl("autoscale", "deploy/web", *SHOP, "--max=9", "--cpu=70%")
    assert "cpu: <unknown>/70%" in cluster.kubectl("get", "hpa", *SHOP)


def test_set_image_changes_one_container_and_nothing_else(cluster: Cluster) -> None:
    cluster.kubectl("set", "image", "deploy/web", *SHOP, "app=shop/web:3")
    deployment = _deployment(cluster)
    containers = deployment["spec"]["template"]["spec"]["containers"]
    assert [container["image"] for container in containers] == ["shop/web:3", "proxy:1"]
    assert containers[0]["env"] == [{"name": "MODE", "value": "prod"}]
    assert deployment["metadata"]["generation"] == 2
    cluster.kubectl("set", "env", "deploy/web", *SHOP, "MODE-", "LEVEL=info")
    env = _deployment(cluster)["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env == [{"name": "LEVEL", "value": "info"}]


def test_rollout_commands(cluster: Cluster) -> None:
    assert "2         <none>" in cluster.kubectl("rollout", "history", "deploy/web", *SHOP)
    cluster.kubectl("rollout", "undo", "deploy/web", *SHOP)
    template = _deployment(cluster)["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "shop/web:1"
    assert "pod-template-hash" not in template["metadata"]["labels"]
    cluster.kubectl("rollout", "restart", "deploy/web", *SHOP)
    assert "kubectl.kubernetes.io/restartedAt" in _deployment(cluster)["spec"]["template"]["metadata"]["annotations"]
    waiting = threading.Thread(target=_finish_rollout, args=(cluster,))
    waiting.start()
    assert "successfully rolled out" in cluster.kubectl("rollout", "status", "deploy/web", *SHOP, "--timeout=10s")
    waiting.join()


def _finish_rollout(cluster: Cluster) -> None:
    time.sleep(0.3)
    deployment = _deployment(cluster)
    generation = deployment["metadata"]["generation"]
    deployment["status"] = {
        "observedGeneration": generation,
        **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 2),
    }
    cluster.store.put(deployment)


def test_label_annotate_taint_and_cordon(cluster: Cluster) -> None:
    cluster.kubectl("label", "pod", "web-2-good", *SHOP, "tier=front")
    assert cluster.kubectl("get", "pods", *SHOP, "-l", "tier", "-o", "name") == "pod/web-2-good\n"
    cluster.kubectl("label", "pod", "web-2-good", *SHOP, "tier-")
    assert cluster.kubectl("get", "pods", *SHOP, "-l", "tier", "-o", "name") == ""
    cluster.kubectl("annotate", "deploy", "web", *SHOP, "note=x")
    assert _deployment(cluster)["metadata"]["annotations"]["note"] == "x"
    cluster.kubectl("taint", "node", "node-a", "dedicated=gpu:NoSchedule")
    cluster.kubectl("cordon", "node-a")
    assert "Ready,SchedulingDisabled" in cluster.kubectl("get", "nodes")
    node = cluster.store.get("Node", None, "node-a")
    assert node is not None
    assert {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"} in node["spec"]["taints"]


def test_drain_evicts(cluster: Cluster) -> None:
    cluster.kubectl("drain", "node-a")
    assert cluster.store.list("Pod") == []


def test_delete_takes_what_is_owned_along(cluster: Cluster) -> None:
    cluster.kubectl("delete", "deploy", "web", *SHOP)
    assert cluster.kubectl("get", "deploy,rs,pods", *SHOP, "-o", "name") == ""
    assert cluster.kubectl("get", "svc", *SHOP, "-o", "name") == "service/web\n"


def test_delete_can_orphan(cluster: Cluster) -> None:
    cluster.kubectl("delete", "deploy", "web", *SHOP, "--cascade=orphan")
    replica_set = cluster.store.get("ReplicaSet", "shop", "web-2")
    assert replica_set is not None
    assert not replica_set["metadata"]["ownerReferences"]
    assert len(cluster.store.list("Pod", "shop")) == 2


def test_delete_by_selector_and_of_a_namespace(cluster: Cluster) -> None:
    cluster.kubectl("delete", "pods", *SHOP, "-l", "app=web")
    assert cluster.store.list("Pod", "shop") == []
    cluster.kubectl("delete", "ns", "shop")
    assert cluster.store.list("Deployment") == []
    assert cluster.store.list("ConfigMap", "shop") == []


def test_apply_creates_changes_and_leaves_alone(cluster: Cluster) -> None:
    manifest = {**_config_map("applied"), "data": {"a": "1", "b": "2"}}
    assert cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest)) == "configmap/applied created\n"
    assert cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest)) == "configmap/applied unchanged\n"
    manifest["data"] = {"a": "3"}
    assert "-  b:" in cluster.kubectl("diff", "-f", "-", stdin=json.dumps(manifest), fails=True)
    assert cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest)) == "configmap/applied configured\n"
    assert _data(cluster, "applied") == {"a": "3"}


def test_apply_of_a_list(cluster: Cluster) -> None:
    maps = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"a": "1"}}
        for name in ("listed-a", "listed-b")
    ]
    manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": maps})
    output = cluster.kubectl("apply", "-f", "-", stdin=manifest)
    assert output == "configmap/listed-a created\nconfigmap/listed-b created\n"


def test_apply_of_a_workload_is_stable_and_dry_runs_change_nothing(cluster: Cluster) -> None:
    workload = cluster.kubectl("create", "deployment", "api", "--image=a:1", *SHOP, "--dry-run=client", "-o", "yaml")
    assert "created (server dry run)" in cluster.kubectl("apply", "-f", "-", "--dry-run=server", stdin=workload)
    assert cluster.store.get("Deployment", "shop", "api") is None
    assert "created" in cluster.kubectl("apply", "-f", "-", stdin=workload)
    assert "unchanged" in cluster.kubectl("apply", "-f", "-", stdin=workload)


def test_server_side_apply(cluster: Cluster) -> None:
    manifest = {**_config_map("ssa"), "data": {"a": "1"}}
    output = cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))
    assert output == "configmap/ssa serverside-applied\n"
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps({**manifest, "data": {"b": "2"}}))
    assert _data(cluster, "ssa")["b"] == "2"


def test_replace_patch_and_edit(cluster: Cluster) -> None:
    cluster.kubectl("replace", "-f", "-", stdin=json.dumps({**_config_map("settings"), "data": {"mode": "test"}}))
    assert _data(cluster, "settings") == {"mode": "test"}
    cluster.kubectl("patch", "cm", "settings", *SHOP, "--type=merge", "-p", '{"data":{"mode":null,"x":"1"}}')
    assert _data(cluster, "settings") == {"x": "1"}
    change = '[{"op":"test","path":"/data/x","value":"1"},{"op":"replace","path":"/data/x","value":"2"}]'
    cluster.kubectl("patch", "cm", "settings", *SHOP, "--type=json", "-p", change)
    assert _data(cluster, "settings") == {"x": "2"}
    editor = cluster.folder / "editor"
    editor.write_text('#!/bin/sh\nsed -i \'s/x: "2"/x: "3"/\' "$1"\n')
    editor.chmod(0o755)
    environment = {"HOME": str(cluster.folder), "EDITOR": str(editor), "PATH": "/usr/bin:/bin"}
    command = [kubectl_binary(), "--kubeconfig", str(cluster.kubeconfig()), "edit", "cm", "settings", *SHOP]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=20)
    assert _data(cluster, "settings") == {"x": "3"}


def test_a_change_of_an_immutable_field_is_refused(cluster: Cluster) -> None:
    patch = '{"spec":{"selector":{"matchLabels":{"app":"other"}},"template":{"metadata":{"labels":{"app":"other"}}}}}'
    output = cluster.kubectl("patch", "deploy", "web", *SHOP, "--type=merge", "-p", patch, fails=True)
    assert "field is immutable" in output


CREATIONS = [
    "configmap new --from-literal=a=b",
    "deployment new --image=busybox:1.36 --replicas=0 --port=80 -- sh -c true",
    "secret generic new --from-literal=p=q",
    "service nodeport new --tcp=80:8080 --node-port=30080",
    "service externalname new --external-name=a.example.com",
    "ingress new --class=nginx --rule=a.example.com/x*=web:80,tls=cert --default-backend=web:http",
    "job new --image=busybox -- sh -c true",
    "cronjob new --image=busybox --schedule=@hourly --restart=Never -- true",
    "role new --verb=get,list --resource=pods,deployments.apps --resource-name=x",
    "clusterrole new --verb=get --non-resource-url=/metrics",
    "rolebinding new --role=r --user=bob --serviceaccount=a:b --group=g",
    "clusterrolebinding new --clusterrole=view --group=g",
    "quota new --hard=pods=3,cpu=2500m,memory=1Gi --scopes=BestEffort",
    "poddisruptionbudget new --selector=app=web --max-unavailable=50%",
    "priorityclass new --value=-5 --preemption-policy=Never",
    "serviceaccount new",
    "namespace new",
]


@pytest.mark.parametrize("command", CREATIONS)
def test_create_sends_protobuf_and_is_understood(cluster: Cluster, command: str) -> None:
    words, dashes, program = command.partition(" -- ")
    in_shop = [] if words.startswith("namespace") else ["-n", "shop"]
    arguments = ["create", *words.split(), *in_shop]
    tail = ["--", *program.split()] if dashes else []
    meant = json.loads(cluster.kubectl(*arguments, "--dry-run=client", "-o", "json", *tail))
    cluster.kubectl(*arguments, *tail)
    stored = cluster.store.get(meant["kind"], "shop", "new")
    assert stored is not None
    assert list(_lost(meant, stored)) == []


def _lost(meant: Any, stored: Any, path: str = "") -> Any:
    """Where `stored` lacks or changed what was meant; empty values and what the server owns do not count."""
    if isinstance(meant, dict) and isinstance(stored, dict):
        for key, value in meant.items():
            if key not in ("status", "creationTimestamp") and value not in ({}, [], "", None):
                yield from _lost(value, stored.get(key), f"{path}.{key}")
    elif isinstance(meant, list) and isinstance(stored, list) and len(meant) == len(stored):
        for index, (left, right) in enumerate(zip(meant, stored, strict=True)):
            yield from _lost(left, right, f"{path}[{index}]")
    elif meant != stored and not (meant is False and stored is None):
        yield path, meant, stored


def test_a_service_accounts_token_lets_it_in(cluster: Cluster) -> None:
    cluster.kubectl("create", "sa", "robot", *SHOP)
    cluster.kubectl("create", "rolebinding", "robot", "--clusterrole=view", "--serviceaccount=shop:robot", *SHOP)
    token = cluster.kubectl("create", "token", "robot", *SHOP).strip()
    config = yaml.safe_load(cluster.server.kubeconfig())
    config["users"][0]["user"]["token"] = token
    path = Path(cluster.folder / "robot")
    path.write_text(yaml.safe_dump(config))
    output = cluster.kubectl("--kubeconfig", str(path), "get", "pods", *SHOP, "-o", "name")
    assert output.splitlines()[0] == "pod/web-2-bad"
    assert "system:serviceaccount:shop:robot" in cluster.kubectl("--kubeconfig", str(path), "auth", "whoami")


def test_discovery_commands(cluster: Cluster) -> None:
    resources = cluster.kubectl("api-resources").splitlines()
    assert any(line.split() == ["deployments", "deploy", "apps/v1", "true", "Deployment"] for line in resources)
    assert "discovery.k8s.io/v1" in cluster.kubectl("api-versions").split()
    assert "Server Version: v1." in cluster.kubectl("version")
    assert "KIND:       Pod" in cluster.kubectl("explain", "pods")
    assert cluster.kubectl("get", "--raw", "/readyz") == "ok"


def test_custom_resources_are_served_once_defined(cluster: Cluster) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "backups.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Backup", "plural": "backups", "singular": "backup", "shortNames": ["bk"]},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                    "additionalPrinterColumns": [
                        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
                        {
                            "name": "Ready",
                            "type": "string",
                            "jsonPath": ".status.conditions[?(@.type=='Ready')].status",
                        },
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    ],
                }
            ],
        },
    }
    backup = {
        "apiVersion": "example.com/v1",
        "kind": "Backup",
        "metadata": {"name": "daily", "namespace": "shop"},
        "status": {"phase": "Failed", "conditions": [{"type": "Ready", "status": "False"}]},
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(definition))
    cluster.kubectl("apply", "-f", "-", "--validate=false", stdin=json.dumps(backup))
    assert cluster.kubectl("get", "bk", *SHOP).splitlines()[1].split()[:3] == ["daily", "Failed", "False"]
    cluster.kubectl("delete", "crd", "backups.example.com")
    assert "the server could not find the requested resource" in cluster.kubectl("get", "backups", *SHOP, fails=True)


def test_exec_says_why_it_cannot(cluster: Cluster) -> None:
    assert "simulates its nodes" in cluster.kubectl("exec", "web-2-good", *SHOP, "-c", "app", "--", "ls", fails=True)


def _config_map(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {}}


def _deployment(cluster: Cluster) -> Manifest:
    deployment = cluster.store.get("Deployment", "shop", "web")
    assert deployment is not None
    return deployment


def _data(cluster: Cluster, name: str) -> dict[str, str]:
    found = cluster.store.get("ConfigMap", "shop", name)
    assert found is not None
    data: dict[str, str] = found["data"]
    return data
