"""Custom resources of many operators, one object a line where that is easier to read."""

# ruff: noqa: E501

from __future__ import annotations

import json
from typing import Any

import pytest

from kubeagentix.analyzers.custom_resources import plugin
from kubeagentix.domain.diagnosis import Finding, Severity, Target
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import snapshot_of
from tests.analyzers.conftest import ago

LONG_AGO = ago(9000)
CERT_MANAGER, ACME, FLUX = "cert-manager.io/v1", "acme.cert-manager.io/v1", "helm.toolkit.fluxcd.io/v2"


def condition(
    type_: str = "Ready",
    status: str = "False",
    reason: str = "Failed",
    message: str = "",
    since: str = LONG_AGO,
    **more: str,
) -> dict[str, str]:
    fields = {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}
    return {**fields, **more}


def custom(
    *conditions: dict[str, str],
    api: str = CERT_MANAGER,
    kind: str = "Certificate",
    name: str = "web",
    namespace: str = "shop",
    owner: tuple[str, str, str] | None = None,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    **metadata: Any,
) -> dict[str, Any]:
    meta = {"name": name, "creationTimestamp": LONG_AGO, "uid": f"{kind}-{name}", **metadata}
    if namespace:
        meta["namespace"] = namespace
    if owner:
        meta["ownerReferences"] = [dict(zip(("apiVersion", "kind", "name"), owner, strict=True), controller=True)]
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": meta,
        "spec": spec or {},
        "status": {"conditions": list(conditions), **(status or {})},
    }


def find(*manifests: Any) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


def diagnose(*manifests: Any) -> Diagnosis:
    return diagnose_snapshot(snapshot_of(*manifests), Target())


def roots(*manifests: Any) -> list[str]:
    return [str(item.root) for item in diagnose(*manifests).hypotheses]


@pytest.mark.parametrize(
    ("item", "reason", "severity"),
    [
        (condition(), "NotReady/Failed", Severity.CRITICAL),
        (condition("Available", reason="Broken"), "NotAvailable/Broken", Severity.CRITICAL),
        (condition("Synced", reason="ReconcileError"), "NotSynced/ReconcileError", Severity.WARNING),
        (condition("Stalled", "True", "RetriesExceeded"), "Stalled/RetriesExceeded", Severity.WARNING),
        (condition("Degraded", "True", "SyncError"), "Degraded/SyncError", Severity.WARNING),
        (condition("ResolutionFailed", "True", "ErrorPreventedResolution"), "ResolutionFailed/ErrorPreventedResolution", Severity.WARNING),
        (condition("ComparisonError", "", ""), "ComparisonError", Severity.WARNING),
    ],
)  # fmt: skip
def test_a_condition_that_says_that_something_is_wrong_is_told(
    item: dict[str, str], reason: str, severity: Severity
) -> None:
    (finding,) = find(custom(item))
    assert (finding.reason, finding.severity) == (reason, severity)
    assert str(finding.ref) == "Certificate shop/web"
    assert finding.evidence[0].locator == f"status.conditions[{item['type']}]"


@pytest.mark.parametrize(
    "quiet",
    [
        custom(condition(status="True")),
        custom(condition(since=ago(30))),  # it tries again
        custom(condition(), creationTimestamp=ago(30)),
        custom(condition(reason="Waiting", since=ago(200))),
        custom(condition(reason="Creating", since=ago(1500))),  # a database in some cloud
        custom(condition(status="Unknown", reason="Progressing", since=ago(600))),
        custom(condition(reason="Suspended")),
        custom(condition(), spec={"suspend": True}),
        custom(condition(), annotations={"cluster.x-k8s.io/paused": "true"}),
        custom(condition(severity="Info")),
        custom(condition("Active", reason="ScalerNotActive")),  # KEDA: nothing to do
        custom(condition("Degraded", "False"), condition("Upgradeable", "False"), condition("Progressing", "False")),
        custom(condition(status="True"), condition("ControlPlaneReady", reason="Failed")),
        custom(condition("ContainersReady", reason="PodCompleted"), condition("Succeeded", "True", "Succeeded")),
        custom(condition(), status={"phase": "Succeeded"}),
        custom(condition("Programmed", "Unknown", "Pending", since="1970-01-01T00:00:00Z")),  # nobody's object
        custom(
            condition("Healthy", reason="RolloutHealthy"),
            condition("Available", "True"),
            condition("Progressing", "True"),
        ),
        custom(status={"phase": "Failed", "reason": "Copied"}),  # OLM tells of it where the operator is
        custom(status={"phase": "Running"}),
        custom(status={"phase": "Pending"}),
        custom(status={"health": {"status": "Progressing"}}),
        custom(condition(), deletionTimestamp=ago(20)),
        custom(),
    ],
)
def test_what_is_well_at_work_or_switched_off_is_silent(quiet: dict[str, Any]) -> None:
    assert find(quiet) == []


