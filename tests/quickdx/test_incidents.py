"""One incident is one hypothesis, however many workloads suffer from it; two incidents stay two."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import NOW, log_of, snapshot_of

Manifest = dict[str, Any]
NAMES = ("ads", "billing", "cart", "email", "fraud", "login", "orders", "search", "stock", "web")


def ago(minutes: float) -> str:
    return f"{NOW - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def condition(kind: str, status: str, minutes: float, reason: str = "", message: str = "") -> Manifest:
    found = {"type": kind, "status": status, "reason": reason, "message": message}
    return {**found, "lastTransitionTime": ago(minutes)}


def node(name: str, *, ready: str = "True", minutes: float = 9000, **pressures: str) -> Manifest:
    message = "Kubelet stopped posting node status." if ready == "Unknown" else ""
    conditions = [condition("Ready", ready, minutes, "NodeStatusUnknown" if message else "KubeletReady", message)]
    conditions += [condition(kind, status, minutes) for kind, status in pressures.items()]
    size = {"cpu": "16", "memory": "64Gi", "pods": "110"}
    return {
        "kind": "Node",
        "metadata": {"name": name, "creationTimestamp": ago(90000)},
        "status": {"conditions": conditions, "allocatable": size, "capacity": size},
    }


def running(minutes: float = 9000, *, is_ready: bool = True) -> Manifest:
    state = {"running": {"startedAt": ago(minutes)}}
    return {"name": "app", "ready": is_ready, "started": True, "restartCount": 0, "state": state}


def waiting(reason: str, message: str) -> Manifest:
    return {
        "name": "app",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
    }


def crashing(exit_code: int = 1) -> Manifest:
    ended = {"exitCode": exit_code, "reason": "Error", "startedAt": ago(4), "finishedAt": ago(3.9)}
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 2m40s restarting failed container=app"}}
    return {"name": "app", "ready": False, "restartCount": 9, "state": state, "lastState": {"terminated": ended}}


def workload(name: str, status: Manifest, *, minutes: float = 30, on: str = "n1", **fields: Any) -> list[Manifest]:
    """A Deployment of one replica, whose pod has been as `status` says for that many minutes."""
    labels, is_ready = {"app": name}, status["ready"]
    spec = {"containers": [{"name": "app", "image": f"r/{name}:1", **fields.pop("container", {})}], **fields}
    hashed = {**labels, "pod-template-hash": "5d4f8c7b9"}
    number = 1 if is_ready else 0
    available = condition("Available", str(is_ready), minutes, "MinimumReplicasAvailable" if is_ready else "")
    return [
        {
            "kind": "Deployment",
            "metadata": {"name": name, "generation": 1, "creationTimestamp": ago(50000)},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
            "status": {
                "observedGeneration": 1,
                "replicas": 1,
                "updatedReplicas": 1,
                "readyReplicas": number,
                "availableReplicas": number,
                "conditions": [available],
            },
        },
        {
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{name}-5d4f8c7b9",
                "labels": hashed,
                "creationTimestamp": ago(50000),
                "ownerReferences": [{"kind": "Deployment", "name": name, "controller": True}],
            },
            "spec": {"replicas": 1},
            "status": {"replicas": 1},
        },
        {
            "kind": "Pod",
            "metadata": {
                "name": f"{name}-5d4f8c7b9-x",
                "labels": hashed,
                "creationTimestamp": ago(40000),
                "ownerReferences": [{"kind": "ReplicaSet", "name": f"{name}-5d4f8c7b9", "controller": True}],
            },
            "spec": {"nodeName": on, **spec},
            "status": {
                "phase": "Running" if "running" in status["state"] or status["restartCount"] else "Pending",
                "conditions": [condition("PodScheduled", "True", minutes), condition("Ready", str(is_ready), minutes)],
                "containerStatuses": [status],
            },
        },
    ]


def service(name: str, port: int, *, ready: bool) -> list[Manifest]:
    """A Service with the pod of the workload of that name behind it."""
    address = {
        "addresses": ["10.0.0.9"],
        "conditions": {"ready": ready},
        "targetRef": {"kind": "Pod", "name": f"{name}-5d4f8c7b9-x"},
    }
    return [
        {
            "kind": "Service",
            "metadata": {"name": name, "creationTimestamp": ago(50000)},
            "spec": {
                "clusterIP": "10.96.0.9",
                "selector": {"app": name},
                "ports": [{"port": port, "targetPort": port}],
            },
        },
        {
            "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
            "endpoints": [address],
            "ports": [{"port": port}],
        },
    ]


def event(kind: str, name: str, reason: str, message: str, *, minutes: float = 3, times: int = 9) -> Manifest:
    return {
        "kind": "Event",
        "metadata": {"name": f"{name}.{reason}"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": times,
        "firstTimestamp": ago(minutes + 20),
        "lastTimestamp": ago(minutes),
        "involvedObject": {"kind": kind, "name": name, "namespace": "" if kind == "Node" else "default"},
    }


def pod_of(name: str) -> str:
    return f"{name}-5d4f8c7b9-x"


def diagnose(*groups: Iterable[Manifest] | Manifest, logs: Iterable[ContainerLog] = ()) -> Diagnosis:
    manifests = [item for group in groups for item in ([group] if isinstance(group, dict) else group)]
    manifests.append({"kind": "Namespace", "metadata": {"name": "default"}, "status": {"phase": "Active"}})
    if not any(item["kind"] == "Node" for item in manifests):
        manifests.append(node("n1"))
    return diagnose_snapshot(snapshot_of(*manifests, logs=logs), Target())


def roots(diagnosis: Diagnosis) -> list[str]:
    return [f"{item.root} {diagnosis.finding(item.findings[0]).reason}" for item in diagnosis.hypotheses]


def sufferers(diagnosis: Diagnosis, index: int = 0) -> set[str]:
    own = [diagnosis.finding(one).ref for one in diagnosis.hypotheses[index].findings]
    return {ref.name for ref in own if ref.kind == "Deployment"}


def every(build: Any) -> list[Manifest]:
    return [item for name in NAMES for item in build(name)]


def logs(text: str, names: Iterable[str] = NAMES) -> list[ContainerLog]:
    return [log_of(pod_of(name), "app", text) for name in names]


def test_a_lost_node_is_the_one_cause_of_all_that_ran_on_it() -> None:
    lost = node("n1", ready="Unknown", minutes=10)
    found = diagnose(lost, node("n2"), every(lambda name: workload(name, running(is_ready=False), minutes=9)))
    assert roots(found) == ["Node n1 NodeNotReady/KubeletStopped"]
    assert sufferers(found) == set(NAMES)


def test_a_key_that_a_secret_lacks_is_the_one_cause_of_all_who_need_it() -> None:
    reference = {"env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "password"}}}]}
    message = "couldn't find key password in Secret default/keys"
    status = waiting("CreateContainerConfigError", message)
    secret = {"kind": "Secret", "metadata": {"name": "keys"}, "data": {"passwd": "eA=="}}
    found = diagnose(secret, every(lambda name: workload(name, status, container=reference)))
    assert roots(found) == ["Secret default/keys CreateContainerConfigError/SecretKeyNotFound"]
    assert sufferers(found) == set(NAMES)


def test_a_missing_config_map_is_the_one_cause_of_those_who_mount_it_and_those_who_read_it() -> None:
    volume: Manifest = {"volumes": [{"name": "c", "configMap": {"name": "settings"}}]}
    mounting = [
        item
        for name in NAMES[:5]
        for item in (
            *workload(name, waiting("ContainerCreating", ""), **volume),
            event(
                "Pod",
                pod_of(name),
                "FailedMount",
                'MountVolume.SetUp failed for volume "c" : configmap "settings" not found',
            ),
        )
    ]
    reference = {"envFrom": [{"configMapRef": {"name": "settings"}}]}
    refused = waiting("CreateContainerConfigError", 'configmap "settings" not found')
    reading = [item for name in NAMES[5:] for item in workload(name, refused, container=reference)]
    found = diagnose(mounting, reading)
    assert [item.root.name for item in found.hypotheses] == ["settings"]
    assert sufferers(found) == set(NAMES)


def database(status: Manifest) -> list[Manifest]:
    return [*workload("db", status), *service("db", 5432, ready=status["ready"])]


REFUSED = 'dial tcp 10.96.0.9:5432: connect: connection refused (host "db:5432")'


def test_a_backend_that_is_down_is_the_one_cause_of_all_its_clients() -> None:
    clients = every(lambda name: workload(name, crashing(), minutes=20))
    said = [
        *logs("FATAL: connection to db:5432 refused: Connection refused"),
        log_of(pod_of("db"), "app", "panic: boom"),
    ]
    found = diagnose(database(crashing()), clients, logs=said)
    assert [str(item.root) for item in found.hypotheses] == ["Deployment default/db"]
    assert sufferers(found) == {"db", *NAMES}


def test_clients_that_do_not_say_what_they_miss_are_explained_by_the_backend_they_are_told_to_call() -> None:
    told = {"env": [{"name": "DB_HOST", "value": "db"}], "readinessProbe": {"httpGet": {"path": "/", "port": 80}}}
    clients = every(lambda name: workload(name, running(is_ready=False), minutes=20, container=told))
    failing = [
        event(
            "Pod", pod_of(name), "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", times=90
        )
        for name in NAMES
    ]
    found = diagnose(database(crashing()), clients, failing, logs=[log_of(pod_of("db"), "app", "panic: boom")])
    assert [str(item.root) for item in found.hypotheses] == ["Deployment default/db"]


def test_a_password_that_the_backend_refuses_is_one_incident_for_all_who_use_it() -> None:
    told = {"env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db-login", "key": "password"}}}]}
    secret = {"kind": "Secret", "metadata": {"name": "db-login"}, "data": {"password": "eA=="}}
    clients = every(lambda name: workload(name, crashing(), container=told))
    said = logs('FATAL: password authentication failed for user "app" on host "db", port 5432')
    found = diagnose(secret, database(running()), clients, logs=said)
    assert len(found.hypotheses) == 1, roots(found)
    assert sufferers(found) == set(NAMES)


def test_a_policy_that_cuts_off_all_clients_is_one_incident() -> None:
    policy = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "fence"},
        "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]},
    }
    clients = every(lambda name: workload(name, crashing()))
    said = logs("dial tcp: connect to db:5432: i/o timeout")
    found = diagnose(policy, database(running()), clients, logs=said)
    assert roots(found) == ["NetworkPolicy default/fence NetworkPolicyBlocks/Ingress"]
    assert sufferers(found) == set(NAMES)


def test_a_host_outside_the_cluster_that_does_not_answer_is_one_incident() -> None:
    clients = every(lambda name: workload(name, crashing()))
    found = diagnose(clients, logs=logs("dial tcp: connect to db.example.com:5432: i/o timeout"))
    assert len(found.hypotheses) == 1, roots(found)
    assert "db.example.com" in found.hypotheses[0].title
    assert sufferers(found) == set(NAMES)


@pytest.mark.parametrize(
    "message",
    [
        "dial tcp: lookup registry.example.com on 10.96.0.10:53: no such host",
        "dial tcp 203.0.113.9:443: i/o timeout",
    ],
)
def test_a_registry_that_cannot_be_reached_is_one_incident(message: str) -> None:
    def pulling(name: str) -> list[Manifest]:
        image = f"registry.example.com/team/{name}:1"
        said = (
            f'Failed to pull image "{image}": rpc error: code = Unknown desc = failed to resolve reference "{image}": '
            f'failed to do request: Head "https://registry.example.com/v2/team/{name}/manifests/1": {message}'
        )
        status = {**waiting("ImagePullBackOff", f'Back-off pulling image "{image}"'), "image": image}
        return [
            *workload(name, status, container={"image": image}),
            event("Pod", pod_of(name), "Failed", said),
        ]

    found = diagnose(every(pulling))
    assert len(found.hypotheses) == 1, roots(found)
    assert "registry.example.com" in found.hypotheses[0].title
    assert sufferers(found) == set(NAMES)


def test_a_full_quota_that_refuses_many_is_one_incident() -> None:
    quota = {
        "kind": "ResourceQuota",
        "metadata": {"name": "team"},
        "status": {"hard": {"pods": "1"}, "used": {"pods": "1"}},
    }

    def refused(name: str) -> list[Manifest]:
        deployment, replica_set, _ = workload(name, running(is_ready=False))
        message = (
            f'pods "{name}-5d4f8c7b9-q" is forbidden: exceeded quota: team, '
            "requested: pods=1, used: pods=1, limited: pods=1"
        )
        failing = condition("ReplicaFailure", "True", 30, "FailedCreate", message)
        deployment["status"]["conditions"].append(failing)
        replica_set["status"] = {"replicas": 0, "conditions": [failing]}
        return [
            deployment,
            replica_set,
            event("ReplicaSet", f"{name}-5d4f8c7b9", "FailedCreate", f"Error creating: {message}"),
        ]

    found = diagnose(quota, every(refused))
    assert len(found.hypotheses) == 1, roots(found)
    assert sufferers(found) == set(NAMES)


def test_two_backends_that_are_down_are_two_incidents_each_with_its_own_clients() -> None:
    first, second = NAMES[:5], NAMES[5:]
    queue = [*workload("mq", crashing()), *service("mq", 5672, ready=False)]
    said = [
        *logs("cannot connect to db:5432: Connection refused", first),
        *logs("cannot connect to mq:5672: Connection refused", second),
        log_of(pod_of("db"), "app", "panic: boom"),
        log_of(pod_of("mq"), "app", "FATAL: no space left on device"),
    ]
    found = diagnose(database(crashing()), queue, every(lambda name: workload(name, crashing(), minutes=20)), logs=said)
    assert sorted(str(item.root) for item in found.hypotheses) == ["Deployment default/db", "Deployment default/mq"]
    by_root = {item.root.name: sufferers(found, index) for index, item in enumerate(found.hypotheses)}
    assert by_root == {"db": {"db", *first}, "mq": {"mq", *second}}


def test_a_lost_node_and_a_crash_elsewhere_are_two_incidents() -> None:
    lost = node("n1", ready="Unknown", minutes=10)
    on_it = [item for name in NAMES[:5] for item in workload(name, running(is_ready=False), minutes=9)]
    crash = workload("web", crashing(), on="n2")
    found = diagnose(lost, node("n2"), on_it, crash, logs=[log_of(pod_of("web"), "app", "panic: boom")])
    assert sorted(roots(found)) == [
        "Deployment default/web CrashLoopBackOff/Panic",
        "Node n1 NodeNotReady/KubeletStopped",
    ]
