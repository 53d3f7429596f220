"""A diagnosis leaves with its credentials masked, so that no report, event, frame, prompt or history holds any.

What the variables and arguments of containers set is learned first: a log that repeats a bare password gives no sign
that it is one. Ids, references and reasons stay as they are.
"""

from __future__ import annotations

from kubeagentix.domain.pods import Container, Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.diagnosis import Diagnosis
from kubeagentix.redaction import Redactor, current


def masked(snapshot: Snapshot, diagnosis: Diagnosis) -> Diagnosis:
    """`diagnosis` as it may be shown, with the placeholders of the run that this is part of."""
    redactor = current()
    learn(snapshot, redactor)
    return redactor.value(diagnosis)


def learn(snapshot: Snapshot, redactor: Redactor) -> None:
    """Tells `redactor` of the credentials that containers are given in plain text."""
    seen: set[object] = set()
    for pod in snapshot.all(Pod):
        spec = pod.spec
        for container in (*spec.containers, *spec.init_containers):
            _learn(container, redactor, seen)


def _learn(container: Container, redactor: Redactor, seen: set[object]) -> None:
    """What is given once is learned once, however many replicas and workloads are given it."""
    shared = id(container.env)  # replicas have the very same
    if shared not in seen:
        seen.add(shared)
        for variable in container.env:
            given: tuple[object, ...] = (variable.name, variable.value)
            if variable.value and given not in seen:
                seen.add(given)
                redactor.value(variable.value, variable.name)
    for name, words in (("args", container.args), ("command", container.command)):
        if words and (name, words) not in seen:
            seen.add((name, words))
            redactor.value(words, name)
