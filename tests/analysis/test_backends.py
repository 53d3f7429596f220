"""Who stands behind a Service and its ports."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.backends import (
    backing_of,
    describe_ports,
    find_port,
    is_deserted,
    is_switched_off,
    resolve_target_port,
    target_of,
)
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.network import IngressServicePort, Service, ServicePort
from kubeagentix.domain.pods import Container, ContainerPort, PodSpec
from kubeagentix.testing import snapshot_of

POD = PodSpec(containers=(Container(name="a", ports=(ContainerPort(name="http", container_port=8080),)),))
READY = """
kind: Pod
metadata: {name: a, labels: {app: web}}
spec: {containers: [{name: app, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
"""
SLICE = """
kind: EndpointSlice
metadata: {name: s, labels: {kubernetes.io/service-name: web}}
endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}, {addresses: [10.0.0.2], conditions: {ready: false}}]
"""


def service(spec: str = "selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]") -> str:
    return f"kind: Service\nmetadata: {{name: web}}\nspec: {{{spec}}}"


@pytest.mark.parametrize(
    ("target", "number"), [(None, 80), (0, 80), (9090, 9090), ("9090", 9090), ("http", 8080), ("grpc", None)]
)
def test_target_ports_resolve_as_the_endpoints_controller_does(target: int | str | None, number: int | None) -> None:
    assert resolve_target_port(ServicePort(port=80, target_port=target), POD) == number


def test_name_of_the_other_protocol_is_none() -> None:
    assert resolve_target_port(ServicePort(port=80, target_port="http", protocol="UDP"), POD) is None
    assert target_of(ServicePort(port=80)) == 80


def test_ready_pods_count_and_only_for_ports_that_resolve() -> None:
    snapshot = snapshot_of(service(), READY)
    web = snapshot.all(Service)[0]
    assert backing_of(snapshot, web).ready == 1
    assert backing_of(snapshot, web, ServicePort(port=80, target_port="grpc")).is_empty


def test_unready_pods_count_where_they_are_published() -> None:
    unready = READY.replace('"True"', '"False"')
    published = service("selector: {app: web}, publishNotReadyAddresses: true")
    for manifest, expected in ((service(), 0), (published, 1)):
        snapshot = snapshot_of(manifest, unready)
        assert backing_of(snapshot, snapshot.all(Service)[0]).ready == expected


def test_slices_speak_without_a_selector_or_without_pods() -> None:
    gap = Gap(what="pods", why="403", kind="Pod")
    for snapshot in (snapshot_of(service("ports: []"), SLICE), snapshot_of(service(), SLICE, gaps=[gap])):
        assert backing_of(snapshot, snapshot.all(Service)[0]).ready == 1


def test_what_cannot_be_known_is_not_empty() -> None:
    gap = Gap(what="pods", why="403", kind="Pod")
    for snapshot in (
        snapshot_of(service(), gaps=[gap]),
        snapshot_of(service("type: ExternalName, externalName: example.org")),
    ):
        assert not backing_of(snapshot, snapshot.all(Service)[0]).is_empty


def test_ports_are_found_by_name_or_number() -> None:
    web = snapshot_of(service()).all(Service)[0]
    assert find_port(web, IngressServicePort(name="http")) is not None
    assert find_port(web, IngressServicePort(number=80)) is not None
    assert find_port(web, IngressServicePort(number=8080)) is None
    assert find_port(web, IngressServicePort(name="grpc")) is None
    assert describe_ports(web) == "80 (http)"


@pytest.mark.parametrize(("replicas", "is_off"), [(0, True), (1, False)])
def test_a_service_is_switched_off_with_the_workloads_that_it_selects(replicas: int, is_off: bool) -> None:
    workload = f"""
kind: Deployment
metadata: {{name: web}}
spec: {{replicas: {replicas}, template: {{metadata: {{labels: {{app: web}}}}}}}}
"""
    snapshot = snapshot_of(service(), workload)
    assert is_switched_off(snapshot, snapshot.all(Service)[0]) is is_off
    alone = snapshot_of(service())
    assert not is_switched_off(alone, alone.all(Service)[0])


OLD, NEW = "2026-01-15T08:00:00Z", "2026-01-15T11:59:50Z"


@pytest.mark.parametrize(("since", "is_told"), [(OLD, True), (NEW, False)])
def test_a_service_whose_pods_are_starting_is_not_deserted_yet(since: str, is_told: bool) -> None:
    unready = READY.replace('"True"', f'"False", lastTransitionTime: "{since}"')
    snapshot = snapshot_of(service(), unready)
    assert is_deserted(snapshot, snapshot.all(Service)[0]) is is_told


@pytest.mark.parametrize(("made", "is_told"), [(OLD, True), (NEW, False)])
def test_a_service_that_was_just_made_is_not_deserted_yet(made: str, is_told: bool) -> None:
    snapshot = snapshot_of(service().replace("name: web}", f"name: web, creationTimestamp: '{made}'}}", 1))
    assert is_deserted(snapshot, snapshot.all(Service)[0]) is is_told


def test_a_service_without_a_selector_is_known_to_be_empty_where_slices_were_read() -> None:
    by_hand = service("ports: [{port: 80}]")
    assert is_deserted(snapshot_of(by_hand), snapshot_of(by_hand).all(Service)[0])
    unread = snapshot_of(by_hand, gaps=[Gap(what="slices", why="403", kind="EndpointSlice")])
    assert not is_deserted(unread, unread.all(Service)[0])


def test_a_picture_that_has_no_slices_of_ready_pods_either_tells_nothing_of_those_written_by_hand() -> None:
    by_hand = service("ports: [{port: 80}]").replace("name: web", "name: legacy", 1)
    snapshot = snapshot_of(by_hand, service(), READY)
    assert not is_deserted(snapshot, snapshot.all(Service)[0])
    taken = snapshot_of(by_hand, service(), READY, SLICE)
    assert is_deserted(taken, taken.all(Service)[0])
