"""`kubeagentix chat` with the rules provider, which needs no key: the answer on standard output, the rest beside it."""

from __future__ import annotations

import io
import json

import pytest

from kubeagentix.cli.app import main

DEMO = ["--demo=database-disk-full", "--provider", "rules"]


def test_a_question_is_answered_from_the_demo_cluster_with_tools_that_really_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["chat", "why is banking failing?", *DEMO]) == 0
    out, err = capsys.readouterr()
    assert "ledger-db" in out
    assert "No space left on device" in out
    assert "no language model was asked" in out
    assert "→ run_quickdx(" in err
    assert "→ pod_logs(pod=ledger-db-0" in err
    assert "rules / selected" in err


def test_quietly_only_the_answer_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "why", "is", "banking", "failing?", *DEMO, "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert "ledger-db" in out
    assert "→" not in err


def test_json_tells_what_ran(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "why is banking failing?", *DEMO, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["provider"], said["attempt"], said["reason"]) == ("rules", "selected", "stop")
    assert "run_quickdx" in [tool["name"] for tool in said["tools"]]
    assert not any(tool["is_error"] for tool in said["tools"])
    assert [(item["label"], item["provider"], item["error"]) for item in said["attempts"]] == [
        ("selected", "rules", "")
    ]


def test_questions_are_read_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("what is wrong?\n\nand with banking?\nexit\nnever asked\n"))
    assert main(["chat", *DEMO]) == 0
    assert capsys.readouterr().out.count("no language model was asked") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chat", "why?", "--provider", "cluade", "--demo=crash-panic"], "did you mean claude"),
        (["chat", "why?", "--max-turns", "0", "--demo=crash-panic"], "--max-turns must be at least 1"),
        (["chat", "why?", "--provider", "openai", "--pin", "--demo=crash-panic"], "OPENAI_API_KEY is not set"),
    ],
)
def test_what_cannot_be_asked_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("stdin", [None, io.StringIO(""), io.StringIO(" \n\x1b[2J\n")])
def test_no_question_at_all_is_told_so(
    stdin: io.StringIO | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    assert main(["chat", "--demo=crash-panic", "--provider", "rules"]) == 2
    assert "there is no question" in capsys.readouterr().err


def test_standard_input_that_is_no_text_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\x00why"), encoding="utf-8"))
    assert main(["chat", "--demo=crash-panic", "--provider", "rules"]) == 2
    assert "standard input is no text" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [(["why?"], io.StringIO(""), 130), ([], io.StringIO("why?\nand?\n"), 130), ([], Terminal("why?\nand?\n"), 0)],
)
def test_an_interrupt_ends_the_answer_with_one_line_and_a_typed_conversation_goes_on(
    words: list[str],
    stdin: io.StringIO,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr("kubeagentix.agent.chat", interrupted)
    assert main(["chat", *words, "--demo=crash-panic", "--provider", "rules"]) == code
    assert capsys.readouterr().err.count("interrupted\n") == (2 if code == 0 else 1)


def test_the_payload_is_shown_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "dummy-key-of-this-test")
    words = ["chat", "is banking fine?", "--demo=database-disk-full", "--provider", "claude", "--show-payload"]
    assert main([*words, "--anonymize"]) == 0
    text = capsys.readouterr().out
    shown = json.loads(text)
    assert shown["to"] == "POST https://api.anthropic.com/v1/messages"
    assert shown["body"]["messages"][0]["content"][0]["text"] == "is ns-k1 fine?"
    assert "dummy-key" not in text
    assert "banking" not in text


def test_without_a_model_there_is_no_payload(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "why is banking failing?", *DEMO, "--show-payload"]) == 0
    assert "no language model would be asked" in json.loads(capsys.readouterr().out)["note"]
