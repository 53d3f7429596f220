"""Autoscalers: the conditions' messages are those of 1.20 to 1.34."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.autoscalers import analyze
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
JUST_NOW = "2026-01-15T11:59:00Z"
COMPUTE = "the HPA was unable to compute the replica count: "
NO_API = COMPUTE + (
    "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource "
    "metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"
)
NO_REQUEST = COMPUTE + "failed to get cpu utilization: missing request for cpu in container app of Pod web-a"
NO_PODS = COMPUTE + "failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)"
DEPLOYMENT = "kind: Deployment\nmetadata: {name: web}"


def scaler(
    kind: str = "",
    reason: str = "",
    message: str = "",
    *,
    name: str = "web",
    status: str = "False",
    at: str = LONG_AGO,
    target: str = "web",
) -> str:
    text = f'{{type: {kind}, status: "{status}", reason: {reason}, message: "{message}", lastTransitionTime: "{at}"}}'
    text = text.replace('"gone"', '\\"gone\\"')
    return f"""
kind: HorizontalPodAutoscaler
metadata: {{name: {name}, creationTimestamp: "{LONG_AGO}"}}
spec: {{maxReplicas: 3, scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {target}}}}}
status: {{conditions: [{text if kind else ""}]}}
"""


def pod(ready: str = "False", since: str = LONG_AGO) -> str:
    return f"""
kind: Pod
metadata: {{name: web-a, ownerReferences: [{{kind: Deployment, name: web, controller: true}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "{since}"}}]}}
"""


def find(*manifests: str) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


def test_working_autoscaler_is_silent() -> None:
    assert find(scaler("ScalingActive", "ValidMetricFound", status="True"), DEPLOYMENT) == {}


@pytest.mark.parametrize(
    ("message", "split"),
    [
        (NO_API, "NoMetricsServer"),
        (
            NO_API.replace("could not find the requested resource", "is currently unable to handle the request"),
            "NoMetricsServer",
        ),
        (NO_REQUEST, "NoRequests"),
        (COMPUTE + "missing request for cpu", "NoRequests"),
    ],
)
def test_metric_failures_are_told_apart(message: str, split: str) -> None:
    found = find(scaler("ScalingActive", "FailedGetResourceMetric", message), DEPLOYMENT)
    finding = found[f"FailedGetResourceMetric/{split}"]
    assert finding.severity is Severity.WARNING
    assert not finding.is_symptom
    assert finding.evidence[0].excerpt == message


def test_no_ready_pod_is_a_symptom_of_the_target() -> None:
    found = find(scaler("ScalingActive", "FailedGetResourceMetric", NO_PODS), DEPLOYMENT, pod())
    finding = found["FailedGetResourceMetric/NoReadyPods"]
    assert finding.is_symptom
    assert [str(ref) for ref in finding.points_at] == ["Deployment default/web"]


def test_metrics_of_young_pods_are_waited_for() -> None:
    failing = scaler("ScalingActive", "FailedGetResourceMetric", NO_PODS)
    assert find(failing, DEPLOYMENT, pod("True", JUST_NOW)) == {}
    assert list(find(failing, DEPLOYMENT, pod("True"))) == ["FailedGetResourceMetric"]


def test_failure_of_the_first_two_minutes_is_silent() -> None:
    assert find(scaler("ScalingActive", "FailedGetResourceMetric", NO_API, at=JUST_NOW), DEPLOYMENT) == {}


def test_target_scaled_to_zero_is_silent() -> None:
    assert find(scaler("ScalingActive", "ScalingDisabled", "replicas is zero"), DEPLOYMENT) == {}


def test_broken_metrics_server_is_pointed_at() -> None:
    service = "kind: Service\nmetadata: {name: metrics-server, namespace: kube-system}"
    found = find(scaler("ScalingActive", "FailedGetResourceMetric", NO_API), DEPLOYMENT, service)
    assert [str(ref) for ref in found["FailedGetResourceMetric/NoMetricsServer"].points_at] == [
        "Service kube-system/metrics-server"
    ]


def test_missing_target_is_told_with_and_without_a_condition() -> None:
    message = (
        'the HPA controller was unable to get the target\'s current scale: deployments/scale.apps "gone" not found'
    )
    for manifest in (scaler("AbleToScale", "FailedGetScale", message, target="gone"), scaler(target="gone")):
        found = find(manifest, DEPLOYMENT)
        assert list(found) == ["FailedGetScale/TargetNotFound"]
        assert [str(ref) for ref in found["FailedGetScale/TargetNotFound"].points_at] == ["Deployment default/gone"]


def test_target_that_was_not_read_is_not_missing() -> None:
    gap = Gap(what="deployments", why="403", kind="Deployment")
    assert list(analyze(snapshot_of(scaler(target="gone"), gaps=[gap]))) == []


@pytest.mark.parametrize(
    ("kind", "message", "split"),
    [
        ("DaemonSet", "unable to get scale: the server could not find the requested resource", "NotScalable"),
        ("Deployment", "no matches for kind Deployment in group extensions", "UnknownKind"),
        ("Deployment", "deployments.apps web is forbidden: User x cannot get resource", "Forbidden"),
        ("Deployment", "the server was unable to return a response in the time allotted", ""),
    ],
)
def test_a_target_that_is_there_and_cannot_be_scaled(kind: str, message: str, split: str) -> None:
    failing = scaler("AbleToScale", "FailedGetScale", message).replace("Deployment", kind)
    (reason,) = find(failing, f"kind: {kind}\nmetadata: {{name: web}}")
    assert reason == (f"FailedGetScale/{split}" if split else "FailedGetScale")
    young = scaler("AbleToScale", "FailedGetScale", message, at=JUST_NOW).replace("Deployment", kind)
    assert find(young, f"kind: {kind}\nmetadata: {{name: web}}") == {}


def test_an_api_that_nobody_serves_is_pointed_at() -> None:
    failing = scaler("ScalingActive", "FailedGetResourceMetric", NO_API)
    down = failing.replace("could not find the requested resource", "is currently unable to handle the request")
    finding = find(failing, DEPLOYMENT)["FailedGetResourceMetric/NoMetricsServer"]
    assert [str(ref) for ref in finding.points_at] == ["APIService v1beta1.metrics.k8s.io"]
    assert "the API metrics.k8s.io is not served" in finding.title
    assert find(down, DEPLOYMENT)["FailedGetResourceMetric/NoMetricsServer"].points_at == ()


@pytest.mark.parametrize(
    ("message", "split", "words"),
    [
        (
            "no custom metrics API (custom.metrics.k8s.io) registered",
            "NoMetricsServer",
            "the API custom.metrics.k8s.io is not served",
        ),
        (
            "queue.external.metrics.k8s.io is forbidden: User x cannot list resource queue",
            "Forbidden",
            "its account may not read external.metrics.k8s.io",
        ),
    ],
)
def test_metrics_of_adapters_are_told_by_their_api(message: str, split: str, words: str) -> None:
    finding = find(scaler("ScalingActive", "FailedGetPodsMetric", COMPUTE + message), DEPLOYMENT)
    assert words in finding[f"FailedGetPodsMetric/{split}"].title


def test_the_account_that_may_not_read_metrics_is_pointed_at() -> None:
    message = "unable to fetch: is forbidden: User system:serviceaccount:kube-system:scaler cannot list resource queue"
    (finding,) = find(scaler("ScalingActive", "FailedGetExternalMetric", message), DEPLOYMENT).values()
    assert [str(ref) for ref in finding.points_at] == ["ServiceAccount kube-system/scaler"]


BY_CPU = "maxReplicas: 3, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization}}}]"


def asking(resources: str) -> str:
    return pod("True").replace("\nstatus:", f"\nspec: {{containers: [{{name: app, resources: {resources}}}]}}\nstatus:")


def test_containers_without_the_request_that_is_watched() -> None:
    unheard = scaler().replace("maxReplicas: 3", BY_CPU)
    assert list(find(unheard, DEPLOYMENT, asking("{}"))) == ["FailedGetResourceMetric/NoRequests"]
    assert find(unheard, DEPLOYMENT, asking("{requests: {cpu: 1}}")) == {}
    assert find(unheard, DEPLOYMENT, asking("{limits: {cpu: 1}}")) == {}
    assert find(unheard.replace("Utilization", "AverageValue"), DEPLOYMENT, asking("{}")) == {}
    works = scaler("ScalingActive", "ValidMetricFound", status="True").replace("maxReplicas: 3", BY_CPU)
    assert find(works, DEPLOYMENT, asking("{}")) == {}


@pytest.mark.parametrize(("times", "reasons"), [(2, []), (3, ["ReplicasContested"])])
def test_replicas_that_somebody_else_sets_again_and_again(times: int, reasons: list[str]) -> None:
    event = f"""