def test_what_is_at_work_for_too_long_is_told() -> None:
    (finding,) = find(custom(condition(reason="Creating", since=ago(4000))))
    assert finding.is_symptom


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"phase": "Failed", "reason": "ComponentUnhealthy", "message": "x"}, "Failed/ComponentUnhealthy"),
        ({"state": "Error"}, "Error"),
        ({"health": {"status": "Degraded"}}, "Degraded"),
        ({"health": "red", "phase": "Ready"}, "red"),
    ],
)
def test_a_phase_or_a_health_that_is_bad_is_told(status: dict[str, Any], reason: str) -> None:
    (finding,) = find(custom(status=status))
    assert (finding.reason, finding.severity) == (reason, Severity.CRITICAL)


OLM = "operators.coreos.com/v1alpha1"
FAILED_PLAN = {"phase": "Failed"}
TWO_GROUPS = condition("MultipleOperatorGroup", "True", "MultipleOperatorGroupsFound", "more than one was found")
UNHEALTHY_CATALOG = condition("CatalogSourcesUnhealthy", "True", "UnhealthyCatalogSourceFound")
HIDDEN = condition("Serving", reason="UserSpecifiedUnavailable")


@pytest.mark.parametrize(
    ("item", "reasons"),
    [
        (custom(api=OLM, kind="CatalogSource", status={"connectionState": {"lastObservedState": "TRANSIENT_FAILURE"}}), ["TRANSIENT_FAILURE"]),
        (custom(api=OLM, kind="CatalogSource", status={"connectionState": {"lastObservedState": "CONNECTING"}}), []),
        (custom(api=OLM, kind="CatalogSource", status={"connectionState": "READY"}), []),
        (custom(condition("Installed", reason="InstallComponentFailed"), api=OLM, kind="InstallPlan", status=FAILED_PLAN), ["NotInstalled/InstallComponentFailed"]),
        (custom(api=OLM, kind="InstallPlan", status={"phase": "RequiresApproval"}), []),
        (custom(UNHEALTHY_CATALOG, api=OLM, kind="Subscription"), ["CatalogSourcesUnhealthy/UnhealthyCatalogSourceFound"]),
        (custom({**UNHEALTHY_CATALOG, "status": "False"}, api=OLM, kind="Subscription"), []),
        (custom(api=OLM, kind="ClusterServiceVersion", status={"phase": "Failed", "reason": "TooManyOperatorGroups"}), ["Failed/TooManyOperatorGroups"]),
        (custom(TWO_GROUPS, api="operators.coreos.com/v1", kind="OperatorGroup"), ["MultipleOperatorGroup/MultipleOperatorGroupsFound"]),
        (custom({**TWO_GROUPS, "status": "False"}, api="operators.coreos.com/v1", kind="OperatorGroup"), []),
        (custom(condition("Serving", reason="Unavailable"), api="olm.operatorframework.io/v1", kind="ClusterCatalog", namespace=""), ["NotServing/Unavailable"]),
        (custom(HIDDEN, api="olm.operatorframework.io/v1", kind="ClusterCatalog", namespace=""), []),
    ],
)  # fmt: skip
def test_what_the_lifecycle_manager_of_operators_says(item: dict[str, Any], reasons: list[str]) -> None:
    assert [finding.reason for finding in find(item)] == reasons


def test_a_catalog_that_cannot_be_reached_is_a_warning_with_the_field_that_says_so() -> None:
    (finding,) = find(
        custom(api=OLM, kind="CatalogSource", status={"connectionState": {"lastObservedState": "TRANSIENT_FAILURE"}})
    )
    assert finding.severity is Severity.WARNING
    assert finding.evidence[0].locator == "status.connectionState.lastObservedState"


