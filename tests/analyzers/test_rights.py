"""What the API server refuses, and the Role or binding that lacks the right."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.rights import analyze
from kubeagentix.domain.diagnosis import Finding, Gap, Severity, Target
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.quickdx.pipeline import diagnose_snapshot, neighbours
from kubeagentix.testing import log_of, snapshot_of

FAILED = {"terminated": {"exitCode": 1, "finishedAt": "2026-01-15T11:59:00Z"}}
CRASHING = {"name": "app", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": FAILED}
WELL = {"name": "app", "ready": True, "state": {"running": {"startedAt": "2026-01-15T08:00:00Z"}}}
ACCOUNT = {"kind": "ServiceAccount", "metadata": {"name": "app"}}
ROLE = {
    "kind": "Role",
    "metadata": {"name": "reader"},
    "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
}
BINDING = {
    "kind": "RoleBinding",
    "metadata": {"name": "app-reads"},
    "roleRef": {"kind": "Role", "name": "reader"},
    "subjects": [{"kind": "ServiceAccount", "name": "app", "namespace": "default"}],
}
RBAC = (ACCOUNT, ROLE, BINDING)


def workload(status: dict[str, Any] = CRASHING, **container: Any) -> list[dict[str, Any]]:
    def owned(kind: str, name: str) -> list[dict[str, Any]]:
        return [{"kind": kind, "name": name, "controller": True}]

    spec = {"serviceAccountName": "app", "containers": [{"name": "app", **container}]}
    ready = {"type": "Ready", "status": str(bool(status.get("ready")))}
    return [
        {"kind": "Deployment", "metadata": {"name": "ctl"}, "spec": {"template": {"spec": spec}}},
        {"kind": "ReplicaSet", "metadata": {"name": "ctl-1", "ownerReferences": owned("Deployment", "ctl")}},
        {
            "kind": "Pod",
            "metadata": {"name": "ctl-1-x", "ownerReferences": owned("ReplicaSet", "ctl-1")},
            "spec": spec,
            "status": {"phase": "Running", "conditions": [ready], "containerStatuses": [status]},
        },
    ]


def denied(verb: str = "watch", resource: str = "pods", place: str = 'in the namespace "default"') -> str:
    return (
        f'{resource} is forbidden: User "system:serviceaccount:default:app" cannot {verb} resource "{resource}" '
        f'in API group "" {place}'
    )


def log(*lines: str, previous: bool = True) -> ContainerLog:
    return log_of("ctl-1-x", "app", "\n".join(lines), previous=previous)


def found(*manifests: dict[str, Any], logs: list[ContainerLog], **options: Any) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests, logs=logs, **options)))


def test_the_role_that_lacks_a_verb_is_blamed_and_the_rule_can_be_pasted() -> None:
    (finding,) = found(*workload(), *RBAC, logs=[log(denied())])
    assert (finding.reason, str(finding.ref)) == ("Forbidden/MissingVerb", "Role default/reader")
    assert finding.severity is Severity.CRITICAL
    assert finding.title == (
        "ServiceAccount default/app may not watch pods in namespace default: "
        "Role default/reader gives get, list on pods; watch is missing"
    )
    assert [str(ref) for ref in finding.explains] == ["Deployment default/ctl"]
    assert [item.source for item in finding.evidence] == ["log", "spec", "spec"]
    commands = [item.command for item in finding.remedies]
    assert commands[0] == "kubectl auth can-i watch pods --as=system:serviceaccount:default:app -n default"
    assert commands[-1] == (
        'kubectl patch role reader --type=json -p \'[{"op": "add", "path": "/rules/-", "value": '
        '{"apiGroups": [""], "resources": ["pods"], "verbs": ["watch"]}}]\' -n default'
    )


def test_it_comes_first_and_the_crash_is_its_symptom() -> None:
    diagnosis = diagnose_snapshot(snapshot_of(*workload(), *RBAC, logs=[log(denied())]), Target())
    (first,) = diagnosis.hypotheses
    assert str(first.root) == "Role default/reader"
    told = [diagnosis.finding(one).reason for one in first.findings]
    assert told[0] == "Forbidden/MissingVerb"
    assert "CrashLoopBackOff/Forbidden" in told


def test_a_crash_that_does_not_say_why_is_its_symptom_too() -> None:
    lines = [
        denied(),
        *["waiting"] * 9,
        "panic: caches did not come in sync",
        "",
        "goroutine 1 [running]:",
        "main.main()",
    ]
    diagnosis = diagnose_snapshot(snapshot_of(*workload(), *RBAC, logs=[log(*lines)]), Target())
    (first,) = diagnosis.hypotheses
    assert [diagnosis.finding(one).reason for one in first.findings[:2]] == [
        "Forbidden/MissingVerb",
        "CrashLoopBackOff/Panic",
    ]


def test_a_crash_that_says_why_is_another_matter() -> None:
    lines = [denied(), *["waiting"] * 9, "FATAL: DATABASE_URL is not set"]
    diagnosis = diagnose_snapshot(snapshot_of(*workload(), *RBAC, logs=[log(*lines)]), Target())
    assert {str(item.root) for item in diagnosis.hypotheses} == {"Deployment default/ctl", "Role default/reader"}


def test_what_is_allowed_by_now_is_silent() -> None:
    assert found(*workload(), *RBAC, logs=[log(denied("list"))]) == []


def test_one_role_that_lacks_several_rights_is_one_finding() -> None:
    (finding,) = found(*workload(), *RBAC, logs=[log(denied(), denied("delete"))])
    assert "may not watch pods and delete pods in namespace default" in finding.title


def test_a_bare_403_is_read_together_with_the_url_in_the_command() -> None:
    command = ["sh", "-c", "wget -O- https://kubernetes.default.svc/api/v1/namespaces/default/pods?watch=1"]
    bare = log("wget: server returned error: HTTP/1.1 403 Forbidden")
    (finding,) = found(*workload(command=command), *RBAC, logs=[bare])
    assert (finding.reason, str(finding.ref)) == ("Forbidden/MissingVerb", "Role default/reader")
    elsewhere = ["sh", "-c", "wget -O- https://vault.example.com/api/v1/pods?watch=1"]
    assert found(*workload(command=elsewhere), *RBAC, logs=[bare]) == []


@pytest.mark.parametrize(
    ("lines", "severity"), [([denied()], Severity.INFO), ([denied(), "retrying", denied()], Severity.WARNING)]
)
def test_a_pod_that_is_well_is_a_warning_if_it_keeps_asking(lines: list[str], severity: Severity) -> None:
    (finding,) = found(*workload(WELL), *RBAC, logs=[log(*lines, previous=False)])
    assert finding.severity is severity


def test_where_rbac_could_not_be_read_that_is_said_and_the_account_is_named() -> None:
    gaps = [Gap(what=kind, why="403", kind=kind) for kind in ("Role", "RoleBinding", "ClusterRole")]
    (finding,) = found(*workload(), ACCOUNT, logs=[log(denied())], gaps=gaps)
    assert (finding.reason, str(finding.ref)) == ("Forbidden", "ServiceAccount default/app")
    assert "could not all be read" in finding.title


def test_the_namespace_of_the_request_is_read_as_well() -> None:
    elsewhere = log(denied(place='in the namespace "other"'))
    assert neighbours(snapshot_of(*workload(), *RBAC, logs=[elsewhere], namespace="default")) == ("other",)


def test_a_pod_that_forgot_its_account_is_mended_itself() -> None:
    manifests = workload()
    del manifests[2]["spec"]["serviceAccountName"]
    line = denied("list").replace(":app", ":default")
    (finding,) = found(*manifests, *RBAC, logs=[log(line)])
    assert (finding.reason, str(finding.ref)) == ("Forbidden/WrongServiceAccount", "Deployment default/ctl")
    assert finding.remedies[-1].command == "kubectl set serviceaccount deployment/ctl app -n default"


def test_a_binding_to_a_role_that_is_nearly_there() -> None:
    wrong = {**BINDING, "roleRef": {"kind": "Role", "name": "readr"}}
    (finding,) = found(*workload(), ACCOUNT, ROLE, wrong, logs=[log(denied())])
    assert (finding.reason, str(finding.ref)) == ("Forbidden/RoleNotFound", "RoleBinding default/app-reads")
    assert finding.remedies[-2].command == (
        "kubectl delete rolebinding app-reads -n default && kubectl create rolebinding app-reads --role=reader "
        "--serviceaccount=default:app -n default"
    )


def test_nothing_bound_names_the_role_and_binding_to_make() -> None:
    (finding,) = found(*workload(), ACCOUNT, logs=[log(denied("list"))])
    assert (finding.reason, str(finding.ref)) == ("Forbidden/NoBinding", "ServiceAccount default/app")
    assert finding.remedies[-1].command == (
        "kubectl create role app-pods --verb=get,list,watch --resource=pods -n default && kubectl create rolebinding "
        "app-pods --role=app-pods --serviceaccount=default:app -n default"
    )


def test_a_cluster_role_that_pods_of_a_namespace_lack_something_of_is_told_there() -> None:
    role = {**ROLE, "kind": "ClusterRole"}
    binding = {**BINDING, "roleRef": {"kind": "ClusterRole", "name": "reader"}}
    logs = [log(denied(), denied(), previous=False)]
    snapshot = snapshot_of(*workload(WELL), ACCOUNT, role, binding, logs=logs, namespace="default")
    diagnosis = diagnose_snapshot(snapshot, Target(namespace="default"))
    assert [str(item.root) for item in diagnosis.hypotheses] == ["ClusterRole reader"]


def test_a_request_without_a_token_is_the_pods_own_matter() -> None:
    line = denied().replace("system:serviceaccount:default:app", "system:anonymous")
    (finding,) = found(*workload(), *RBAC, logs=[log(line)])
    assert (finding.reason, str(finding.ref)) == ("Forbidden/Anonymous", "Deployment default/ctl")
    assert "automountServiceAccountToken" in finding.cause


def test_who_may_not_write_events_works_all_the_same() -> None:
    (finding,) = found(*workload(WELL), *RBAC, logs=[log(denied("create", "events"), denied("create", "events"))])
    assert finding.severity is Severity.INFO


def test_events_and_conditions_tell_of_refusals_too() -> None:
    event = {
        "kind": "Event",
        "metadata": {"name": "e"},
        "type": "Warning",
        "reason": "FailedGetResourceMetric",
        "message": f"unable to get metrics: {denied()}",
        "involvedObject": {"kind": "HorizontalPodAutoscaler", "namespace": "default", "name": "web"},
    }
    scaler = {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "status": {"conditions": [{"type": "ScalingActive", "status": "False", "message": denied()}]},
    }
    (finding,) = found(event, scaler, *RBAC, logs=[])
    assert (finding.severity, {item.source for item in finding.evidence}) == (
        Severity.WARNING,
        {"event", "status", "spec"},
    )
    assert [str(ref) for ref in finding.explains] == ["HorizontalPodAutoscaler default/web"]
