"""What holds for every scenario: real-looking, consistent objects that give nothing of the truth away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from kubeagentix import registry
from kubeagentix.cluster.projections import project
from kubeagentix.contracts import ScenarioPlugin
from kubeagentix.demo.kit import populate
from kubeagentix.demo.store import Store
from kubeagentix.domain.resources import KINDS

FAMILIES = {
    *(
        "pod",
        "scheduling",
        "image",
        "config",
        "storage",
        "workload",
        "network",
        "node",
        "composite",
        "healthy",
        "access",
    ),
}
TELLING = re.compile(r"broken|\boom\b|demo-fault|kubeagentix|scenario|faulty|misconfig", re.IGNORECASE)
SCENARIOS = registry.scenarios()


@pytest.fixture(scope="module")
def store() -> Store:
    """A cluster with every scenario at once."""
    full = Store()
    populate(full, SCENARIOS.values())
    return full


def every(store: Store) -> Iterator[dict[str, Any]]:
    for kind in store.catalog:
        yield from store.peek_all(kind)


def key(obj: Mapping[str, Any]) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def conditions(obj: Mapping[str, Any]) -> dict[str, str]:
    return {item["type"]: item["status"] for item in obj["status"].get("conditions") or ()}


def test_there_are_enough_scenarios_of_every_family() -> None:
    assert len(SCENARIOS) >= 26
    assert {scenario.family for scenario in SCENARIOS.values()} == FAMILIES
    assert sum(scenario.family == "composite" for scenario in SCENARIOS.values()) == 2
    assert sum(scenario.is_healthy for scenario in SCENARIOS.values()) == 3


def test_every_scenario_has_a_namespace_of_its_own() -> None:
    namespaces = [scenario.namespace for scenario in SCENARIOS.values()]
    assert len(set(namespaces)) == len(namespaces)
    assert not {"default", "kube-system"} & set(namespaces)


def test_owner_references_name_objects_that_exist(store: Store) -> None:
    by_uid = {obj["metadata"]["uid"]: obj for obj in every(store)}
    for obj in every(store):
        for owner in obj["metadata"].get("ownerReferences") or ():
            found = by_uid[owner["uid"]]
            assert (found["kind"], found["metadata"]["name"]) == (owner["kind"], owner["name"])
            assert found["metadata"]["namespace"] == obj["metadata"]["namespace"]


def test_uids_are_unique(store: Store) -> None:
    uids = [obj["metadata"]["uid"] for obj in every(store)]
    assert len(set(uids)) == len(uids)


def test_pods_are_named_after_their_owner(store: Store) -> None:
    for pod in store.list("Pod"):
        for owner in pod["metadata"].get("ownerReferences") or ():
            assert pod["metadata"]["name"].startswith(f"{owner['name']}-")


def test_deployments_count_their_pods(store: Store) -> None:
    for deployment in store.list("Deployment"):
        name, status = deployment["metadata"]["name"], deployment["status"]
        sets = [item for item in store.list("ReplicaSet", deployment["metadata"]["namespace"]) if owned_by(item, name)]
        active = [
            pod
            for pod in store.list("Pod", deployment["metadata"]["namespace"])
            if any(owned_by(pod, item["metadata"]["name"]) for item in sets)
            and pod["status"]["phase"] not in ("Failed", "Succeeded")
            and "deletionTimestamp" not in pod["metadata"]
        ]
        assert status.get("replicas", 0) == len(active)
        assert status.get("readyReplicas", 0) == sum(conditions(pod).get("Ready") == "True" for pod in active)
        assert status["observedGeneration"] == deployment["metadata"]["generation"]


def owned_by(obj: Mapping[str, Any], name: str) -> bool:
    return any(owner["name"] == name for owner in obj["metadata"].get("ownerReferences") or ())


def test_a_ready_pod_runs_and_an_unready_one_says_why(store: Store) -> None:
    lost = {node["metadata"]["name"] for node in store.list("Node") if conditions(node)["Ready"] != "True"}
    for pod in store.list("Pod"):
        status = pod["status"]
        states = [next(iter(item["state"])) for item in status.get("containerStatuses") or ()]
        if conditions(pod).get("Ready") == "True":
            assert status["phase"] == "Running"
            assert set(states) == {"running"}
        elif status["phase"] == "Running" and pod["spec"]["nodeName"] not in lost:
            every_status = [*status["containerStatuses"], *status.get("initContainerStatuses", ())]
            assert not all(item["ready"] for item in every_status)


def test_no_time_lies_in_the_future(store: Store) -> None:
    now = datetime.now(UTC)
    for obj in every(store):
        if obj["kind"] == "Secret":
            continue
        for text in re.findall(r'"(\d{4}-\d\d-\d\dT[0-9:.]+Z)"', json.dumps(obj)):
            assert datetime.fromisoformat(text) <= now, (key(obj), text)


def test_events_are_about_objects_that_exist_and_not_older_than_an_hour(store: Store) -> None:
    by_uid = {obj["metadata"]["uid"]: key(obj) for obj in every(store)}
    now = datetime.now(UTC)
    for event in store.list("Event"):
        about = event["involvedObject"]
        assert by_uid[about["uid"]] == (about["kind"], about.get("namespace", ""), about["name"])
        last = (event.get("series") or {}).get("lastObservedTime") or event["lastTimestamp"] or event["eventTime"]
        assert (now - datetime.fromisoformat(last)).total_seconds() < 3700
        assert "{ip}" not in event["message"]


def test_services_reach_the_pods_that_are_ready(store: Store) -> None:
    addresses = {pod["status"].get("podIP"): pod for pod in store.list("Pod")}
    for piece in store.list("EndpointSlice"):
        for endpoint in piece["endpoints"]:
            if "targetRef" not in endpoint:
                continue
            pod = addresses[endpoint["addresses"][0]]
            assert pod["metadata"]["name"] == endpoint["targetRef"]["name"]
            assert endpoint["conditions"]["ready"] == (conditions(pod)["Ready"] == "True")


def test_pod_addresses_are_unique(store: Store) -> None:
    own = [pod["status"].get("podIP") for pod in store.list("Pod") if not pod["spec"].get("hostNetwork")]
    addresses = [address for address in own if address]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("kind_name", sorted(KINDS))
def test_every_object_decodes(store: Store, kind_name: str) -> None:
    for obj in store.list(kind_name):
        assert project(KINDS[kind_name], obj).metadata.name == obj["metadata"]["name"]


def test_nothing_of_the_truth_is_served(store: Store) -> None:
    ids = "|".join(re.escape(name) for name in SCENARIOS)
    forbidden = re.compile(ids, re.IGNORECASE)
    for obj in every(store):
        text = json.dumps(obj)
        assert not forbidden.search(text), key(obj)
        words = {match.group().lower() for match in TELLING.finditer(text)}
        assert not words, (key(obj), words)


def test_nothing_of_the_truth_is_in_the_logs(store: Store) -> None:
    for pod in store.list("Pod"):
        for container in pod["spec"]["containers"]:
            lines = store.log(pod["metadata"]["namespace"], pod["metadata"]["name"], container["name"]) or ()
            assert not any(TELLING.search(line) or "ADDRESS" in line or "{at}" in line for _, line in lines)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_truth_names_an_object_or_one_that_is_missing_on_purpose(store: Store, scenario: ScenarioPlugin) -> None:
    for truth in scenario.truths:
        namespace = truth.namespace or scenario.namespace
        found = store.get(truth.kind, namespace, truth.name)
        assert (found is None) == truth.reason.endswith("/SecretNotFound")


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_scenario_stands_alone(scenario: ScenarioPlugin) -> None:
    store = Store()
    populate(store, [scenario])
    unready = [
        pod["metadata"]["name"]
        for pod in store.list("Pod", scenario.namespace)
        if conditions(pod).get("Ready") != "True" and pod["status"]["phase"] != "Succeeded"
    ]
    warnings = [event["message"] for event in store.list("Event") if event["type"] == "Warning"]
    if scenario.is_healthy:
        assert unready == []
        assert warnings == []
    elif scenario.family != "network" and "autoscaler" not in scenario.id:
        assert unready or warnings


def test_without_scenarios_the_cluster_is_well() -> None:
    store = Store()
    populate(store, [])
    assert {conditions(pod)["Ready"] for pod in store.list("Pod")} == {"True"}
    assert store.list("Event") == []
    assert {conditions(node)["Ready"] for node in store.list("Node")} == {"True"}
