"""`kubeagentix policy`: the verdict on a kubectl command line, as text, as JSON and as exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubeagentix.cli.app import main


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["policy", *words])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("--", "get", "pods", "-n", "shop"),
        ("get", "pods", "-n", "shop"),
        ("--", "kubectl", "-n", "shop", "get", "pods"),
        ("kubectl -n shop get pods",),
        ("--", "get pods --namespace=shop"),
    ],
)
def test_what_reads_is_allowed_however_it_is_written(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert told(capsys, *words) == (
        0,
        "allow: kubectl get: it only reads\n  runs     kubectl get pods --namespace=shop\n",
    )


def test_how_a_secret_is_shown_and_what_is_not_offered_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    shown = told(capsys, "--", "get", "secret", "x", "-o", "yaml")
    assert shown[1].startswith("allow: kubectl get: it only reads, and of Secrets shows sizes in place of values\n")
    assert "Secrets" not in told(capsys, "--", "get", "secrets")[1]
    assert "write -o go-template=" in told(capsys, "--", "get", "pods", "--template={{.x}}")[1]
    assert "-f of kubectl logs is not offered: a command has to end" in told(capsys, "--", "logs", "-f", "web")[1]


def test_what_changes_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = told(capsys, "--", "scale", "deploy/web", "--replicas=3", "-n", "shop")
    assert code == 3
    assert text.splitlines() == [
        "ask: kubectl scale: it changes how many replicas run",
        "  changes  deploy/web in namespace shop",
        "  runs     kubectl scale deploy/web --replicas=3 --namespace=shop",
        "  so       it runs only once a person has approved it; in a run that only reads it is refused",
    ]
    code, text = told(capsys, "--read-only", "--", "scale", "deploy/web", "--replicas=3")
    assert code == 1
    assert text.startswith(
        "refuse: kubectl scale is not allowed: this run only reads, and it changes how many replicas"
    )


def test_what_escapes_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = told(capsys, "--", "exec", "web", "--", "sh", "-h")
    assert code == 1
    assert text.splitlines() == [
        "refuse: kubectl exec is not offered: it runs a program in a container",
        "  so       read with pod_logs, get, describe or events",
    ]


def test_a_program_gets_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = told(capsys, "--format", "json", "--", "delete", "pod", "web-1", "-n", "shop")
    assert code == 3
    assert json.loads(text) == {
        "verdict": "ask",
        "why": "it deletes",
        "hint": "it runs only once a person has approved it; in a run that only reads it is refused",
        "verb": "delete",
        "effect": "delete",
        "changes": ["pod/web-1"],
        "namespace": "shop",
        "arguments": ["delete", "pod", "web-1", "--namespace=shop", "--wait=false"],
        "dry_run": ["delete", "pod", "web-1", "--namespace=shop", "--wait=false", "--dry-run=server", "--output=name"],
    }
    code, text = told(capsys, "--format=json", "--", "foo")
    assert (code, json.loads(text)["verdict"], json.loads(text)["arguments"]) == (1, "refuse", [])


def test_manifests_are_those_of_the_workspace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "web.yaml").write_text("kind: Service\nmetadata: {name: web}\n")
    place = ("--workspace", str(tmp_path / "place"), "--", "apply", "-f")
    code, text = told(capsys, *place, "web.yaml")
    assert code == 3
    assert "  changes  Service/web\n" in text
    assert told(capsys, *place, "../place/../x.yaml")[0] == 1


def test_the_context_of_the_run_may_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "--context", "prod", "--", "get", "pods", "--context=prod")[0] == 0
    assert told(capsys, "--context", "prod", "--", "get", "pods", "--context=other")[0] == 1
    assert told(capsys, "--", "get", "pods", "--context=other")[0] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no command is given; as in kubeagentix policy -- get pods -n shop"),
        (("--",), "no command is given"),
        (("-n", "shop", "get", "pods"), "unknown option '-n'; put -- before another program's options"),
        (("--fromat", "json", "get"), "unknown option '--fromat'; did you mean --format?"),
        (("--workspace", "/nowhere", "get"), "--workspace /nowhere is no folder"),
    ],
)
def test_a_mistake_of_the_callers_own_is_no_verdict(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert main(["policy", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["get ''", "'", "kubectl", "get pods\x07", "get p\u202eods", " \n ", "get\ud800"])
def test_whatever_comes_has_a_verdict(capsys: pytest.CaptureFixture[str], text: str) -> None:
    code, said = told(capsys, "--", text)
    assert code == 1
    assert said.startswith("refuse: ")
