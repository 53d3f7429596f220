"""Services that are aliases."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.external_names import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import log_of, snapshot_of

PLACES = "{kind: Namespace, metadata: {name: default}}\n---\n{kind: Namespace, metadata: {name: data}}"
DB = """
kind: Service
metadata: {name: postgres, namespace: data, creationTimestamp: "2026-01-15T08:00:00Z"}
spec: {selector: {app: pg}, ports: [{port: 5432}]}
"""
POD = """
kind: Pod
metadata: {name: pg-0, namespace: data, labels: {app: pg}}
spec: {containers: [{name: pg}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
"""
CLIENT = """
kind: Pod
metadata: {name: client}
spec: {containers: [{name: app}]}
status: {phase: Running, containerStatuses: [{name: app, lastState: {terminated: {exitCode: 1}}}]}
"""
UNKNOWN = log_of("client", "app", "wget: bad address 'db'")


def alias(name: str, owner: str = "") -> str:
    spec = f"{{type: ExternalName, externalName: {name}}}"
    return f"kind: Service\nmetadata: {{name: db{owner}}}\nspec: {spec}"


def find(*manifests: str, asked: bool = False) -> list[Finding]:
    client, logs = ((CLIENT,), (UNKNOWN,)) if asked else ((), ())
    return list(analyze(snapshot_of(*manifests, PLACES, DB, POD, *client, logs=logs)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("postgress.data.svc.cluster.local", "There is Service postgres: was that meant?"),
        ("postgres.dat.svc.cluster.local", "There is no namespace dat. There is namespace data: was that meant?"),
        ("postgres.data.svc", "with the usual domain it is postgres.data.svc.cluster.local"),
        ("10.0.0.7", "An alias needs a name"),
    ],
)
def test_an_alias_of_what_is_not_there(name: str, words: str) -> None:
    (finding,) = find(alias(name))
    assert (finding.reason, finding.severity) == ("ExternalNameNotFound", Severity.WARNING)
    assert words in finding.cause
    (felt,) = find(alias(name), asked=True)
    assert (felt.severity, felt.evidence[-1].source) == (Severity.CRITICAL, "log")


def test_what_a_controller_wrote_is_its_own_business_until_somebody_suffers() -> None:
    owned = alias("gone.data.svc.cluster.local", owner=", ownerReferences: [{kind: Route, name: r, controller: true}]")
    assert [item.severity for item in find(owned)] == [Severity.INFO]
    assert [item.severity for item in find(owned, asked=True)] == [Severity.CRITICAL]


def test_an_alias_of_a_service_that_nobody_answers_for_is_a_symptom_of_it() -> None:
    unready = POD.replace('"True"', '"False", lastTransitionTime: "2026-01-15T09:00:00Z"')
    (finding,) = analyze(snapshot_of(alias("postgres.data.svc.cluster.local"), PLACES, DB, unready))
    assert (finding.reason, finding.is_symptom) == ("NoEndpoints/ExternalName", True)
    assert [str(ref) for ref in finding.points_at] == ["Service data/postgres"]


def test_a_name_outside_of_the_cluster_is_told_of_only_where_somebody_could_not_resolve_it() -> None:
    assert find(alias("db.example.org")) == []
    (finding,) = find(alias("db.example.org"), asked=True)
    assert "db.example.org, which is not to be found" in finding.title


@pytest.mark.parametrize("name", ["postgres.data.svc.cluster.local", "pg-0.postgres.data.svc.example.org."])
def test_an_alias_of_a_service_that_works_is_silent(name: str) -> None:
    assert find(alias(name)) == []


def test_what_was_not_read_is_not_missing() -> None:
    snapshot = snapshot_of(alias("db.data.svc.cluster.local"), PLACES, namespace="default")
    assert list(analyze(snapshot)) == []
