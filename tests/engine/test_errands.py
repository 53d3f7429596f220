"""A change without a model: rehearsed, shown, approved and made like any other, and not made without a yes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.domain.changes import Approver
from kubeagentix.errors import ApprovalError, NotPermittedError, UsageError
from kubeagentix.testing import ScriptedProvider
from tests.engine.changing import Lab, Person, lab_of, reader_of

RESTARTED = "kubectl.kubernetes.io/restartedAt"


@pytest.fixture
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable") as started:
        yield started


@pytest.fixture
def lab(demo: kx.Demo, tmp_path: Path) -> Iterator[Lab]:
    with lab_of(demo, tmp_path) as made:
        yield made


def change(lab: Lab, tool: str, approve: Approver | None = None, **arguments: Any) -> str:
    engine = lab.engine(ScriptedProvider())
    asked = {} if approve is None else {"approve": approve}
    return asyncio.run(engine.change(tool, arguments, **asked))


def annotated(lab: Lab) -> dict[str, str]:
    template: dict[str, Any] = lab.object("Deployment", "checkout")["spec"]["template"]["metadata"]
    return dict(template.get("annotations") or {})


def test_it_is_rehearsed_shown_approved_and_made_once(lab: Lab) -> None:
    person = Person()
    done = change(lab, "restart_rollout", person.approver, name="deploy/checkout")
    (request,) = person.asked
    assert request.summary == "restart the pods of Deployment orders/checkout"
    assert f"+        {RESTARTED}" in request.diff
    assert done.startswith("Done, as test approved: restart the pods of Deployment orders/checkout")
    assert RESTARTED in annotated(lab)
    assert len(lab.heard.changing) == 1
    assert lab.decisions == ["asked", "approved_once", "performed"]


@pytest.mark.parametrize("approve", [None, Person(("refused",)).approver])
def test_without_a_yes_nothing_is_changed(lab: Lab, approve: Approver | None) -> None:
    with pytest.raises(ApprovalError, match="not done"):
        change(lab, "restart_rollout", approve, name="deploy/checkout")
    assert annotated(lab).keys().isdisjoint({RESTARTED})
    assert lab.heard.changing == []
    assert lab.decisions == ["asked", "refused"]


def test_whoever_may_not_is_told_before_anybody_is_asked(demo: kx.Demo, tmp_path: Path) -> None:
    person = Person()
    with lab_of(demo, tmp_path, reader_of(demo)) as lab, pytest.raises(NotPermittedError, match="you may not patch"):
        change(lab, "restart_rollout", person.approver, name="deploy/checkout")
    assert person.asked == []
    assert lab.heard.changing == []


@pytest.mark.parametrize("tool", ["pod_logs", "restart_rolout"])
def test_a_tool_that_changes_nothing_is_none(lab: Lab, tool: str) -> None:
    with pytest.raises(UsageError, match="is no tool that changes something") as raised:
        change(lab, tool, Person().approver, name="deploy/checkout")
    assert "restart_rollout" in raised.value.hint


def test_arguments_are_checked(lab: Lab) -> None:
    with pytest.raises(UsageError, match="needs `name`"):
        change(lab, "restart_rollout", Person().approver)
