"""A diagnosis leaves with its credentials masked, and is otherwise what it was."""

from __future__ import annotations

from kubeagentix.domain.diagnosis import Target
from kubeagentix.quickdx import pipeline
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.redaction import Redactor, using
from kubeagentix.testing import snapshot_of

PASSWORD = "hunter2-Zq7x"
CRASHING = """
apiVersion: v1
kind: Pod
metadata: {{name: web, namespace: shop}}
spec:
  containers:
  - name: web
    image: web:1
    env: [{{name: DB_PASSWORD, value: {password}}}]
status:
  phase: Running
  containerStatuses:
  - name: web
    restartCount: 7
    state: {{waiting: {{reason: CrashLoopBackOff}}}}
    lastState: {{terminated: {{exitCode: 1, reason: Error, message: "FATAL: cannot log in with {password}"}}}}
"""


def told(password: str, redactor: Redactor | None = None) -> Diagnosis:
    with using(redactor or Redactor()):
        return pipeline.diagnose_snapshot(snapshot_of(CRASHING.format(password=password)), Target())


def test_a_password_from_a_variable_is_masked_in_what_a_log_repeats() -> None:
    found = told(PASSWORD)
    assert found.findings
    assert PASSWORD not in repr(found.findings) + found.to_json() + found.to_html() + found.to_markdown()
    assert "cannot log in with [MASKED-" in found.to_json()


def test_ids_and_reasons_are_those_of_the_unmasked() -> None:
    plain, masked = told("$(FROM_A_SECRET)"), told(PASSWORD)
    assert [item.id for item in masked.findings] == [item.id for item in plain.findings]
    assert [item.reason for item in masked.findings] == [item.reason for item in plain.findings]
    assert [item.id for item in masked.hypotheses] == [item.id for item in plain.hypotheses]


def test_a_run_has_one_set_of_placeholders() -> None:
    redactor = Redactor()
    before = redactor.text(f"password={PASSWORD}")
    assert before == "password=[MASKED-1]"
    assert "cannot log in with [MASKED-1]" in told(PASSWORD, redactor).to_json()
