"""`kubeagentix rbac`: manifests that the real kubectl applies, and one clear line for what makes no sense."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import kubeagentix as kx
from kubeagentix.cli.app import main

KUBECTL = str(Path(sys.executable).parent / "kubectl")


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("issuer-key-pair-missing") as started:
        yield started


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["rbac", *words]) == 0
    return capsys.readouterr().out


def manifests(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def resources(manifest: dict[str, Any]) -> set[str]:
    return {resource for rule in manifest["rules"] for resource in rule["resources"]}


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["rbac", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_one_cluster_role_is_printed_for_all_that_only_reads(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys)
    [role] = manifests(text)
    assert (role["kind"], role["metadata"]) == ("ClusterRole", {"name": "kubeagentix"})
    assert text.startswith("# for quickdx, can_i, ")
    assert "\n# whoever may list or get Secrets can read their values" in text


def test_watch_gives_the_verb_for_quick_dx_and_says_what_for(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--watch", "--for", "quickdx")
    [role] = manifests(text)
    [pods] = [rule["verbs"] for rule in role["rules"] if "pods" in rule["resources"] and rule["apiGroups"] == [""]]
    assert pods == ["list", "watch"]
    assert "\n# for `kubeagentix watch`" in text
    assert "watch" not in printed(capsys, "--for", "quickdx")
    assert "--watch goes with Quick Dx" in refused(capsys, "--watch", "--for", "can_i")


def test_the_real_kubectl_applies_it_with_account_and_binding(
    capsys: pytest.CaptureFixture[str], demo: kx.Demo
) -> None:
    for words in ([], ["-n", "trading"], ["--format", "json"]):
        text = printed(capsys, *words, "--bind", "serviceaccount", "trading:dx")
        command = [KUBECTL, f"--kubeconfig={demo.kubeconfig}", "apply", "-f", "-"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "serviceaccount/dx " in done.stdout
        assert "kubeagentix " in done.stdout


def test_json_is_the_same_list_of_objects(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("-n", "shop", "--bind", "group", "sre")
    assert json.loads(printed(capsys, *words, "--format", "json"))["items"] == manifests(printed(capsys, *words))


def test_a_namespace_gets_a_role_and_what_is_in_none_a_cluster_role(capsys: pytest.CaptureFixture[str]) -> None:
    made = manifests(printed(capsys, "-n", "shop", "--for", "quickdx"))
    places = [(item["kind"], item["metadata"]["name"], item["metadata"].get("namespace")) for item in made]
    assert places == [
        ("Role", "kubeagentix", "shop"),
        ("Role", "kubeagentix-shop", "default"),
        ("ClusterRole", "kubeagentix-shop", None),
    ]
    assert resources(made[1]) == {"events"}
    assert "nodes" in resources(made[2])
    assert "pods" not in resources(made[2]) - {"pods.metrics.k8s.io"}
    alone = manifests(printed(capsys, "-n", "shop", "--for", "quickdx", "--no-cluster-scope"))
    assert {item["kind"] for item in alone} == {"Role"}


@pytest.mark.parametrize(
    ("word", "gone"), [("--without-secrets", "secrets"), ("--without-logs", "pods/log"), ("--without-metrics", None)]
)
def test_parts_can_be_left_out(capsys: pytest.CaptureFixture[str], word: str, gone: str | None) -> None:
    [role] = manifests(printed(capsys, word))
    if gone is None:
        assert "metrics.k8s.io" not in {group for rule in role["rules"] for group in rule["apiGroups"]}
    else:
        assert gone not in resources(role)
    assert "deployments" in resources(role)


def test_custom_resources_are_named_as_the_cluster_defines_them(
    capsys: pytest.CaptureFixture[str], demo: kx.Demo
) -> None:
    words = ("--custom-resources", "--kubeconfig", demo.kubeconfig)
    [role] = manifests(printed(capsys, *words, "--for", "quickdx"))
    rules = [rule for rule in role["rules"] if rule["apiGroups"] == ["cert-manager.io"]]
    kinds = ["certificaterequests", "certificates", "issuers"]
    assert rules == [{"apiGroups": ["cert-manager.io"], "resources": kinds, "verbs": ["list"]}]


def test_prometheus_is_one_service_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--prometheus", "monitoring/prometheus-server:80")
    rule = next(rule for rule in manifests(text)[0]["rules"] if rule["resources"] == ["services/proxy"])
    assert rule == {
        "apiGroups": [""],
        "resources": ["services/proxy"],
        "verbs": ["get"],
        "resourceNames": ["prometheus-server:80"],
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--for", "quickdz"), "no feature 'quickdz' to make a role for; did you mean quickdx?"),
        (("--bind", "robot", "x"), "--bind 'robot' is no kind of subject"),
        (("--bind", "serviceaccount", "dx"), "'dx' names no ServiceAccount; write NAMESPACE:NAME"),
        (("--bind", "serviceaccount", "a:b:c"), "names no ServiceAccount"),
        (("--no-cluster-scope",), "--no-cluster-scope goes with -n"),
        (("--prometheus", "monitoring"), "names no port of a Service"),
        (("--write", "pod_logs"), "pod_logs changes nothing"),
        (("--write", "no_such_tool"), "no feature 'no_such_tool'"),
        (("-n", "Shop_1"), "'Shop_1' is no name of a namespace"),
        (("--name", "Not A Name"), "'Not A Name' is no name of a role"),
        (("--bind", "serviceaccount", "a b:c"), "'a b:c' names no ServiceAccount"),
        (("--for", "search_result"), "nothing is left"),
    ],
)
def test_what_makes_no_sense_is_one_line(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    assert said in refused(capsys, *words)


def test_without_a_cluster_nothing_is_asked_of_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert printed(capsys, "--for", "quickdx")
    assert "custom" not in refused(capsys, "--custom-resources")
