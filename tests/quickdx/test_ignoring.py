"""What is ignored: by which rule, with which consequences, and how it is counted."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.ignoring import rule_of
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import log_of, snapshot_of

# A database that ends with a full disk, its Service, and a client that is refused there; and an unrelated claim.
OUTAGE = """
kind: StatefulSet
metadata: {name: db, namespace: bank, uid: s1, labels: {team: data}, creationTimestamp: '2026-01-10T00:00:00Z'}
spec:
  replicas: 1
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: pg, image: 'pg:16'}]}}
status: {replicas: 1, readyReplicas: 0}
---
kind: Pod
metadata:
  name: db-0
  namespace: bank
  labels: {app: db}
  creationTimestamp: '2026-01-10T00:00:00Z'
  ownerReferences: [{kind: StatefulSet, name: db, uid: s1, controller: true}]
spec: {nodeName: n1, containers: [{name: pg, image: 'pg:16'}]}
status:
  phase: Running
  conditions: [{type: Ready, status: 'False', lastTransitionTime: '2026-01-15T10:00:00Z'}]
  containerStatuses:
  - name: pg
    ready: false
    restartCount: 9
    state: {waiting: {reason: CrashLoopBackOff, message: back-off}}
    lastState:
      terminated: {exitCode: 1, reason: Error, startedAt: '2026-01-15T11:58:00Z', finishedAt: '2026-01-15T11:58:04Z'}
