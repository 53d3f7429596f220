"""A chat over several questions: what was said so far, which the next run goes on from."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace

from kubeagentix.anonymizing.border import Anonymizer
from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.domain.messages import Message, Part, Text, Thinking, ToolCall, ToolResult
from kubeagentix.engine.approvals import Grants
from kubeagentix.engine.fence import Fence
from kubeagentix.engine.results import Results
from kubeagentix.redaction import Redactor


class Conversation:
    """The messages of a chat, and the evidence that was shown in it. Runs read them and add theirs when they end."""

    def __init__(self) -> None:
        self.id = f"c-{secrets.token_hex(5)}"
        self.cluster = ""  # that it was about so far
        self.messages: tuple[Message, ...] = ()
        self.evidence: dict[str, Evidence] = {}
        self.results = Results()  # what tools answered, for a later question to search
        self.redactor = Redactor()  # equal credentials get equal placeholders in all of it
        self.fence = Fence()  # around all data, the same in every question, so that what was sent stays as it was
        self.grants = Grants()  # changes that were approved for the rest of it
        self.anonymizer = Anonymizer()  # and equal names, where they are hidden
        self.is_anonymous = False  # whether they were once

    def __len__(self) -> int:
        return len(self.messages)

    def __repr__(self) -> str:
        return f"<Conversation of {len(self.messages)} messages>"

    @classmethod
    def restored(
        cls,
        *,
        conversation_id: str,
        cluster: str,
        fence: str,
        messages: tuple[Message, ...],
        evidence: Mapping[str, Evidence],
        results: Mapping[str, str],
        is_anonymous: bool = False,
    ) -> Conversation:
        """One of an earlier time, to go on with: what a run that was cut short left undone is left out."""
        found = cls()
        found.id, found.cluster, found.fence = conversation_id, cluster, Fence(fence)
        found.is_anonymous = is_anonymous
        found.extend(messages, evidence)
        found.results.restore(results)
        for message in found.messages:  # so that placeholders which stand in it are not given to other values
            found.redactor.text(message.text)
        return found

    def extend(self, messages: tuple[Message, ...], evidence: Mapping[str, Evidence]) -> None:
        """Takes over what a run ended with: all messages, earlier ones included, but no call without a result."""
        self.messages = _whole(messages)
        self.evidence.update(evidence)

    def clear(self) -> None:
        """Begins anew."""
        self.id = f"c-{secrets.token_hex(5)}"
        self.cluster = ""
        self.messages = ()
        self.evidence.clear()
        self.results = Results()
        self.redactor = Redactor()
        self.fence = Fence()
        self.grants = Grants()
        self.anonymizer = Anonymizer()
        self.is_anonymous = False


def for_another_provider(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same without what only its own provider can read: thinking and signatures."""
    found = (
        replace(item, parts=tuple(_plain(part) for part in item.parts if not isinstance(part, Thinking)))
        for item in messages
    )
    return tuple(item for item in found if item.parts)


def _plain(part: Part) -> Part:
    if isinstance(part, ToolCall):
        return ToolCall(id=part.id, name=part.name, arguments=part.arguments)
    return part


def _whole(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Messages in which every tool call has its result, as the APIs demand."""
    answered = {part.call_id for item in messages for part in item.parts if isinstance(part, ToolResult)}
    found: list[Message] = []
    for message in messages:
        parts = tuple(part for part in message.parts if not isinstance(part, ToolCall) or part.id in answered)
        if any(isinstance(part, Text | ToolCall | ToolResult) for part in parts):
            found.append(Message(role=message.role, parts=parts, at=message.at))
    return tuple(found)
