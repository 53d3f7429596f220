from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kubeagentix.cluster.connection import connect
from kubeagentix.errors import ApiError, ForbiddenError, KubeconfigError
from tests.cluster.conftest import FakeApi, Reply, status


def test_connecting_asks_nothing(api: FakeApi, tmp_path: Path) -> None:
    with connect(kubeconfig=api.kubeconfig(tmp_path, namespace="shop")) as cluster:
        assert (cluster.context, cluster.namespace, cluster.server) == ("lab", "shop", api.url)
    assert api.seen == []


def test_the_repr_shows_where_but_not_who(api: FakeApi, tmp_path: Path) -> None:
    cluster = connect(kubeconfig=api.kubeconfig(tmp_path, user={"token": "hidden-token"}))
    assert repr(cluster) == f"Cluster(context='lab', server='{api.url}')"


def test_the_file_that_was_named_is_remembered(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = api.kubeconfig(tmp_path)
    assert connect(kubeconfig=file).kubeconfig == os.fspath(file)
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert connect().kubeconfig is None
    assert connect("lab").context == "lab"


def test_an_unknown_context_is_refused(api: FakeApi, tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r"did you mean lab\?"):
        connect("lap", api.kubeconfig(tmp_path))


def test_any_path_can_be_read(api: FakeApi, tmp_path: Path) -> None:
    with connect(kubeconfig=api.kubeconfig(tmp_path)) as cluster:
        assert asyncio.run(cluster.get_json("/api/v1/pods", {"limit": 1}))["items"] == []
        with pytest.raises(ApiError, match=r"cannot read /nope: 404"):
            asyncio.run(cluster.get_json("/nope"))
    assert api.seen[0].query == {"limit": "1"}


def test_a_path_that_answers_in_text(api: FakeApi, tmp_path: Path) -> None:
    api.on("/api/v1/namespaces/shop/pods/web/log", Reply("one\ntwo é".encode()))
    with connect(kubeconfig=api.kubeconfig(tmp_path)) as cluster:
        text = asyncio.run(cluster.get_text("/api/v1/namespaces/shop/pods/web/log", {"tailLines": 2}))
        api.on("/logs", status(403, "Forbidden"))
        with pytest.raises(ForbiddenError, match=r"cannot read /logs: 403"):
            asyncio.run(cluster.get_text("/logs"))
    assert text == "one\ntwo é"
    assert (api.seen[0].query, api.seen[0].headers["accept"]) == ({"tailLines": "2"}, "*/*")


def test_ones_own_rights_are_asked_by_a_review(api: FakeApi, tmp_path: Path) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    api.on(path, status(429, "slow down"), Reply({"status": {"allowed": False, "reason": "no rule"}}, 201))
    wanted = {"resourceAttributes": {"verb": "get", "resource": "pods"}}
    with connect(kubeconfig=api.kubeconfig(tmp_path)) as cluster:
        assert asyncio.run(cluster.may_i(wanted)) == {"allowed": False, "reason": "no rule"}
        api.on(path, status(403, 'User "dev" cannot create'))
        with pytest.raises(ForbiddenError, match=r"cannot read what this identity may do: 403 Forbidden for user dev"):
            asyncio.run(cluster.may_i(wanted))
    assert len(api.seen) == 3
    sent = json.loads(api.seen[1].body)
    assert (sent["kind"], sent["spec"]) == ("SelfSubjectAccessReview", wanted)
    assert api.seen[1].headers["content-type"] == "application/json"


def test_a_closed_cluster_can_be_read_again(api: FakeApi, tmp_path: Path) -> None:
    cluster = connect(kubeconfig=api.kubeconfig(tmp_path))
    asyncio.run(cluster.get_json("/version"))
    cluster.close()
    cluster.close()
    assert asyncio.run(cluster.get_json("/version"))["gitVersion"] == "v1.34.1"
    cluster.close()


def test_importing_and_connecting_load_no_client_library(api: FakeApi, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom kubeagentix.cluster.connection import connect\n"
        "connect(kubeconfig=sys.argv[1])\n"
        "print([name for name in ('kubernetes', 'urllib3', 'cryptography') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(api.kubeconfig(tmp_path))]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"
