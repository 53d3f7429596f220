"""Errors quote what others said, and hold no credential of it."""

from __future__ import annotations

import pytest

from kubeagentix.cli.app import main
from kubeagentix.errors import ApiError, KubeAgentiXError, KubeconfigError, ProviderError, UnreachableError, excerpt
from tests.planted import PLANTED, Planted


@pytest.mark.parametrize("kind", [KubeAgentiXError, UnreachableError, KubeconfigError, ProviderError])
def test_a_message_and_a_hint_hold_no_credential(kind: type[KubeAgentiXError]) -> None:
    error = kind("cannot reach http://me:hunter2-Zq7x@proxy:3128", hint="try without token=t0k3n-Zq7x99")
    assert str(error) == "cannot reach http://me:[MASKED]@proxy:3128; try without token=[MASKED]"
    assert "hunter2" not in repr(error) + repr(error.args) + error.message


def test_words_of_an_error_stay() -> None:
    said = "cannot list pods: 401 Unauthorized: the token is expired; secret db-auth has no key password"
    assert ApiError(said, status=401).message == said


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_nothing_of_the_corpus_leaks_through_an_error(planted: Planted) -> None:
    error = ProviderError(f"the server said:\n{planted.text}")
    assert not [value for value in planted.values if value in f"{error} {error!r}"]


@pytest.mark.parametrize("debug", ["", "1"])
def test_the_programs_error_line_and_its_traceback_hold_none(
    debug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBEAGENTIX_DEBUG", debug)
    assert main(["dx", "--kubeconfig", "https://me:hunter2-Zq7x@files.example/kubeconfig"]) == 2
    said = capsys.readouterr().err
    assert "hunter2" not in said
    assert "[MASKED]@files.example" in said


def test_an_excerpt_is_one_line_without_control_characters() -> None:
    assert excerpt("a\n\tb \x00\x1b[31mred\x9b\x7f \x00 c") == "a b red c"
    assert excerpt("\x00" * 300) == ""
