"""The real kubectl against the demo cluster: what it prints, what is refused, what it is given."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kubeagentix as kx
from kubeagentix.errors import ClusterError, MissingExtraError, UnreachableError, UsageError
from kubeagentix.testing import snapshot_of
from kubeagentix.toolkit import kubectl_program
from kubeagentix.toolkit.kubectl_program import find_program
from kubeagentix.tools import kubectl as tool
from tests.tools.lab import Lab

KUBECTL = str(Path(sys.executable).parent / "kubectl")


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable", "secret-key-missing") as started:
        yield started


@pytest.fixture
def lab(demo: kx.Demo) -> Lab:
    return Lab(demo.cluster, environ={**os.environ, "KUBECTL_BINARY": KUBECTL})


def program(folder: Path, code: str) -> str:
    """A program that stands in for kubectl."""
    path = folder / "kubectl"
    path.write_text(f"#!{sys.executable}\nimport os, sys, time, json\n{code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_it_prints_what_kubectl_prints(lab: Lab) -> None:
    text = lab.text("kubectl", command="kubectl get deploy -n orders")
    assert text.splitlines()[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert "checkout" in text
    assert "CrashLoopBackOff" in lab.text("kubectl", command="describe pods -n orders")
    assert "DATABASE_URL not set" in lab.text("kubectl", command="logs deploy/checkout -n orders")
    assert "deployments" in lab.text("kubectl", command="api-resources --api-group=apps")
    assert "exceeded its progress deadline" in lab.text("kubectl", command="rollout status deploy/checkout -n orders")
    assert lab.text("kubectl", command="auth can-i get pods") == "yes"
    assert lab.text("kubectl", command="config current-context") == "demo"
    assert lab.text("kubectl", command="get --raw /readyz").startswith("ok")


def test_yaml_and_json_are_pruned_and_secrets_masked(lab: Lab) -> None:
    text = lab.text("kubectl", command="get deploy checkout -n orders -o yaml")
    assert "managedFields" not in text
    assert "image: registry.example.com/orders/checkout:2.8.1" in text
    items = json.loads(lab.text("kubectl", command="get secrets,cm -n billing -o json"))["items"]
    secrets = [item for item in items if item["kind"] == "Secret"]
    assert secrets
    assert all(value.endswith(" bytes") for item in secrets for value in item["data"].values())


def test_the_namespace_of_the_conversation_is_meant(demo: kx.Demo, lab: Lab) -> None:
    lab.namespace = "orders"
    assert "checkout" in lab.text("kubectl", command="get deploy")


def test_what_kubectl_refuses_is_an_error(lab: Lab) -> None:
    with pytest.raises(ClusterError, match=r'kubectl get: Error from server .NotFound.: pods "nope" not found'):
        lab.call("kubectl", command="get pod nope -n orders")
    assert "No resources found" in lab.text("kubectl", command="get jobs -n orders")
    partly = lab.text("kubectl", command="get deploy checkout nope -n orders")
    assert "checkout" in partly
    assert '[exit code 1: Error from server (NotFound): deployments.apps "nope" not found]' in partly


def test_it_is_run_on_the_runs_own_cluster_without_our_credentials(demo: kx.Demo, tmp_path: Path) -> None:
    code = "print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    environ = {
        **os.environ,
        "KUBECTL_BINARY": program(tmp_path, code),
        "ANTHROPIC_API_KEY": "sk-model",
        "CLAUDE_CODE_OAUTH_TOKEN": "sk-model",
        "AWS_PROFILE": "prod",
    }
    words, given = json.loads(Lab(demo.cluster, environ=environ).text("kubectl", command="get pods"))
    assert words == [f"--kubeconfig={demo.kubeconfig}", "--context=demo", "get", "pods"]
    assert "sk-model" not in given.values()
    assert (given["KUBERC"], given["AWS_PROFILE"]) == ("off", "prod")


def test_one_that_does_not_end_is_killed(demo: kx.Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubectl_program, "TIMEOUT_S", 0.5)
    environ = {**os.environ, "KUBECTL_BINARY": program(tmp_path, "time.sleep(60)")}
    with pytest.raises(UnreachableError, match=r"kubectl get did not end within 0\.5 s"):
        Lab(demo.cluster, environ=environ).call("kubectl", command="get pods")


@pytest.mark.parametrize(
    ("also", "said"),
    [("echo 'error: no answer' >&2", "kubectl get: error: no answer"), ("", "kubectl get: cannot read the body")],
)
def test_its_log_is_told_only_where_it_says_nothing_else(
    demo: kx.Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, also: str, said: str
) -> None:
    script = tmp_path / "kubectl"
    log = "E1129 16:09:14.405059   28166 request.go:1332] cannot read the body"
    script.write_text(f"#!/bin/sh\necho '{log}' >&2\n{also}\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("KUBECTL_BINARY", str(script))
    with pytest.raises(ClusterError) as caught:
        Lab(demo.cluster).call("kubectl", command="get pods")
    assert str(caught.value) == said


def test_what_is_too_long_is_cut_and_never_shown_unmasked(
    demo: kx.Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "MAX_BYTES", 10_000)
    monkeypatch.setattr(kubectl_program, "MAX_BYTES", 10_000)
    environ = {**os.environ, "KUBECTL_BINARY": program(tmp_path, "print('{' + 'secret' * 9999)")}
    lab = Lab(demo.cluster, environ=environ)
    assert "[only the first 10,000 bytes" in lab.text("kubectl", command="get secrets")
    for form in ("-o yaml", "-o json"):
        with pytest.raises(UsageError, match="the answer is too long, or no JSON"):
            lab.call("kubectl", command=f"get secrets {form}")


def test_kubectl_is_looked_for(demo: kx.Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = program(tmp_path, "")
    assert find_program({"PATH": str(tmp_path)}) == own
    assert find_program({"PATH": "/nowhere"}) == KUBECTL
    with pytest.raises(MissingExtraError, match="KUBECTL_BINARY names /no/kubectl, which is not there"):
        find_program({"KUBECTL_BINARY": "/no/kubectl"})
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    with pytest.raises(MissingExtraError, match="kubectl is not installed; the other tools need no kubectl"):
        find_program({"PATH": "/nowhere"})


def test_a_picture_has_no_kubectl() -> None:
    with pytest.raises(UsageError, match="kubectl needs a live cluster"):
        Lab(snapshot_of()).call("kubectl", command="get pods")