def test_a_vertical_autoscaler_of_a_target_that_is_not_there() -> None:
    def scaler(name: str, *conditions: dict[str, str]) -> dict[str, Any]:
        target = {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}}
        return custom(*conditions, api="autoscaling.k8s.io/v1", kind="VerticalPodAutoscaler", spec=target)

    deployment = {"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    said = "Cannot read targetRef. Reason: Deployment shop/wbe does not exist"
    (finding,) = find(scaler("wbe", condition("ConfigUnsupported", "True", "", said)), deployment)
    assert (finding.reason, finding.severity) == ("ConfigUnsupported", Severity.WARNING)
    assert "Deployment shop/wbe does not exist" in finding.title
    assert find(scaler("web", condition("RecommendationProvided", "True", "")), deployment) == []


def test_a_run_that_failed_long_ago_is_history() -> None:
    def run(since: str) -> dict[str, Any]:
        failed = condition("Succeeded", reason="Failed", message="exit 1", since=since)
        return custom(failed, kind="PipelineRun", api="tekton.dev/v1", status={"completionTime": since})

    assert [item.severity for item in find(run(ago(600)))] == [Severity.WARNING]
    assert [item.severity for item in find(run(ago(9000)))] == [Severity.INFO]


def test_a_run_that_has_completed_as_failed_is_told() -> None:
    ended = {"phase": "Failed", "message": "child 'train' failed", "finishedAt": ago(600)}
    (finding,) = find(custom(condition("Completed", "True"), kind="Workflow", api="argoproj.io/v1alpha1", status=ended))
    assert (finding.reason, finding.severity) == ("Failed", Severity.WARNING)


def test_a_part_that_works_and_is_not_kept_up_is_told_though_its_owner_is_well() -> None:
    drifted = condition("Synced", reason="ReconcileError", message="cannot update: access denied")
    part = custom(
        condition(status="True"), drifted, kind="Bucket", name="b", owner=(CERT_MANAGER, "Certificate", "web")
    )
    assert [item.reason for item in find(part, custom(condition(status="True")))] == ["NotSynced/ReconcileError"]


def test_what_still_serves_is_not_down() -> None:
    rollout = custom(condition("Healthy", reason="RolloutHealthy"), condition("Available", "True"), kind="Rollout")
    assert [item.severity for item in find(rollout)] == [Severity.WARNING]


def test_an_idle_part_of_an_object_that_is_well_is_silent() -> None:
    idle = condition(status="Unknown", reason="NoHealthyBackends")
    part = custom(idle, kind="ServerlessService", name="part", owner=(CERT_MANAGER, "Autoscaler", "middle"))
    middle = custom(
        condition(reason="NoTraffic"), kind="Autoscaler", name="middle", owner=(CERT_MANAGER, "Revision", "top")
    )
    assert find(part, middle, custom(condition(status="True"), kind="Revision", name="top")) == []
    assert len(find(part, middle, custom(condition(), kind="Revision", name="top"))) == 2


def test_an_attempt_of_an_object_that_is_well_is_history() -> None:
    request = custom(condition(), kind="CertificateRequest", name="web-1", owner=(CERT_MANAGER, "Certificate", "web"))
    assert find(request, custom(condition(status="True"))) == []
    assert len(find(request, custom(condition()))) == 2


def test_a_secret_that_the_message_misses_is_blamed() -> None:
    message = 'Error getting keypair for CA issuer: secrets "ca-key-pair" not found'
    issuer = custom(condition(reason="ErrGetKeyPair", message=message), kind="Issuer", name="ca")
    (finding,) = find(issuer)
    assert [str(ref) for ref in finding.points_at] == ["Secret shop/ca-key-pair"]
    assert "Secret shop/ca-key-pair does not exist" in finding.title
    assert not finding.is_symptom


def test_a_secret_that_exists_is_not_called_missing() -> None:
    message = 'secret "ca-key-pair" has no key tls.crt'
    issuer = custom(condition(reason="ErrGetKeyPair", message=message), kind="Issuer", name="ca")
    secret = "{kind: Secret, metadata: {name: ca-key-pair, namespace: shop}}"
    (finding,) = find(issuer, secret)
    assert "does not exist" not in finding.title


def test_a_chain_of_owners_ends_at_the_one_that_knows_why() -> None:
    chain = [
        custom(condition(reason="DoesNotExist", message="Issuing certificate as Secret does not exist"), spec={"secretName": "web-tls"}),
        custom(condition(reason="Pending", message="Waiting on certificate issuance from order shop/web-1-o: pending"), kind="CertificateRequest", name="web-1", owner=(CERT_MANAGER, "Certificate", "web")),
        custom(api=ACME, kind="Order", name="web-1-o", owner=(CERT_MANAGER, "CertificateRequest", "web-1"), status={"state": "pending"}),
        custom(api=ACME, kind="Challenge", name="web-1-o-c", owner=(ACME, "Order", "web-1-o"), status={"state": "errored", "reason": "failed to perform self check: connection refused"}),
    ]  # fmt: skip
    diagnosis = diagnose(*chain)
    (hypothesis,) = diagnosis.hypotheses
    assert str(hypothesis.root) == "Challenge shop/web-1-o-c"
    assert "Certificate shop/web" in hypothesis.summary


def test_who_needs_the_secret_that_was_not_made_hangs_under_its_maker() -> None:
    message = 'could not get secret data from provider: SecretStore "vault" is not ready'
    external = custom(
        condition(reason="SecretSyncedError", message=message),
        api="external-secrets.io/v1", kind="ExternalSecret", name="db",
        spec={"secretStoreRef": {"name": "vault", "kind": "SecretStore"}, "target": {"name": "db"}},
    )  # fmt: skip
    store = custom(
        condition(reason="InvalidProviderConfig", message="unable to log in: permission denied"),
        api="external-secrets.io/v1", kind="SecretStore", name="vault",
    )  # fmt: skip
    pod = f"""
kind: Pod
metadata: {{name: api, namespace: shop, creationTimestamp: "{LONG_AGO}"}}
spec: {{nodeName: node-1, containers: [{{name: api, envFrom: [{{secretRef: {{name: db}}}}]}}]}}
status:
  phase: Pending
  containerStatuses: [{{name: api, state: {{waiting: {{reason: CreateContainerConfigError, message: secret "db" not found}}}}}}]
"""
    assert roots(external, store, pod) == ["SecretStore shop/vault"]


def test_a_release_is_explained_by_the_workload_that_it_names_or_has_labelled() -> None:
    labels = {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "shop"}
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "web-app", "namespace": "shop", "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}},
        "status": {"replicas": 1, "unavailableReplicas": 1},
    }
    pod = f"""
kind: Pod
metadata: {{name: web-app-1, namespace: shop, creationTimestamp: "{LONG_AGO}", ownerReferences: [{{kind: Deployment, name: web-app, controller: true}}]}}
spec: {{containers: [{{name: web, image: 'example.org/web:9'}}]}}
status: {{phase: Pending, containerStatuses: [{{name: web, state: {{waiting: {{reason: ImagePullBackOff, message: 'Back-off pulling image "example.org/web:9": not found'}}}}}}]}}
"""
    release = custom(
        condition(reason="InstallFailed", message="context deadline exceeded"), api=FLUX, kind="HelmRelease"
    )
    assert roots(release, deployment, pod) == ["Deployment shop/web-app"]
    named = custom(
        condition(reason="HealthCheckFailed", message="timeout waiting for: [Deployment/shop/web-app status: 'InProgress']"),
        api="kustomize.toolkit.fluxcd.io/v1", kind="Kustomization", name="apps", namespace="flux-system",
    )  # fmt: skip
    plain = {**deployment, "metadata": {"name": "web-app", "namespace": "shop"}}
    assert roots(named, plain, pod) == ["Deployment shop/web-app"]


