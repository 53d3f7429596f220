"""Pods that no node takes, by cause; the messages are those of real schedulers of 1.20 and of 1.30 and later."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.scheduling import plugin
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of

OLD = "2026-01-15T11:00:00Z"


def node(name: str, *, labels: dict[str, str] | None = None, cpu: str = "4", **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "spec": spec,
        "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "ephemeral-storage": "100Gi", "pods": "3"}},
    }


def tainted(name: str, key: str = "dedicated", value: str = "batch", **more: Any) -> dict[str, Any]:
    return node(name, taints=[{"key": key, "value": value, "effect": "NoSchedule"}], **more)


def pending(
    message: str, *, requests: dict[str, str] | None = None, since: str = OLD, name: str = "web-1", **spec: Any
) -> dict[str, Any]:
    container = {"name": "app", "image": "i", "resources": {"requests": requests or {"cpu": "100m"}}}
    unschedulable = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": since,
    }
    return {
        "kind": "Pod",
        "metadata": {"name": name, "creationTimestamp": since, "labels": {"app": "web"}},
        "spec": {"containers": [container], **spec},
        "status": {"phase": "Pending", "conditions": [unschedulable]},
    }


def running(name: str, on: str, *, cpu: str = "100m", **container: Any) -> dict[str, Any]:
    app = {"name": "app", "image": "i", "resources": {"requests": {"cpu": cpu}}, **container}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"nodeName": on, "containers": [app]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def only(*manifests: Any, **options: Any) -> Finding:
    found = list(plugin.analyze(snapshot_of(*manifests, **options)))
    assert len(found) == 1, [item.reason for item in found]
    assert found[0].evidence
    return found[0]


@pytest.mark.parametrize(
    ("message", "requests", "reason", "said"),
    [
        ("1 Insufficient cpu", {"cpu": "64"}, "InsufficientCpu", "requests 64 cpu; the largest node"),
        ("1 Insufficient memory", {"memory": "64Gi"}, "InsufficientMemory", "64Gi memory"),
        (
            "1 Insufficient ephemeral-storage",
            {"ephemeral-storage": "1Ti"},
            "InsufficientEphemeralStorage",
            "a has 100Gi in all",
        ),
        ("1 Insufficient nvidia.com/gpu", {"nvidia.com/gpu": "1"}, "InsufficientResource", "no node offers any"),
    ],
)
def test_more_than_any_node_has(message: str, requests: dict[str, str], reason: str, said: str) -> None:
    finding = only(node("a"), pending(f"0/1 nodes are available: {message}.", requests=requests))
    assert finding.reason == f"Unschedulable/{reason}"
    assert finding.severity is Severity.CRITICAL
    assert said.replace("a has", "a, has") in finding.cause


def test_more_than_is_left_names_the_roomiest_node() -> None:
    finding = only(
        node("a"),
        node("b"),
        running("x", "a", cpu="3500m"),
        running("y", "b", cpu="3"),
        pending("0/2 nodes are available: 2 Insufficient cpu. preemption: none.", requests={"cpu": "2"}),
    )
    assert finding.reason == "Unschedulable/InsufficientCpu"
    assert "the most that is free is 1 of 4, on b" in finding.cause


def test_a_selector_with_a_typing_error_names_the_nearest_label() -> None:
    finding = only(
        node("a", labels={"pool": "general"}),
        tainted("b", labels={"pool": "batch"}),
        pending(
            "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity, 1 node(s) had taint "
            "{dedicated: batch}, that the pod didn't tolerate.",
            nodeSelector={"pool": "bach"},
        ),
    )
    assert finding.reason == "Unschedulable/NodeSelector"
    assert "the nearest is pool=batch" in finding.cause
    assert "no node has pool=bach; the nearest is pool=batch" in finding.title


def test_a_label_with_a_typing_error_in_its_key_names_the_nearest_and_its_nodes() -> None:
    message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity."
    finding = only(node("a", labels={"pool": "general"}), pending(message, nodeSelector={"pol": "general"}))
    assert "the nearest is pool=general" in finding.title
    assert "pool=general (a)" in finding.cause


def test_a_required_affinity_that_fits_no_node() -> None:
    term = {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["zone-z"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    finding = only(
        node("a", labels={"topology.kubernetes.io/zone": "zone-a"}),
        pending("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.", affinity=affinity),
    )
    assert finding.reason == "Unschedulable/NodeAffinity"
    assert "topology.kubernetes.io/zone=zone-a" in finding.cause


def test_a_required_affinity_that_excludes_every_node_names_what_they_have() -> None:
    term = {"matchExpressions": [{"key": "pool", "operator": "NotIn", "values": ["general", "batch"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    finding = only(
        node("a", labels={"pool": "general"}),
        node("b", labels={"pool": "batch"}),
        pending("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.", affinity=affinity),
    )
    assert finding.cause.endswith("there are pool=batch (b), pool=general (a).")


def test_a_request_that_a_limit_range_set_is_told_as_such() -> None:
    pod = pending("0/1 nodes are available: 1 Insufficient cpu.", requests={"cpu": "64", "memory": "1Gi"})
    said = "LimitRanger plugin set: cpu, ephemeral-storage request for container app; memory limit for container app"
    pod["metadata"]["annotations"] = {"kubernetes.io/limit-ranger": said}
    finding = only(node("a"), pod)
    assert "a LimitRange of the namespace sets the cpu request" in finding.cause
    assert any("describe limitrange" in remedy.command for remedy in finding.remedies)
    pod["metadata"]["annotations"] = {
        "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu limit for container app"
    }
    assert "LimitRange" not in only(node("a"), pod).cause


@pytest.mark.parametrize(
    ("toleration", "said"),
    [
        (None, "which the pod does not tolerate"),
        ({"key": "dedicated", "value": "bach", "effect": "NoSchedule"}, "with value bach"),
        ({"key": "dedicated", "value": "batch", "effect": "NoExecute"}, "only with effect NoExecute"),
        ({"key": "dedicate", "operator": "Exists"}, "it tolerates dedicate"),
    ],
)
def test_a_taint_and_how_the_toleration_misses_it(toleration: dict[str, str] | None, said: str) -> None:
    finding = only(
        tainted("b"),
        pending(
            "0/1 nodes are available: 1 node(s) had untolerated taint(s).",
            tolerations=[toleration] if toleration else [],
        ),
    )
    assert finding.reason == "Unschedulable/Taint"
    assert "dedicated=batch:NoSchedule" in finding.cause
    assert said in finding.cause


def test_nodes_that_are_all_unreachable_are_pointed_at() -> None:
    key = "node.kubernetes.io/unreachable"
    finding = only(
        tainted("a", key, ""),
        tainted("b", key, ""),
        pending(f"0/2 nodes are available: 2 node(s) had taint {{{key}: }}, that the pod didn't tolerate."),
    )
    assert finding.reason == "Unschedulable/Taint"
    assert [ref.name for ref in finding.points_at] == ["a", "b"]


def test_a_full_node_beside_a_broken_one_points_at_the_broken_one() -> None:
    finding = only(
        node("a", cpu="1"),
        node("c", cpu="1"),
        tainted("b", "node.kubernetes.io/not-ready", ""),
        pending(
            "0/3 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, "
            "2 Insufficient cpu.",
            requests={"cpu": "2"},
        ),
    )
    assert finding.reason == "Unschedulable/InsufficientCpu"
    assert [ref.name for ref in finding.points_at] == ["b"]


def test_a_cordon_that_pods_wait_for_is_the_nodes_own_finding_too() -> None:
    message = "0/2 nodes are available: 1 node(s) were unschedulable, 1 Insufficient cpu."
    closed, full = node("a", unschedulable=True), node("b", cpu="50m")
    found = list(plugin.analyze(snapshot_of(closed, full, pending(message))))
    assert [item.reason for item in found] == ["Unschedulable/Cordoned", "NodeCordoned"]
    assert [str(ref) for ref in found[0].points_at] == ["Node a"] == [str(found[1].ref)]
    assert "Pod default/web-1" in found[1].title
    assert all("kubectl uncordon a" in [item.command for item in finding.remedies] for finding in found)


def test_a_cordon_beside_what_really_keeps_the_pod_off_is_not_told() -> None:
    message = "0/2 nodes are available: 1 node(s) were unschedulable, 1 node(s) didn't match Pod's node affinity."
    finding = only(node("a", unschedulable=True), node("b"), pending(message, nodeSelector={"pool": "x"}))
    assert finding.reason == "Unschedulable/NodeSelector"


@pytest.mark.parametrize(("name", "is_told"), [("node-9", True), ("node-1", False)])
def test_a_node_name_that_no_node_has(name: str, is_told: bool) -> None:
    status: dict[str, Any] = {"phase": "Pending"}
    pod = {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"nodeName": name}, "status": status}
    found = list(plugin.analyze(snapshot_of(node("node-1"), pod)))
    assert [item.reason for item in found] == ["Unschedulable/NodeNotFound"] * is_told
    assert all("(node-1?)" in item.title for item in found)
    status["startTime"] = OLD  # a node that was there and is gone
    assert list(plugin.analyze(snapshot_of(node("node-1"), pod))) == []


@pytest.mark.parametrize(("since", "is_told"), [("2026-01-15T11:59:30Z", False), (OLD, True)])
def test_a_pod_for_which_room_is_being_made_is_given_time(since: str, is_told: bool) -> None:
    pod = pending("0/1 nodes are available: 1 Insufficient cpu.", requests={"cpu": "64"}, since=since)
    pod["status"]["nominatedNodeName"] = "a"
    found = list(plugin.analyze(snapshot_of(node("a"), pod)))
    assert bool(found) is is_told
    assert all("replace pods of lower priority on a" in item.cause for item in found)


def test_who_asks_for_too_much_is_named() -> None:
    pod = pending("0/1 nodes are available: 1 Insufficient cpu.", requests={"cpu": "3"})
    pod["spec"]["containers"].append({"name": "proxy", "resources": {"requests": {"cpu": "2"}}})
    assert "requests 5 cpu (app 3, proxy 2)" in only(node("a"), pod).cause
    pod["spec"]["initContainers"] = [{"name": "load", "resources": {"requests": {"cpu": "30"}}}]
    assert "requests 30 cpu (init container load)" in only(node("a"), pod).cause


def test_a_host_port_names_who_holds_it() -> None:
    port = [{"containerPort": 80, "hostPort": 8080}]
    waiting = pending("0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.")
    waiting["spec"]["containers"][0]["ports"] = port
    finding = only(node("a"), running("first", "a", ports=port), waiting)
    assert finding.reason == "Unschedulable/HostPort"
    assert "default/first on a" in finding.cause
    elsewhere = running("first", "a", ports=[{"containerPort": 80, "hostPort": 8081}])
    assert "default/first" not in only(node("a"), elsewhere, waiting).cause


def test_a_node_that_is_full_of_pods() -> None:
    finding = only(
        node("a"),
        *(running(f"p{n}", "a") for n in range(3)),
        pending("0/1 nodes are available: 1 Too many pods."),
    )
    assert finding.reason == "Unschedulable/TooManyPods"


def pod_affinity(kind: str, app: str) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"}
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


@pytest.mark.parametrize("wording", ["pod affinity rules", "pod affinity/anti-affinity"])
def test_an_affinity_to_pods_that_are_not_there(wording: str) -> None:
    finding = only(
        node("a"),
        pending(
            f"0/1 nodes are available: 1 node(s) didn't match {wording}.", affinity=pod_affinity("podAffinity", "cache")
        ),
    )
    assert finding.reason == "Unschedulable/PodAffinity"
    assert "app=cache per kubernetes.io/hostname" in finding.cause


def test_company_that_is_nowhere_is_the_cause_even_where_the_nodes_are_full_besides() -> None:
    message = "0/1 nodes are available: 1 Too many pods."
    alone = pending(message, affinity=pod_affinity("podAffinity", "cachee"))
    cache = running("cache-0", "b") | {"metadata": {"name": "cache-0", "labels": {"app": "cache"}}}
    finding = only(node("a"), cache, alone)
    assert finding.reason == "Unschedulable/PodAffinity"
    assert "The nearest is app=cache (cache-0)." in finding.cause
    first = pending(message, affinity=pod_affinity("podAffinity", "web"))  # its own label: it may be the first
    assert only(node("a"), first).reason == "Unschedulable/TooManyPods"


@pytest.mark.parametrize("wording", ["pod anti-affinity rules", "pod affinity/anti-affinity"])
def test_an_anti_affinity_names_the_pods_that_are_there(wording: str) -> None:
    finding = only(
        node("a"),
        running("web-0", "a"),
        pending(
            f"0/1 nodes are available: 1 node(s) didn't match {wording}.",
            affinity=pod_affinity("podAntiAffinity", "web"),
        ),
    )
    assert finding.reason == "Unschedulable/PodAntiAffinity"
    assert "web-0 on a" in finding.cause


def test_a_spread_over_a_label_that_no_node_has() -> None:
    finding = only(
        node("a"),
        pending(
            "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
            topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}],
        ),
    )
    assert finding.reason == "Unschedulable/TopologySpread"
    assert "no node has the label rack" in finding.cause


def test_a_spread_counts_the_places_and_names_the_one_whose_turn_it_is() -> None:
    zone = "topology.kubernetes.io/zone"
    selector = {"labelSelector": {"matchLabels": {"app": "web"}}}
    constraint = {"maxSkew": 1, "topologyKey": zone, "whenUnsatisfiable": "DoNotSchedule", **selector}
    finding = only(
        node("a", labels={zone: "east"}),
        tainted("b", labels={zone: "west"}),
        running("web-0", "a"),
        pending(
            "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) had taint "
            "{dedicated: batch}, that the pod didn't tolerate.",
            topologySpreadConstraints=[constraint],
        ),
    )
    assert finding.reason == "Unschedulable/TopologySpread"
    assert "(east has 1, west has 0), so the next belongs to west, and b does not take it" in finding.cause


CLAIM_VOLUME = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]


def test_a_volume_that_only_another_node_reaches() -> None:
    there = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["b"]}]}]
    finding = only(
        node("a"),
        tainted("b"),
        {"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {"volumeName": "pv"},
         "status": {"phase": "Bound"}},
        {"kind": "PersistentVolume", "metadata": {"name": "pv"},
         "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": there}}}},
        pending(
            "0/2 nodes are available: 1 node(s) had taint {dedicated: batch}, that the pod didn't tolerate, "
            "1 node(s) had volume node affinity conflict.",
            volumes=CLAIM_VOLUME,
        ),
    )  # fmt: skip
    assert finding.reason == "Unschedulable/VolumeNodeAffinity"
    assert "volume pv, which only nodes with kubernetes.io/hostname In b" in finding.cause


CLAIM = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "status": {"phase": "Pending"}}


@pytest.mark.parametrize(
    "message",
    [
        "0/2 nodes are available: 2 pod has unbound immediate PersistentVolumeClaims.",
        "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/2 nodes.",
        'running "VolumeBinding" filter plugin for pod "web": pod has unbound immediate PersistentVolumeClaims',
    ],
)
def test_an_unbound_claim_is_pointed_at(message: str) -> None:
    finding = only(node("a"), CLAIM, pending(message, volumes=CLAIM_VOLUME))
    assert finding.reason == "Unschedulable/VolumeClaimUnbound"
    assert [str(ref) for ref in finding.points_at] == ["PersistentVolumeClaim default/data"]


def test_a_missing_claim_is_pointed_at() -> None:
    finding = only(
        node("a"),
        pending('0/1 nodes are available: 1 persistentvolumeclaim "data" not found.', volumes=CLAIM_VOLUME),
    )
    assert finding.reason == "Unschedulable/VolumeClaimNotFound"
    assert [ref.name for ref in finding.points_at] == ["data"]


def test_a_claim_that_is_being_bound_right_now_is_left_alone() -> None:
    message = "0/1 nodes are available: 1 pod has unbound immediate PersistentVolumeClaims."
    young = pending(message, volumes=CLAIM_VOLUME, since="2026-01-15T11:59:50Z")
    assert list(plugin.analyze(snapshot_of(node("a"), CLAIM, young))) == []


def test_words_that_nobody_knows_are_quoted() -> None:
    finding = only(node("a"), pending("0/1 nodes are available: 1 node(s) are out of luck."))
    assert finding.reason == "Unschedulable"
    assert "are out of luck" in finding.cause


def test_a_node_that_can_have_no_more_volumes() -> None:
    finding = only(node("a"), pending("0/1 nodes are available: 1 node(s) exceed max volume count."))
    assert finding.reason == "Unschedulable/TooManyVolumes"
    assert "too many volumes on a" in finding.title


def test_where_nodes_may_not_be_read_the_message_alone_decides() -> None:
    finding = only(
        pending(
            "0/4 nodes are available: 1 Insufficient cpu, "
            "3 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }."
        ),
        gaps=[Gap(what="nodes", why="403", kind="Node")],
    )
    assert finding.reason == "Unschedulable/InsufficientCpu"
    assert finding.confidence < 0.7


def test_where_events_may_not_be_read_a_shortage_may_be_about_to_pass() -> None:
    objects = (node("a"), pending("0/1 nodes are available: 1 Insufficient cpu.", requests={"cpu": "9"}))
    unseen = only(*objects, gaps=[Gap(what="events", why="403", kind="Event")])
    assert unseen.confidence < 0.8 < only(*objects).confidence


def test_an_event_serves_where_the_condition_says_nothing() -> None:
    pod = pending("")
    event = {
        "kind": "Event",
        "metadata": {"name": "e"},
        "reason": "FailedScheduling",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web-1"},
        "lastTimestamp": OLD,
    }
    finding = only(node("a"), pod, event)
    assert finding.reason == "Unschedulable/InsufficientCpu"
    assert finding.evidence[0].locator == "event/FailedScheduling"


def replica(manifest: dict[str, Any], template: str) -> dict[str, Any]:
    owner = {"kind": "ReplicaSet", "name": f"web-{template}", "controller": True}
    metadata = manifest["metadata"] | {"ownerReferences": [owner], "labels": {"pod-template-hash": template}}
    return manifest | {"metadata": metadata}


def deployment(*templates: str) -> list[dict[str, Any]]:
    owner = {"kind": "Deployment", "name": "web", "controller": True}
    sets = [
        {"kind": "ReplicaSet", "metadata": {"name": f"web-{item}", "ownerReferences": [owner]}} for item in templates
    ]
    return [{"kind": "Deployment", "metadata": {"name": "web"}}, *sets]


MESSAGE = "0/1 nodes are available: 1 Insufficient cpu."


def test_replicas_are_one_finding_on_the_deployment() -> None:
    finding = only(node("a"), *deployment("x"), *(replica(pending(MESSAGE, name=f"web-{n}"), "x") for n in range(4)))
    assert str(finding.ref) == "Deployment default/web"
    assert "4 of 4 pods" in finding.title
    assert sum(item.ref.kind == "Pod" for item in finding.evidence) == 3


def test_one_pod_too_many_is_a_warning_and_a_stuck_rollout_is_critical() -> None:
    serving, waiting = replica(running("web-0", "a"), "x"), pending(MESSAGE)
    assert only(node("a"), *deployment("x"), serving, replica(waiting, "x")).severity is Severity.WARNING
    assert only(node("a"), *deployment("x", "y"), serving, replica(waiting, "y")).severity is Severity.CRITICAL


def test_a_node_on_its_way_from_the_autoscaler_is_no_trouble_yet() -> None:
    event = {
        "kind": "Event",
        "metadata": {"name": "e"},
        "reason": "TriggeredScaleUp",
        "message": "pod triggered scale-up: [{asg 1->2 (max: 5)}]",
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web-1"},
        "lastTimestamp": "2026-01-15T11:59:00Z",
    }
    assert only(node("a"), pending(MESSAGE), event).severity is Severity.INFO


def test_gates_hold_a_pod_back() -> None:
    gated = {
        "kind": "Pod",
        "metadata": {"name": "web", "creationTimestamp": OLD},
        "spec": {"schedulingGates": [{"name": "example.com/quota"}]},
        "status": {
            "phase": "Pending",
            "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "gates"}
            ],
        },
    }
    finding = only(gated)
    assert finding.reason == "SchedulingGated"
    assert "example.com/quota" in finding.cause
    young = {**gated, "metadata": {"name": "web", "creationTimestamp": "2026-01-15T11:59:30Z"}}
    assert list(plugin.analyze(snapshot_of(young))) == []


def test_a_pod_whose_scheduler_does_not_exist_is_told_after_a_minute() -> None:
    def pod(created: str) -> dict[str, Any]:
        return {
            "kind": "Pod",
            "metadata": {"name": "web", "creationTimestamp": created},
            "spec": {"schedulerName": "nobody"},
            "status": {"phase": "Pending"},
        }

    finding = only(pod(OLD))
    assert "nobody" in finding.cause
    assert finding.remedies[-1].title == "Leave schedulerName out, or run that scheduler"
    assert list(plugin.analyze(snapshot_of(pod("2026-01-15T11:59:30Z")))) == []


def waiting_for_a_volume(created: str = OLD, **annotations: str) -> list[dict[str, Any]]:
    claim = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "annotations": annotations},
        "status": {"phase": "Pending"},
    }
    pod = {
        "kind": "Pod",
        "metadata": {"name": "db", "creationTimestamp": created},
        "spec": {"volumes": CLAIM_VOLUME},
        "status": {"phase": "Pending"},
    }
    return [claim, pod]


def test_a_pod_whose_volume_is_being_made_where_the_scheduler_wants_it_waits_for_its_claim() -> None:
    selected = {"volume.kubernetes.io/selected-node": "a"}
    finding = only(*waiting_for_a_volume(**selected))
    assert finding.reason == "Unschedulable/VolumeClaimUnbound"
    assert [ref.name for ref in finding.points_at] == ["data"]
    assert list(plugin.analyze(snapshot_of(*waiting_for_a_volume("2026-01-15T11:59:30Z", **selected)))) == []
    assert only(*waiting_for_a_volume()).reason == "Unschedulable"  # no scheduler has looked at it


@pytest.mark.parametrize(
    "manifest",
    [
        running("placed", "a"),
        pending(MESSAGE) | {"status": {"phase": "Running"}, "spec": {"nodeName": "a"}},
        pending(MESSAGE, nodeName="a"),
    ],
)
def test_a_pod_that_has_a_node_is_left_alone(manifest: dict[str, Any]) -> None:
    assert list(plugin.analyze(snapshot_of(node("a"), manifest))) == []


def test_a_pod_that_is_being_deleted_is_left_alone() -> None:
    pod = pending(MESSAGE)
    pod["metadata"]["deletionTimestamp"] = OLD
    assert list(plugin.analyze(snapshot_of(node("a"), pod))) == []