kind: Event
metadata: {{name: rescale}}
involvedObject: {{kind: HorizontalPodAutoscaler, namespace: default, name: web}}
reason: SuccessfulRescale
message: 'New size: 3; reason: Current number of replicas above Spec.MaxReplicas'
count: {times}
"""
    assert list(find(scaler(), DEPLOYMENT, event)) == reasons


def test_unknown_kind_of_target() -> None:
    message = "unable to get scale: no matches for kind Thing in group example.org"
    found = find(scaler("AbleToScale", "FailedGetScale", message).replace("kind: Deployment", "kind: Thing"))
    assert list(found) == ["FailedGetScale/UnknownKind"]


def test_limit_at_the_maximum_is_information_and_at_the_minimum_nothing() -> None:
    most = find(scaler("ScalingLimited", "TooManyReplicas", status="True"), DEPLOYMENT)
    assert most["ScalingLimited"].severity is Severity.INFO
    assert find(scaler("ScalingLimited", "TooFewReplicas", status="True"), DEPLOYMENT) == {}


def test_two_autoscalers_on_one_target() -> None:
    assert list(find(scaler(), scaler(name="other"), DEPLOYMENT)) == ["AmbiguousSelector"]
    assert find(scaler(), scaler(name="other", target="api"), DEPLOYMENT, DEPLOYMENT.replace("web", "api")) == {}


def test_target_that_is_nearly_called_so_is_offered() -> None:
    finding = find(scaler(target="we-b"), DEPLOYMENT)["FailedGetScale/TargetNotFound"]
    assert finding.cause.endswith("There is Deployment web: was that meant?")
    assert finding.remedies[-1].command == (
        "kubectl patch horizontalpodautoscaler web --type=merge"
        """ -p '{"spec":{"scaleTargetRef":{"name":"web"}}}' -n default"""
    )
    assert (
        find(scaler(target="gone"), DEPLOYMENT)["FailedGetScale/TargetNotFound"]
        .remedies[-1]
        .command.startswith("kubectl edit")
    )