def test_argos_list_of_unhealthy_objects_is_followed() -> None:
    issuer = custom(condition(reason="ErrGetKeyPair", message="no key pair, invalid"), kind="Issuer", name="ca")
    listed = {
        "group": "cert-manager.io",
        "version": "v1",
        "kind": "Issuer",
        "namespace": "shop",
        "name": "ca",
        "health": {"status": "Degraded"},
    }
    application = custom(
        api="argoproj.io/v1alpha1", kind="Application", namespace="argocd",
        status={"health": {"status": "Degraded"}, "resources": [listed]},
    )  # fmt: skip
    assert roots(application, issuer) == ["Issuer shop/ca"]


def test_two_that_fail_apart_stay_two_though_they_have_one_healthy_source() -> None:
    source = {"sourceRef": {"kind": "GitRepository", "name": "apps"}}
    healthy = custom(condition(status="True"), api="source.toolkit.fluxcd.io/v1", kind="GitRepository", name="apps")
    releases = [
        custom(condition(reason="InstallFailed", message=f"values are invalid: {name}"), api=FLUX, kind="HelmRelease", name=name, spec=source)
        for name in ("web", "api")
    ]  # fmt: skip
    assert sorted(roots(healthy, *releases)) == ["HelmRelease shop/api", "HelmRelease shop/web"]


def test_a_spec_that_was_not_looked_at_is_advice() -> None:
    seen = {"observedGeneration": 3}
    (finding,) = find(custom(condition(status="True"), status=seen, generation=5))
    assert (finding.reason, finding.severity) == ("GenerationNotObserved", Severity.INFO)
    assert find(custom(condition(status="True"), status=seen, generation=3)) == []


def test_a_message_that_quotes_a_webhook_points_at_its_configuration() -> None:
    message = 'failed calling webhook "check.example": failed to call webhook: Post "https://a.b.svc:443/": EOF'
    hook = {
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "guard"},
        "webhooks": [{"name": "check.example"}],
    }
    (finding,) = find(custom(condition(reason="ReconcileFailed", message=message)), json.loads(json.dumps(hook)))
    assert "MutatingWebhookConfiguration guard" in map(str, finding.points_at)