---
kind: Service
metadata: {name: db, namespace: bank, creationTimestamp: '2026-01-10T00:00:00Z'}
spec: {selector: {app: db}, ports: [{port: 5432}]}
---
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop, labels: {team: web}, creationTimestamp: '2026-01-10T00:00:00Z'}
spec: {storageClassName: gone, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
status: {phase: Pending}
"""
LOG = log_of("db-0", "pg", "FATAL: could not write lock file: No space left on device", previous=True, namespace="bank")
CAUSE, SYMPTOM = "CrashLoopBackOff/DiskFull", "NoEndpoints/PodsNotReady"


def outage(*changes: tuple[str, str]) -> Snapshot:
    text = OUTAGE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return snapshot_of(text, logs=[LOG])


def ignoring(*rules: Any, snapshot: Snapshot | None = None, target: Target | None = None, **words: Any) -> Diagnosis:
    made = [rule_of(rule, f"rule {number}") for number, rule in enumerate(rules, start=1)]
    return diagnose_snapshot(snapshot or outage(), target or Target(), ignore=made, **words)


def reasons(diagnosis: Diagnosis) -> set[str]:
    return {item.reason for item in diagnosis.findings}


def roots(diagnosis: Diagnosis) -> list[str]:
    return [str(item.root) for item in diagnosis.hypotheses]


WHOLE = diagnose_snapshot(outage(), Target())


def test_without_rules_everything_is_told() -> None:
    assert {CAUSE, SYMPTOM} <= reasons(WHOLE)
    assert sorted(roots(WHOLE)) == ["PersistentVolumeClaim shop/data", "StatefulSet bank/db"]
    assert WHOLE.ignored == ()


def test_an_ignored_cause_takes_its_symptoms_along_and_all_are_counted() -> None:
    found = ignoring("CrashLoopBackOff")
    assert roots(found) == ["PersistentVolumeClaim shop/data"]
    group = found.ignored[0]
    assert [item.reason for item in group.findings] == [CAUSE]
    assert SYMPTOM in {item.reason for item in group.symptoms}
    assert len(found.findings) + len(group.all) == len(WHOLE.findings)
    assert {item.id for item in (*found.findings, *group.all)} == {item.id for item in WHOLE.findings}


def test_an_ignored_symptom_leaves_its_cause() -> None:
    found = ignoring("NoEndpoints/*")
    assert sorted(roots(found)) == sorted(roots(WHOLE))
    assert reasons(found) == reasons(WHOLE) - {SYMPTOM}
    assert found.ignored[0].symptoms == ()


def test_what_follows_from_an_ignored_symptom_follows_from_its_cause() -> None:
    ingress = """
kind: Ingress
metadata: {name: db, namespace: bank, creationTimestamp: '2026-01-10T00:00:00Z'}
spec: {rules: [{host: a.example, http: {paths: [{path: /, backend: {service: {name: db, port: {number: 5432}}}}]}}]}
"""
    snapshot = snapshot_of(OUTAGE, ingress, logs=[LOG])
    whole = diagnose_snapshot(snapshot, Target())
    behind = next(item for item in whole.findings if item.reason == "BackendNoEndpoints")
    service = next(item for item in whole.findings if item.reason == SYMPTOM)
    assert service.id in behind.caused_by
    found = ignoring("NoEndpoints", snapshot=snapshot)
    known = {item.id for item in found.findings}
    left = next(item for item in found.findings if item.reason == "BackendNoEndpoints")
    assert left.caused_by
    assert set(left.caused_by) <= known
    assert sorted(roots(found)) == sorted(roots(whole))
    none = ignoring("NoEndpoints", "CrashLoopBackOff", snapshot=snapshot)
    assert "BackendNoEndpoints" not in reasons(none)
    assert roots(none) == ["PersistentVolumeClaim shop/data"]


@pytest.mark.parametrize(
    ("rule", "is_met"),
    [
        ("reason=crashloopbackoff", True),
        ("reason=CrashLoopBackOff/DiskFull", True),
        ("reason=CrashLoopBackOff/Disk*", True),
        ("reason=CrashLoopBackOff/Panic", False),
        ("reason=Crash", False),
        ("reason=Crash*,object=sts/bank/db", True),
        ("reason=Crash*,object=sts/bank/d?", True),
        ("reason=Crash*,object=sts/bank/web", False),
        ("reason=Crash*,object=db-0", False),  # the finding hangs on the workload
        ("reason=Crash*,namespace=ban*", True),
        ("reason=Crash*,namespace=shop", False),
        ("reason=Crash*,analyzer=crash*", True),
        ("reason=Crash*,analyzer=images", False),
        ("reason=Crash*,labels=team=data", True),
        ("reason=Crash*,labels=app=db", True),  # of its pods
        ("reason=Crash*,labels=team!=data", False),
        ("reason=Crash*,labels=team=web", False),
    ],
)
def test_everything_that_a_rule_names_must_hold(rule: str, is_met: bool) -> None:
    found = ignoring(rule)
    assert (CAUSE not in reasons(found)) is is_met
    assert found.ignored[0].is_idle is not is_met


def test_a_rule_may_name_the_object_that_several_fail_for_want_of() -> None:
    pod = """
kind: Pod
metadata: {{name: {name}, namespace: shop, creationTimestamp: '2026-01-10T00:00:00Z'}}
spec: {{nodeName: n1, containers: [{{name: app, image: 'a:1', envFrom: [{{secretRef: {{name: token}}}}]}}]}}
status:
  phase: Pending
  containerStatuses:
  - name: app
    state: {{waiting: {{reason: CreateContainerConfigError, message: 'secret "token" not found'}}}}
"""
    snapshot = snapshot_of(pod.format(name="a"), pod.format(name="b"))
    assert roots(diagnose_snapshot(snapshot, Target())) == ["Secret shop/token"]
    found = ignoring("object=Secret/shop/token", snapshot=snapshot)
    assert found.is_healthy
    assert {item.ref.name for item in found.ignored[0].all} == {"a", "b"}
    assert roots(ignoring("object=Pod/shop/a", snapshot=snapshot)) == ["Pod shop/b"]


@pytest.mark.parametrize(
    ("old", "carrier"),
    [
        ("metadata: {name: db, namespace: bank, uid: s1,", "StatefulSet bank/db"),
        ("template: {metadata: {", "StatefulSet bank/db"),
    ],
)
def test_an_annotation_on_the_object_or_its_pods_is_a_rule(old: str, carrier: str) -> None:
    annotated = outage((old, f"{old} annotations: {{kubeagentix.io/ignore: 'OOMKilled, CrashLoopBackOff'}}, "))
    found = ignoring(snapshot=annotated)
    assert roots(found) == ["PersistentVolumeClaim shop/data"]
    assert [item.rule.source for item in found.ignored] == [f"annotation of {carrier}"]
    assert sorted(roots(diagnose_snapshot(annotated, Target(), ignore=None))) == sorted(roots(WHOLE))


def test_an_annotation_on_a_workload_is_for_its_pods_too() -> None:
    annotated = outage(("uid: s1,", "uid: s1, annotations: {kubeagentix.io/ignore: '*'}, "))
    found = ignoring(snapshot=annotated)
    assert {item.ref.namespace for item in found.findings} == {"shop"}


@pytest.mark.parametrize(("until", "is_ignored"), [("2026-01-15", True), ("2026-01-14", False)])
def test_an_annotated_namespace_is_ignored_until_the_day_it_says(until: str, is_ignored: bool) -> None:
    annotations = f"{{kubeagentix.io/ignore: '*', kubeagentix.io/ignore-until: '{until}'}}"
    home = f"{{kind: Namespace, metadata: {{name: bank, annotations: {annotations}}}}}"
    found = ignoring(snapshot=snapshot_of(OUTAGE, home, logs=[LOG]))
    assert (CAUSE not in reasons(found)) is is_ignored
    assert found.ignored[0].is_expired is not is_ignored


def test_an_annotation_that_cannot_be_read_is_told_and_not_followed() -> None:
    annotations = "annotations: {kubeagentix.io/ignore: '*', kubeagentix.io/ignore-until: soon}, "
    found = ignoring(snapshot=outage(("uid: s1,", f"uid: s1, {annotations}")))
    assert CAUSE in reasons(found)
    assert [note.partition(": ")[2] for note in found.notes] == [
        "annotation kubeagentix.io/ignore-until of StatefulSet bank/db is 'soon'; it must be a day, as 2026-12-31"
    ]


def test_an_expired_rule_ignores_nothing_and_is_named() -> None:
    found = ignoring("reason=CrashLoopBackOff,until=2026-01-14")
    assert CAUSE in reasons(found)
    assert [(item.all, item.is_expired, item.is_idle) for item in found.ignored] == [((), True, False)]


@pytest.mark.parametrize(
    ("rule", "target", "is_idle"),
    [
        ("Nothing", Target(), True),
        ("reason=Nothing,namespace=bank", Target(namespace="bank"), True),
        ("reason=Nothing,object=Pod/bank/x", Target(namespace="bank"), True),
        ("Nothing", Target(namespace="bank"), False),  # it may be about another one
        ("reason=Nothing,namespace=shop", Target(namespace="bank"), False),
        ("Nothing", Target(kind="Service", namespace="bank", name="db"), False),
        ("Lint/Nothing", Target(), False),  # lint was not asked for
    ],
)
def test_a_rule_is_idle_only_where_it_could_have_met_something(rule: str, target: Target, is_idle: bool) -> None:
    assert ignoring(rule, target=target).ignored[0].is_idle is is_idle


def test_a_lint_rule_is_judged_when_lint_is_asked_for() -> None:
    assert ignoring("Lint/Nothing", include_lint=True).ignored[0].is_idle
    found = ignoring("Lint/*", include_lint=True)
    assert found.ignored[0].findings
    assert not [item for item in found.findings if item.reason.startswith("Lint/")]


def test_only_what_concerns_the_target_is_counted() -> None:
    target = Target(kind="PersistentVolumeClaim", namespace="shop", name="data")
    found = ignoring("object=*/*/*", target=target)
    assert {str(item.ref) for item in found.ignored[0].all} == {"PersistentVolumeClaim shop/data"}
    assert found.is_healthy


def test_the_cause_of_an_ignored_finding_on_the_target_is_still_told() -> None:
    target = Target(kind="Service", namespace="bank", name="db")
    assert roots(ignoring("NoEndpoints", target=target)) == ["StatefulSet bank/db"]
    assert ignoring("CrashLoopBackOff", target=target).is_healthy


def test_the_first_rule_takes_a_finding_and_the_second_is_not_idle() -> None:
    found = ignoring("CrashLoopBackOff", "CrashLoopBackOff/DiskFull")
    assert [(bool(item.findings), item.is_idle) for item in found.ignored] == [(True, False), (False, False)]


def test_what_is_ignored_is_neither_new_nor_gone() -> None:
    found = ignoring("CrashLoopBackOff")
    assert found.diff(WHOLE).gone == ()
    assert WHOLE.diff(found).new == ()
