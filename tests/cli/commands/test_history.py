"""`kubeagentix history` and `chat --resume`, as people type them, mistakes included."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import kubeagentix as kx
from kubeagentix.cli.app import main
from kubeagentix.history.reading import Reader

ROOT = Path(__file__).parents[3]


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What the command writes to standard output."""
    assert main(["history", *words]) == code
    return capsys.readouterr().out


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.fixture
def conversation(broken: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The id of a chat that was kept."""
    assert main(["chat", "why is web failing?", "--snapshot", broken, "--provider", "rules"]) == 0
    capsys.readouterr()
    return kx.history.list()[0].id


def test_an_empty_history_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys) == said(capsys, "list") == "nothing is kept yet\n"
    assert said(capsys, "search", "disk") == "nothing was found\n"
    assert said(capsys, "list", "--format", "json") == "[]\n"
    assert said(capsys, "prune").startswith("0 conversations and 0 diagnoses")
    assert said(capsys, "path") == f"{kx.history.path}\n"
    assert not kx.history.path.exists()


def test_a_damaged_file_is_not_put_aside_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    kx.history.path.parent.mkdir(parents=True, exist_ok=True)
    kx.history.path.write_text("no database")
    assert main(["history"]) == 0
    shown = capsys.readouterr()
    assert "the history file was damaged: it is put aside as" in shown.err
    assert shown.out == "nothing is kept yet\n"


def test_chats_and_diagnoses_are_listed_shown_and_found(
    conversation: str, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dx", "--snapshot", broken]) == 0
    shown = capsys.readouterr().out
    listed = said(capsys)
    assert [line.split()[0] for line in listed.splitlines()] == [kx.history.diagnosis().id, conversation]
    assert said(capsys, "show") == shown
    assert "## why is web failing?" in said(capsys, "show", conversation)
    assert conversation in said(capsys, "search", "why", "failing")
    found = json.loads(said(capsys, "search", "failing", "--format", "json"))
    assert conversation in [entry["id"] for entry in found]
    assert len(said(capsys, "--limit", "1").splitlines()) == 1


def test_nothing_in_a_list_steers_a_terminal(capsys: pytest.CaptureFixture[str], broken: str) -> None:
    assert main(["chat", "why \x1b[31m\x07 red?", "--snapshot", broken, "--provider", "rules"]) == 0
    capsys.readouterr()
    for words in ([], ["show"], ["search", "red"], ["export"], ["export", "--format", "json"]):
        assert "\x1b" not in said(capsys, *words)


def test_an_export_to_a_file_is_private(conversation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "chat.json"
    assert said(capsys, "export", conversation, "--format", "json", "--output", str(target)) == ""
    assert json.loads(target.read_text())["id"] == conversation
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert said(capsys, "export", conversation).startswith("# why is web failing?")


def test_mistakes_are_told_in_one_line(conversation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean list?" in complaint(capsys, "history", "lst")
    assert f"the nearest is {conversation}" in complaint(capsys, "history", "show", f"{conversation[:-1]}x")
    assert "takes one id" in complaint(capsys, "history", "show", conversation, conversation)
    assert "takes no 'c-1'" in complaint(capsys, "history", "prune", "c-1")
    assert "has no format html; it has table, json" in complaint(capsys, "history", "list", "--format", "html")
    assert "a conversation has no format 'html'" in complaint(capsys, "history", "export", "--format", "html")
    assert "whole number from 1 up" in complaint(capsys, "history", "--limit", "0")
    assert "there is nothing to look for" in complaint(capsys, "history", "search")
    assert "say --yes" in complaint(capsys, "history", "clear")
    assert kx.history.list()


def test_clearing_with_yes_takes_everything_out(conversation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "clear", "--yes").startswith("1 conversations and 0 diagnoses taken out")
    assert said(capsys) == "nothing is kept yet\n"


def test_a_chat_is_gone_on_with_and_told_so(conversation: str, broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["chat", "and since when?", "--resume", "--snapshot", broken, "--provider", "rules"]
    assert main(words) == 0
    told = capsys.readouterr().err
    assert f"going on with {conversation} (1 question, cluster test): why is web failing?" in told
    assert [entry.runs for entry in kx.history.list()] == [2]
    assert main([*words[:3], conversation[:6], *words[3:]]) == 0
    assert [entry.runs for entry in kx.history.list()] == [3]


def test_a_question_after_resume_is_asked(conversation: str, broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "--resume", "and since when?", "--snapshot", broken, "--provider", "rules"]) == 0
    assert "going on with" in capsys.readouterr().err
    assert "## and since when?" in kx.history.export(conversation)


def test_there_must_be_something_to_go_on_with(
    broken: str, capsys: pytest.CaptureFixture[str], conversation: str
) -> None:
    assert "there is no conversation 'c-ffff'" in complaint(capsys, "chat", "x", "--resume", "c-ffff")
    assert "c-92O9" in complaint(capsys, "chat", "x", "--resume=c-92O9")
    kx.history.clear()
    assert "no conversation in the history yet" in complaint(capsys, "chat", "x", "--resume")


def test_another_cluster_than_before_is_told(conversation: str, capsys: pytest.CaptureFixture[str], fine: str) -> None:
    assert main(["chat", "and?", "--resume", "--demo=crash-panic", "--provider", "rules"]) == 0
    assert "now it is about demo" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["chat", "why?", "--provider", "rules"], ["dx"]])
def test_without_history_nothing_is_kept(words: list[str], broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--snapshot", broken, "--no-history"]) == 0
    assert not kx.history.path.exists()


@pytest.mark.parametrize("words", [["chat", "why?", "--provider", "rules"], ["dx"]])
def test_a_state_folder_that_cannot_be_written_costs_a_line_and_nothing_else(
    words: list[str], broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "blocked"))
    assert main([*words, "--snapshot", broken]) == 0
    captured = capsys.readouterr()
    assert "web" in captured.out
    told = [line for line in captured.err.splitlines() if "history" in line]
    assert len(told) == 1
    assert "not kept in the history: cannot use" in told[0]


def program(*words: str, **more: object) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "kubeagentix", *words], env=environ, cwd=ROOT, **more)  # type: ignore[call-overload, no-any-return]


def test_who_stops_reading_a_list_is_not_told_of_it(conversation: str) -> None:
    listing = program("history", "export", "--format", "json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert listing.stdout is not None
    listing.stdout.close()
    _, complaints = listing.communicate(timeout=60)
    assert (complaints, listing.returncode) in ((b"", 141), (b"", 0))


def test_an_interrupt_while_it_looks_is_quiet(
    conversation: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Reader, "entries", interrupted)
    assert main(["history", "list"]) == 130
    assert capsys.readouterr() == ("", "")
