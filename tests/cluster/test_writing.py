"""The one place from which a cluster is changed: that there is no other, and what it says of refusals."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import kubeagentix
from kubeagentix.cluster.client import Answer
from kubeagentix.cluster.writing import _object
from kubeagentix.domain.changes import Change
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.errors import ApiError, ClusterError, ForbiddenError, UnauthorizedError

PACKAGE = Path(kubeagentix.__file__).parent
WEB = ResourceRef(kind="Deployment", namespace="shop", name="web", uid="u1")
CHANGE = Change(ref=WEB, verb="patch", path="/x", resource="deployments", summary="patch it")


def using(pattern: str) -> set[str]:
    """The modules whose text has it, without the demo's server."""
    files = (path for path in PACKAGE.rglob("*.py") if "demo" not in path.parts)
    return {path.relative_to(PACKAGE).as_posix() for path in files if re.search(pattern, path.read_text())}


def test_requests_that_are_no_gets_are_made_in_two_places_only() -> None:
    assert using(r"\bSent\(") == {"cluster/connection.py", "cluster/writing.py"}
    assert using(r"\.perform\(") == {"cluster/connection.py", "engine/changing.py"}
    assert using(r"\bApprovedChange\(") == {"domain/changes.py"}


def answer(status: int, **body: object) -> Answer:
    return Answer(status=status, body=json.dumps({"kind": "Status", **body}).encode(), headers={})


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, {"message": "Unauthorized"}, UnauthorizedError, "could not patch Deployment shop/web: 401 Unauthorized"),
        (403, {"message": 'User "dev" cannot patch'}, ForbiddenError, '403 User "dev" cannot patch; ask for patch on'),
        (404, {"message": "not found"}, ApiError, "404 not found; it, its namespace or its kind"),
        (
            409,
            {
                "message": "Apply failed",
                "details": {"causes": [{"field": ".spec.replicas", "message": 'conflict with "hpa"'}]},
            },
            ApiError,
            '409 Apply failed (.spec.replicas: conflict with "hpa"); it was changed',
        ),
        (
            422,
            {"message": "invalid", "details": {"causes": [{"field": "spec.x", "message": "Required value"}]}},
            ApiError,
            "422 invalid (spec.x: Required value)",
        ),
        (429, {"message": "slow down"}, ApiError, "429 slow down; nothing was done; try again later"),
        (500, {"message": "a\nb"}, ApiError, "500 a b"),
        (400, {"message": "x", "details": {"causes": "odd"}}, ApiError, "400 x"),
    ],
)
def test_a_refusal_is_one_line_that_names_what_is_wrong(
    status: int, body: dict[str, object], kind: type[ClusterError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        _object(answer(status, **body), CHANGE, "could not")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b""])
def test_an_answer_that_is_no_object_is_an_error(body: bytes) -> None:
    with pytest.raises(ApiError, match="is not the JSON of a Kubernetes API server"):
        _object(Answer(status=200, body=body, headers={}), CHANGE, "cannot")
