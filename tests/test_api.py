"""The blocking calls: what they take, and what they say to what they cannot take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.errors import NotConfiguredError, NotFoundError, UsageError
from kubeagentix.notebook.expansion import expanded, words_of
from kubeagentix.testing import snapshot_of

BLOG = {"kind": "Namespace", "metadata": {"name": "blog"}}
BROKEN = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d1, creationTimestamp: '2026-01-15T10:00:00Z', generation: 1}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: 'registry.example/web:1.2'}]}}
status: {observedGeneration: 1, replicas: 1, unavailableReplicas: 1}
"""


def test_the_root_of_an_answer_is_a_target() -> None:
    snapshot = snapshot_of(BROKEN)
    first = kx.diagnose(cluster=snapshot).hypotheses[0]
    again = kx.diagnose(first.root, cluster=snapshot)
    assert str(again.target) == "Deployment/web in namespace shop"
    assert again.hypotheses[0].id == first.id


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"cluster": "prod"}, r"cluster= takes a Cluster, Demo or Snapshot, not str; connect\(context=…\)"),
        ({"target": 7}, "a target is a text such as deploy/web, not int"),
        ({"namespace": ""}, "the namespace is empty"),
        ({"namespace": "shop", "all_namespaces": True}, "exclude each other"),
        ({"ignore": ["X"], "include_ignored": True}, "ignore and include_ignored exclude each other"),
        ({"ignore": ["X", {"reson": "Y"}]}, r"unknown key 'reson' in ignore\[1\]; did you mean reason"),
        ({"ignore": 5}, "ignore= takes rules, not int"),
    ],
)
def test_what_cannot_be_meant_is_said(words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        kx.diagnose(**{"cluster": snapshot_of(BROKEN), **words})


class Wordless:
    """What has no text."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: kx.chat("x", cluster=snapshot_of(BROKEN), conversation="c-123"),  # type: ignore[call-overload]
            r"takes a Conversation, not str; kx.history.resume\('c-123'\)",
        ),
        (lambda: kx.chat("why", provider=3), "provider= is a text, not int"),  # type: ignore[call-overload]
        (lambda: kx.chat("why", namespace=["a"]), "namespace= is a text, not list"),  # type: ignore[call-overload]
        (lambda: kx.diagnose(namespace=5), "namespace= is a text, not int"),  # type: ignore[arg-type]
        (lambda: kx.connect(kubeconfig=5), "kubeconfig= is a path, not int"),  # type: ignore[arg-type]
        (lambda: kx.connect(context=b"x"), "context= is a text, not bytes"),  # type: ignore[arg-type]
        (lambda: kx.history.diagnosis(5), "5 is no id; kx.history shows what there is"),  # type: ignore[arg-type]
        (lambda: kx.history.diagnosis(""), "'' is no id"),
        (lambda: kx.history.resume(7), "7 is no id"),  # type: ignore[arg-type]
        (lambda: kx.diagnose(cluster=snapshot_of(BROKEN)).diff(None), "an earlier one, not with NoneType"),  # type: ignore[arg-type]
        (lambda: words_of("{{e}}", {"e": Wordless()}), r"\{\{e\}\} has no text: its str\(\) raises ValueError"),
        (lambda: expanded("{{e}}", {"e": Wordless()}), r"\{\{e\}\} has no text"),
        (lambda: kx.RunOptions(credentials={"openai": "sk-x"}), r"a dict of kx.Credential by provider"),  # type: ignore[dict-item]
    ],
)
def test_what_is_of_another_type_is_said_in_one_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


def test_a_chat_asks_nobody_else_where_that_is_said() -> None:
    with pytest.raises(NotConfiguredError, match="OPENAI_API_KEY is not set"):
        kx.chat("why?", cluster=snapshot_of(BROKEN), provider="openai", fallback=False)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"OPENAI_BASE_URL": "not a url"}, "OPENAI_BASE_URL is no address of a server.*'not a url'"),
        ({"KUBEAGENTIX_OPENAI_BASE_URL": "http://host:port/"}, "KUBEAGENTIX_OPENAI_BASE_URL is no address"),
        ({"OPENAI_API_KEY": "  "}, "OPENAI_API_KEY is blank"),
    ],
)
def test_a_variable_that_cannot_be_meant_is_named(
    environ: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"OPENAI_API_KEY": "dummy", **environ}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NotConfiguredError, match=message):
        kx.chat("why?", cluster=snapshot_of(BROKEN), provider="openai", fallback=False)


def test_a_setting_that_names_no_provider_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "kx.toml"
    config.write_text("provider = 'nonsense'")
    monkeypatch.setenv("KUBEAGENTIX_CONFIG", str(config))
    with pytest.raises(UsageError, match=r"provider in .*kx.toml: there is no provider 'nonsense'"):
        kx.chat("why?", cluster=snapshot_of(BROKEN))
    monkeypatch.setenv("KUBEAGENTIX_PROVIDER", "senseless")
    with pytest.raises(UsageError, match="KUBEAGENTIX_PROVIDER: there is no provider 'senseless'"):
        kx.chat("why?", cluster=snapshot_of(BROKEN))


def test_what_was_current_before_a_demo_is_so_again() -> None:
    before = snapshot_of(BROKEN)
    kx.use(before)
    try:
        outer = kx.demo("healthy-web")
        with kx.demo("healthy-batch"):
            outer.close()
        assert kx.current() is before
    finally:
        kx.use(None)


def test_an_object_of_another_namespace_is_pointed_to() -> None:
    with pytest.raises(NotFoundError, match="'web' in namespace blog; there is one in namespace shop"):
        kx.diagnose("deploy/web", namespace="blog", cluster=snapshot_of(BROKEN, BLOG))


def test_a_namespace_that_a_snapshot_does_not_hold_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="the snapshot does not hold namespace 'shpo'; did you mean shop"):
        kx.diagnose(namespace="shpo", cluster=snapshot_of(BROKEN))


def test_a_namespace_without_objects_is_held_if_it_exists() -> None:
    empty = {"kind": "Namespace", "metadata": {"name": "empty"}}
    assert kx.diagnose(namespace="empty", cluster=snapshot_of(empty)).is_healthy


@pytest.mark.parametrize(
    "rule",
    ["namespace=shop", ["reason=*"], [{"object": "deploy/shop/web", "until": "2099-12-31"}], ({"namespace": "shop"},)],
)
def test_known_findings_are_ignored(rule: Any) -> None:
    found = kx.diagnose(cluster=snapshot_of(BROKEN), ignore=rule)
    assert found.is_healthy
    assert len(found.ignored[0].all) > 0


def test_rules_of_the_config_file_hold_everywhere_but_where_all_is_asked_for(tmp_path: Path, monkeypatch: Any) -> None:
    config = tmp_path / "kx.toml"
    config.write_text("[[ignore]]\nnamespace = 'shop'")
    monkeypatch.setenv("KUBEAGENTIX_CONFIG", str(config))
    assert kx.diagnose(cluster=snapshot_of(BROKEN)).is_healthy
    whole = kx.diagnose(cluster=snapshot_of(BROKEN), include_ignored=True)
    assert whole.hypotheses
    assert whole.ignored == ()
