"""Printer columns: what `kubectl get` would show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from kubeagentix.demo.columns import human_duration
from kubeagentix.demo.kinds import Catalog
from kubeagentix.demo.tables import table_of

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def _cells(kind: str, text: str) -> dict[str, Any]:
    """The cells of one object by column name; an hour old unless it says otherwise."""
    obj = yaml.safe_load(text) or {}
    obj["metadata"] = {"name": "x", "creationTimestamp": "2026-01-15T11:00:00Z", **obj.get("metadata", {})}
    table = table_of(Catalog().named(kind), [obj], {}, "None", NOW)
    names = [column["name"] for column in table["columnDefinitions"]]
    return dict(zip(names, table["rows"][0]["cells"], strict=True))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((-5, "<invalid>"), (-1, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (599, "9m59s")),
        *((600, "10m"), (10_799, "179m"), (10_800, "3h"), (3600 * 5 + 60, "5h1m"), (3600 * 9, "9h")),
        *((3600 * 47, "47h"), (3600 * 49, "2d1h"), (86_400 * 8, "8d"), (86_400 * 800, "2y70d"), (86_400 * 3650, "10y")),
    ],
)
def test_durations(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


def _pod(status: str, spec: str = "containers: [{name: a}, {name: b}]", metadata: str = "{}") -> dict[str, Any]:
    return _cells("Pod", f"spec: {{{spec}}}\nmetadata: {metadata}\nstatus: {{{status}}}")


RUNNING = "{name: a, ready: true, state: {running: {}}}"
POD_CASES = [
    ("phase: Pending", "Pending", "0/2"),
    ("phase: Failed, reason: Evicted", "Evicted", "0/2"),
    ("phase: Pending, conditions: [{type: PodScheduled, reason: SchedulingGated}]", "SchedulingGated", "0/2"),
    (f"phase: Running, containerStatuses: [{RUNNING}, {RUNNING}]", "Running", "2/2"),
    (
        (
            f"phase: Running, containerStatuses: [{RUNNING}, "
            "{name: b, state: {waiting: {reason: CrashLoopBackOff}}}]"
        ),
        "CrashLoopBackOff",
        "1/2",
    ),
    (
        "phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]",
        "OOMKilled",
        "0/2",
    ),
    ("phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 3}}}]", "ExitCode:3", "0/2"),
    ("phase: Failed, containerStatuses: [{name: a, state: {terminated: {signal: 9}}}]", "Signal:9", "0/2"),
    (
        (
            "phase: Running, conditions: [{type: Ready, status: 'True'}], containerStatuses: "
            f"[{{name: a, state: {{terminated: {{exitCode: 0, reason: Completed}}}}}}, {RUNNING}]"
        ),
        "Running",
        "1/2",
    ),
    (
        f"phase: Running, containerStatuses: [{{name: a, state: {{terminated: {{reason: Completed}}}}}}, {RUNNING}]",
        "NotReady",
        "1/2",
    ),
]


@pytest.mark.parametrize(("status", "shown", "ready"), POD_CASES)
def test_pod_status(status: str, shown: str, ready: str) -> None:
    cells = _pod(status)
    assert (cells["Status"], cells["Ready"]) == (shown, ready)


INIT_CASES = [
    ("{name: i, state: {running: {}}}", "Init:0/1"),
    ("{name: i, state: {waiting: {reason: PodInitializing}}}", "Init:0/1"),
    ("{name: i, state: {waiting: {reason: CrashLoopBackOff}}}", "Init:CrashLoopBackOff"),
    ("{name: i, state: {terminated: {exitCode: 1, reason: Error}}}", "Init:Error"),
    ("{name: i, state: {terminated: {exitCode: 2}}}", "Init:ExitCode:2"),
    ("{name: i, state: {terminated: {signal: 9, exitCode: 137}}}", "Init:Signal:9"),
]


@pytest.mark.parametrize(("init_status", "shown"), INIT_CASES)
def test_pods_that_initialize(init_status: str, shown: str) -> None:
    waiting = "{name: a, state: {waiting: {reason: PodInitializing}}}"
    status = f"phase: Pending, initContainerStatuses: [{init_status}], containerStatuses: [{waiting}]"
    assert _pod(status, "initContainers: [{name: i}], containers: [{name: a}]")["Status"] == shown


def test_a_sidecar_counts_as_a_container() -> None:
    sidecar = "{name: i, started: true, ready: true, restartCount: 2, state: {running: {}}}"
    status = f"phase: Running, initContainerStatuses: [{sidecar}], containerStatuses: [{RUNNING}]"
    cells = _pod(status, "initContainers: [{name: i, restartPolicy: Always}], containers: [{name: a}]")
    assert (cells["Ready"], cells["Status"], cells["Restarts"]) == ("2/2", "Running", "2")


def test_restarts_tell_when_the_last_one_was() -> None:
    last = "lastState: {terminated: {finishedAt: '2026-01-15T11:55:00Z'}}"
    status = f"phase: Running, containerStatuses: [{{name: a, restartCount: 3, {last}, state: {{running: {{}}}}}}]"
    assert _pod(status)["Restarts"] == "3 (5m ago)"


def test_pods_being_deleted() -> None:
    going = "{deletionTimestamp: '2026-01-15T12:00:00Z'}"
    assert _pod("phase: Running", metadata=going)["Status"] == "Terminating"
    assert _pod("phase: Succeeded", metadata=going)["Status"] == "Succeeded"
    assert _pod("phase: Running, reason: NodeLost", metadata=going)["Status"] == "Unknown"


CASES = [
    ("Deployment", "spec: {replicas: 3}\nstatus: {readyReplicas: 1}", {"Ready": "1/3", "Age": "60m"}),
    ("StatefulSet", "status: {readyReplicas: 1}", {"Ready": "1/1"}),
    ("DaemonSet", "status: {desiredNumberScheduled: 3, numberReady: 2}", {"Desired": 3, "Ready": 2}),
    ("Job", "status: {conditions: [{type: Failed, status: 'True'}]}", {"Status": "Failed"}),
    (
        "Job",
        (
            "spec: {completions: 2}\nstatus: {succeeded: 2, startTime: '2026-01-15T11:00:00Z', "
            "completionTime: '2026-01-15T11:01:30Z', conditions: [{type: Complete, status: 'True'}]}"
        ),
        {"Status": "Complete", "Completions": "2/2", "Duration": "90s"},
    ),
    (
        "CronJob",
        "spec: {schedule: '@daily', suspend: true}\nstatus: {lastScheduleTime: '2026-01-15T11:00:00Z'}",
        {"Suspend": "True", "Last Schedule": "60m", "Timezone": "<none>"},
    ),
    (
        "Service",
        "spec: {type: LoadBalancer, clusterIP: 10.0.0.1, ports: [{port: 80, nodePort: 30080}]}",
        {"External-IP": "<pending>", "Port(s)": "80:30080/TCP"},
    ),
    ("Service", "spec: {type: ExternalName, externalName: a.b}", {"Cluster-IP": "<none>", "External-IP": "a.b"}),
    ("Endpoints", "subsets: [{addresses: [{ip: 1.1.1.1}], ports: [{port: 80}]}]", {"Endpoints": "1.1.1.1:80"}),
    ("Endpoints", "subsets: [{notReadyAddresses: [{ip: 1.1.1.1}]}]", {"Endpoints": ""}),
    ("EndpointSlice", "addressType: IPv4", {"Ports": "<unset>", "Endpoints": "<unset>"}),
    ("Ingress", "spec: {tls: [{}], rules: [{host: a}, {host: b}]}", {"Hosts": "a,b", "Ports": "80, 443"}),
    ("Node", "status: {conditions: [{type: Ready, status: Unknown}]}", {"Status": "NotReady", "Roles": "<none>"}),
    (
        "Node",
        (
            "metadata: {labels: {node-role.kubernetes.io/control-plane: ''}}\nspec: {unschedulable: true}\n"
            "status: {conditions: [{type: Ready, status: 'True'}]}"
        ),
        {"Status": "Ready,SchedulingDisabled", "Roles": "control-plane"},
    ),
    (
        "Event",
        (
            "type: Warning\nreason: BackOff\ninvolvedObject: {kind: Pod, name: p}\nmessage: ' m '\n"
            "series: {count: 4, lastObservedTime: '2026-01-15T11:58:00Z'}\neventTime: '2026-01-15T11:00:00Z'"
        ),
        {"Last Seen": "2m", "Object": "pod/p", "Message": "m", "Count": 4, "First Seen": "60m"},
    ),
    (
        "PersistentVolumeClaim",
        (
            "spec: {volumeName: v, storageClassName: s}\nstatus: {phase: Bound, capacity: {storage: 1Gi}, "
            "accessModes: [ReadWriteOnce]}"
        ),
        {"Status": "Bound", "Capacity": "1Gi", "Access Modes": "RWO", "VolumeAttributesClass": "<unset>"},
    ),
    ("PersistentVolume", "spec: {claimRef: {namespace: a, name: b}}", {"Claim": "a/b"}),
    (
        "StorageClass",
        "metadata: {annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}",
        {"Name": "x (default)"},
    ),
    (
        "HorizontalPodAutoscaler",
        (
            "spec: {scaleTargetRef: {kind: Deployment, name: d}, maxReplicas: 3, metrics: [{type: Resource, resource: "
            "{name: cpu, target: {averageUtilization: 80}}}, {type: Pods, pods: {target: {averageValue: '5'}}}]}\n"
            "status: {currentMetrics: [{type: Resource, resource: {current: {averageUtilization: 12}}}]}"
        ),
        {"Targets": "cpu: 12%/80%, <unknown>/5", "MinPods": "<unset>", "Reference": "Deployment/d"},
    ),
    ("PodDisruptionBudget", "spec: {minAvailable: 1}", {"Min Available": "1", "Max Unavailable": "N/A"}),
    (
        "ResourceQuota",
        "status: {hard: {pods: '3', limits.cpu: '2'}, used: {pods: '1'}}",
        {"Request": "pods: 1/3", "Limit": "limits.cpu: 0/2"},
    ),
    ("NetworkPolicy", "spec: {podSelector: {}}", {"Pod-Selector": "<none>"}),
    ("RoleBinding", "roleRef: {kind: Role, name: r}\nsubjects: [{kind: User, name: u}]", {"Users": "u"}),
    ("ConfigMap", "data: {a: b}\nbinaryData: {c: d}", {"Data": 2}),
    ("LimitRange", "", {"Created At": "2026-01-15T11:00:00Z"}),
]


@pytest.mark.parametrize(("kind", "text", "expected"), CASES)
def test_columns(kind: str, text: str, expected: dict[str, Any]) -> None:
    cells = _cells(kind, text)
    assert {name: cells[name] for name in expected} == expected


def test_every_kind_prints_an_object_that_says_nothing() -> None:
    for kind in Catalog():
        obj = {"metadata": {"name": "x", "creationTimestamp": "2026-01-15T11:00:00Z"}}
        table = table_of(kind, [obj], {}, "Object", NOW)
        assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"])
        assert "x" in table["rows"][0]["cells"]
