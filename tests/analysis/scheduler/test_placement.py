"""What nodes refuse, and which constraint is the one that matters."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analysis.scheduler.messages import ObstacleKind as K
from kubeagentix.analysis.scheduler.messages import read_clauses
from kubeagentix.analysis.scheduler.placement import Choice, Cluster, requests_of, tolerates
from kubeagentix.domain.nodes import Taint
from kubeagentix.domain.pods import Container, Pod, PodSpec, Resources, Toleration
from kubeagentix.testing import snapshot_of


def node(name: str, *, labels: dict[str, str] | None = None, cpu: str = "4", **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec,
        "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"}},
    }


def taint(key: str, value: str = "", effect: str = "NoSchedule") -> dict[str, str]:
    return {"key": key, "value": value, "effect": effect}


def pod(name: str = "web", *, on: str = "", cpu: str = "1", **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "i", "resources": {"requests": {"cpu": cpu}}}
    return {
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], "nodeName": on, **spec},
        "status": {"phase": "Running" if on else "Pending"},
    }


def choose(message: str, *manifests: dict[str, Any], namespace: str | None = None) -> Choice:
    snapshot = snapshot_of(*manifests, namespace=namespace)
    waiting = snapshot.get(Pod, "default", "web")
    assert waiting is not None
    choice = Cluster(snapshot=snapshot).choose(waiting, read_clauses(message))
    assert choice is not None
    return choice


def test_a_full_worker_outweighs_a_tainted_control_plane() -> None:
    choice = choose(
        "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) had untolerated taint {x: }.",
        *(node(f"cp-{n}", taints=[taint("node-role.kubernetes.io/control-plane")]) for n in range(3)),
        node("worker", cpu="500m"),
        pod(),
    )
    assert (choice.obstacle.kind, choice.obstacle.detail, choice.nodes) == (K.RESOURCE, "cpu", ("worker",))


def test_where_all_nodes_are_control_plane_their_taint_is_the_cause() -> None:
    choice = choose(
        "0/1 nodes are available: 1 node(s) had untolerated taint(s).",
        node("cp", taints=[taint("node-role.kubernetes.io/control-plane")]),
        pod(),
    )
    assert choice.obstacle.kind is K.TAINT


def test_a_selector_that_matches_a_node_is_not_the_cause_but_says_where() -> None:
    choice = choose(
        "0/3 nodes are available: 1 node(s) had untolerated taint {gpu: }, 2 node(s) didn't match Pod's node affinity.",
        node("a"),
        node("b"),
        node("c", labels={"pool": "gpu"}, taints=[taint("gpu")]),
        pod(nodeSelector={"pool": "gpu"}),
    )
    assert (choice.obstacle.kind, choice.obstacle.detail, choice.nodes) == (K.TAINT, "gpu", ("c",))


def test_a_selector_that_matches_no_node_is_the_cause_even_if_a_taint_was_counted_first() -> None:
    choice = choose(
        "0/2 nodes are available: 1 node(s) didn't match node selector, 1 node(s) had taint {d: b}, "
        "that the pod didn't tolerate.",
        node("a"),
        node("b", taints=[taint("d", "b")]),
        pod(nodeSelector={"pool": "gpu"}),
    )
    assert choice.obstacle.kind is K.NODE_SELECTOR


def test_the_obstacle_that_frees_the_most_nodes_is_the_cause() -> None:
    choice = choose(
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {dedicated: x}.",
        node("a", cpu="500m"),
        node("b", taints=[taint("dedicated", "x")]),
        node("c", taints=[taint("dedicated", "x")]),
        pod(),
    )
    assert (choice.obstacle.kind, choice.nodes) == (K.TAINT, ("b", "c"))


def test_a_toleration_that_nearly_fits_tells_which_taint_is_meant() -> None:
    choice = choose(
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {dedicated: x}.",
        node("a", cpu="500m"),
        node("b", taints=[taint("dedicated", "x")]),
        pod(tolerations=[{"key": "dedicated", "value": "y", "effect": "NoSchedule"}]),
    )
    assert choice.obstacle.kind is K.TAINT


def test_the_default_tolerations_of_every_pod_name_no_taint() -> None:
    sick = taint("node.kubernetes.io/not-ready")
    choice = choose(
        "0/3 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, 2 Insufficient cpu",
        node("a", cpu="500m"),
        node("b", cpu="500m"),
        node("c", taints=[sick]),
        pod(tolerations=[{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}]),
    )
    assert choice.obstacle.kind is K.RESOURCE


def test_what_only_the_scheduler_can_know_is_held_against_the_node_that_nothing_else_explains() -> None:
    choice = choose(
        "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, "
        "1 node(s) had untolerated taint {dedicated: x}.",
        node("a"),
        node("b", taints=[taint("dedicated", "x")]),
        pod(),
    )
    assert (choice.obstacle.kind, choice.nodes, choice.is_verified) == (K.TOPOLOGY_SPREAD, ("a",), False)


def test_what_is_free_counts_and_not_what_is_there() -> None:
    choice = choose(
        "0/1 nodes are available: 1 Insufficient cpu.",
        node("a", cpu="4"),
        pod(cpu="2"),
        pod("old", on="a", cpu="3"),
    )
    assert (choice.obstacle.detail, choice.is_verified) == ("cpu", True)


def test_a_finished_pod_holds_no_place() -> None:
    done = pod("old", on="a", cpu="3") | {"status": {"phase": "Succeeded"}}
    snapshot = snapshot_of(node("a", cpu="4"), pod(cpu="2"), done)
    waiting = snapshot.get(Pod, "default", "web")
    assert waiting is not None
    cluster = Cluster(snapshot=snapshot)
    assert cluster.refusals(waiting)[cluster.nodes[0].name] == ()


def test_where_other_namespaces_were_not_read_the_message_decides() -> None:
    choice = choose("0/1 nodes are available: 1 Insufficient cpu.", node("a"), pod(cpu="2"), namespace="default")
    assert (choice.obstacle.detail, choice.is_verified) == ("cpu", False)


def test_a_cordoned_node_refuses_by_its_spec_alone() -> None:
    choice = choose("0/1 nodes are available: 1 node(s) were unschedulable.", node("a", unschedulable=True), pod())
    assert choice.obstacle.kind is K.CORDONED


def test_a_pod_of_a_daemon_set_is_judged_on_its_own_node_only() -> None:
    fields = [{"key": "metadata.name", "operator": "In", "values": ["b"]}]
    terms = {"nodeSelectorTerms": [{"matchFields": fields}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    choice = choose(
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector.",
        node("a"),
        node("b", cpu="100m"),
        pod(affinity=affinity),
    )
    assert (choice.obstacle.kind, choice.nodes) == (K.RESOURCE, ("b",))


@pytest.mark.parametrize(
    ("toleration", "is_tolerated"),
    [
        (Toleration(key="k", value="v", effect="NoSchedule"), True),
        (Toleration(key="k", value="v"), True),
        (Toleration(key="k", operator="Exists"), True),
        (Toleration(operator="Exists"), True),
        (Toleration(key="k", value="w", effect="NoSchedule"), False),
        (Toleration(key="k", value="v", effect="NoExecute"), False),
        (Toleration(key="j", operator="Exists"), False),
        (Toleration(), False),
    ],
)
def test_a_toleration_is_read_as_the_scheduler_reads_it(toleration: Toleration, is_tolerated: bool) -> None:
    assert tolerates(toleration, Taint(key="k", value="v", effect="NoSchedule")) is is_tolerated


def container(cpu: str, restart_policy: str = "") -> Container:
    return Container(name="c", resources=Resources(requests={"cpu": cpu}), restart_policy=restart_policy)


def test_requests_are_those_of_the_containers_or_of_the_largest_init_container() -> None:
    both = PodSpec(containers=(container("1"), container("500m")), init_containers=(container("1"),))
    assert requests_of(both) == {"cpu": 1.5}
    large_init = PodSpec(containers=(container("1"),), init_containers=(container("3"),))
    assert requests_of(large_init) == {"cpu": 3.0}


def test_a_sidecar_is_added_to_containers_and_to_init_containers_after_it() -> None:
    spec = PodSpec(containers=(container("1"),), init_containers=(container("500m", "Always"), container("2")))
    assert requests_of(spec) == {"cpu": 2.5}


def test_overhead_and_limits_without_requests_count() -> None:
    limited = Container(name="c", resources=Resources(limits={"memory": "1Gi"}))
    spec = PodSpec(containers=(limited,), overhead={"memory": "128Mi"})
    assert requests_of(spec) == {"memory": 2.0**30 + 2.0**27}


def test_requests_of_the_whole_pod_replace_those_of_its_containers() -> None:
    spec = PodSpec(containers=(container("1"),), resources=Resources(requests={"cpu": "3"}))
    assert requests_of(spec) == {"cpu": 3.0}


@pytest.mark.parametrize(
    ("there", "kind"),
    [
        ({"cpu": "500m"}, K.RESOURCE),
        ({"unschedulable": True}, K.CORDONED),
        ({"taints": [taint("dedicated")]}, K.VOLUME_NODE_AFFINITY),  # the volume is where the pod is not meant to be
    ],
)
def test_a_volume_keeps_its_pod_where_it_is(there: dict[str, Any], kind: K) -> None:
    only_b = [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["b"]}]}]
    choice = choose(
        "0/2 nodes are available: 1 node(s) had volume node affinity conflict, 1 node(s) had something.",
        node("a"),
        node("b", labels={"disk": "b"}, **there),
        pod(volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]),
        {"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {"volumeName": "pv"},
         "status": {"phase": "Bound"}},
        {"kind": "PersistentVolume", "metadata": {"name": "pv"},
         "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": only_b}}}},
    )  # fmt: skip
    assert choice.obstacle.kind is kind
