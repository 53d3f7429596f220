"""What gives way first when a conversation is too long, and what stays."""

from __future__ import annotations

import pytest

from kubeagentix.domain.diagnosis import Evidence, ResourceRef
from kubeagentix.domain.messages import Message, Text, Thinking, ToolCall, ToolResult
from kubeagentix.engine.compaction import compacted, size_of

SHOWN = Evidence.of(ResourceRef(kind="Pod", namespace="a", name="b"), "status", "it waits")


def turn(number: int, chars: int = 3000) -> tuple[Message, Message]:
    call = ToolCall(id=f"c{number}", name="look", arguments={"n": number})
    result = ToolResult(call_id=f"c{number}", tool_name="look", content="x" * chars, evidence=(SHOWN,))
    thought = Thinking(text="hm" * 50, signature="s" * 100)
    return Message(role="assistant", parts=(thought, call)), Message(role="tool", parts=(result,))


def conversation(turns: int, chars: int = 3000) -> tuple[Message, ...]:
    later = [message for number in range(turns) for message in turn(number, chars)]
    return (Message.of("user", "why is it broken? " + "f" * 500), *later)


def test_what_fits_is_left_as_it_is() -> None:
    messages = conversation(3)
    assert compacted(messages, 100_000) == messages


def test_old_results_shrink_first_and_keep_their_evidence_ids() -> None:
    messages = conversation(8)
    found = compacted(messages, 16_000)
    assert size_of(found) <= 16_000
    assert found[0] == messages[0]
    assert found[-4:] == messages[-4:]
    first = found[2].parts[0]
    assert isinstance(first, ToolResult)
    assert first.truncated
    assert SHOWN.id in first.content
    assert any(isinstance(part, Thinking) for part in found[1].parts)


@pytest.mark.parametrize("budget", [12_000, 8_000, 4_000])
def test_it_fits_whatever_the_budget_and_every_call_keeps_its_result(budget: int) -> None:
    found = compacted(conversation(40), budget)
    assert size_of(found) <= budget
    calls = {part.id for item in found for part in item.parts if isinstance(part, ToolCall)}
    answered = {part.call_id for item in found for part in item.parts if isinstance(part, ToolResult)}
    assert calls == answered
    assert "why is it broken?" in found[0].text


def test_what_was_done_in_turns_that_go_is_noted() -> None:
    found = compacted(conversation(40), 8_000)
    assert "look(n=0)" in found[0].text


def test_the_question_that_is_to_be_answered_now_stays() -> None:
    asked = Message.of("user", "and since when?")
    later = [message for number in range(40, 60) for message in turn(number)]
    found = compacted((*conversation(20), asked, *later), 9_000)
    assert asked in found
    assert size_of(found) <= 9_000


def test_a_single_text_that_is_too_long_is_cut_in_the_middle() -> None:
    (message,) = compacted((Message.of("user", "begin" + "x" * 100_000 + "end"),), 5_000)
    assert message.text.startswith("begin")
    assert message.text.endswith("end")
    assert size_of((message,)) < 6_000
    assert isinstance(message.parts[0], Text)


def test_what_old_turns_showed_can_still_be_cited() -> None:
    messages = conversation(20, 3000)
    short = compacted(messages, 4_000)
    assert len(short) < len(messages)
    assert SHOWN.id in short[0].text
