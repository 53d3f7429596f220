"""`rules`: no model. It plans tool calls from what Quick Dx finds, and explains what they show by template.

An ordinary provider, so that every surface works on a fresh machine without a key; it says that it is no model.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from kubeagentix.contracts import ProviderPlugin
from kubeagentix.domain.events import ModelEvent, ModelFinished, TextDelta, ToolCallReady, UsageReported
from kubeagentix.domain.messages import Message, Part, Text, ToolCall, ToolResult, Usage
from kubeagentix.domain.requests import ModelRequest, Readiness
from kubeagentix.domain.secrets import Credential, Secret

QUICKDX = "run_quickdx"
SHOWN = 3  # root causes that are told
CALLS = 4  # that are made about the first of them
LOG_LINES = 5  # of the end of a log
GAPS = 5  # that are told, of those there are
DISCLAIMER = "(rules: no language model was asked. This is what the analyzers found, and what the cluster shows.)"
_WORD = re.compile(r"[a-z0-9][a-z0-9.-]*[a-z0-9]")
# What a question is made of besides names:
_COMMON_TEXT = """
a about all an and any are at be broken but by can check cluster connect could crash crashing diagnose do does
down error errors fail failed failing fails find fix for from get has have help how in is it its me my
namespace namespaces node nodes not of on or our please pod pods problem ready restart root running service
services show slow so start tell that the there this to up us was what whats when where which why with work
working wrong you
"""
_COMMON = frozenset(_COMMON_TEXT.split())
_TITLES = {"log": "the log", "event": "an event", "status": "the status", "spec": "the spec", "metric": "a metric"}


class Rules:
    """Answers by template. Keeps nothing between two calls: what it has done stands in the messages."""

    async def stream(self, request: ModelRequest, _: Credential) -> AsyncIterator[ModelEvent]:
        """Tool calls as long as there is something to look up, then an explanation."""
        results = _results_since_the_question(request.messages)
        question = _question(request.messages)
        offered = {tool.name for tool in request.tools} if request.may_call else set()
        calls = list(_next_calls(question, results, offered, len(request.messages)))
        parts: list[Part] = []
        if calls:
            for call in calls:
                yield ToolCallReady(call=call)
            parts += calls
        else:
            text = _explained(question, results)
            for piece in re.findall(r"\S+\s*|\s+", text):
                yield TextDelta(text=piece)
            parts.append(Text(text=text))
        yield UsageReported(usage=Usage(cost_usd=0.0))
        yield ModelFinished(
            stop_reason="tool_calls" if calls else "stop",
            message=Message(role="assistant", parts=tuple(parts)),
            model="",
        )


def _question(messages: Sequence[Message]) -> str:
    asked = [item for item in messages if item.role == "user"]
    said = [part.text for item in asked[-1:] for part in item.parts if isinstance(part, Text) and not part.is_data]
    return "".join(said)


def _results_since_the_question(messages: Sequence[Message]) -> list[ToolResult]:
    last = max((place for place, item in enumerate(messages) if item.role == "user"), default=0)
    return [part for item in messages[last:] for part in item.parts if isinstance(part, ToolResult)]


def _next_calls(question: str, results: Sequence[ToolResult], offered: set[str], turn: int) -> list[ToolCall]:
    done = {result.tool_name for result in results}
    number = itertools.count(1)

    def call(tool: str, /, **arguments: Any) -> ToolCall:
        return ToolCall(id=f"rules-{turn}-{next(number)}", name=tool, arguments=arguments)

    if QUICKDX in offered and QUICKDX not in done:
        return [call(QUICKDX)]
    if done - {QUICKDX}:
        return []
    told = _told(question, results)
    if not told:
        return []
    root = told[0]["root"]
    place = {"namespace": root["namespace"]} if root["namespace"] else {}
    wanted = [call("describe_resource", kind=root["kind"], name=root["name"], **place)]
    wanted += [
        call("pod_logs", pod=item["resource"]["name"], namespace=item["resource"]["namespace"])
        for item in _evidence(told[0], results)
        if item["source"] in ("log", "status") and item["resource"]["kind"] == "Pod"
    ][:1]
    if root["namespace"]:
        wanted.append(call("get_events", namespace=root["namespace"]))
    return [item for item in wanted[:CALLS] if item.name in offered]


def _diagnosis(results: Sequence[ToolResult]) -> Mapping[str, Any] | None:
    data = next((item.data for item in results if item.tool_name == QUICKDX and isinstance(item.data, Mapping)), None)
    return data if data is not None and "hypotheses" in data else None


def _told(question: str, results: Sequence[ToolResult]) -> list[Mapping[str, Any]]:
    """The root causes that the question is about, best first: those that touch a name in it, or else all."""
    diagnosis = _diagnosis(results)
    if diagnosis is None:
        return []
    words = {word for word in _WORD.findall(question.lower()) if word not in _COMMON and len(word) > 2}
    findings = {item["id"]: item for item in diagnosis["findings"]}
    about = [item for item in diagnosis["hypotheses"] if _names(item, findings) & words]
    return about or list(diagnosis["hypotheses"])


def _names(hypothesis: Mapping[str, Any], findings: Mapping[str, Any]) -> set[str]:
    refs = [hypothesis["root"], *(findings[key]["resource"] for key in hypothesis["findings"] if key in findings)]
    return {word.lower() for ref in refs for word in (ref["name"], ref["namespace"]) if word}


def _evidence(hypothesis: Mapping[str, Any], results: Sequence[ToolResult]) -> list[Mapping[str, Any]]:
    diagnosis = _diagnosis(results) or {"findings": []}
    findings = {item["id"]: item for item in diagnosis["findings"]}
    first = findings.get(hypothesis["findings"][0]) if hypothesis["findings"] else None
    return list(first["evidence"]) if first else []


def _explained(question: str, results: Sequence[ToolResult]) -> str:
    diagnosis = _diagnosis(results)
    if diagnosis is None:
        failed = next((item for item in results if item.tool_name == QUICKDX), None)
        why = failed.content if failed is not None else "it was not offered the tool that runs the analyzers"
        return f"Nothing can be said: {why}\n\n{DISCLAIMER}"
    told = _told(question, results)
    unread = _unread(diagnosis["gaps"])
    if not told:
        but = " in what could be read" if unread else ""
        return "\n\n".join([f"The analyzers found nothing wrong{but}.", *unread, DISCLAIMER])
    paragraphs = [_paragraph(item, diagnosis, results, rank) for rank, item in enumerate(told[:SHOWN], start=1)]
    if len(told) > SHOWN:
        paragraphs.append(f"… and {len(told) - SHOWN} more root causes.")
    return "\n\n".join([*paragraphs, *_looked_at(results), *unread, DISCLAIMER])


def _unread(gaps: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was not seen, one paragraph: whatever is wrong there is not in the answer."""
    if not gaps:
        return []
    lines = [f"- {gap['what']}: {gap['why']}" for gap in gaps[:GAPS]]
    more = [f"- … and {len(gaps) - GAPS} more"] if len(gaps) > GAPS else []
    return ["\n".join(["Could not be read; whatever is wrong there is not in this answer:", *lines, *more])]


def _paragraph(
    hypothesis: Mapping[str, Any], diagnosis: Mapping[str, Any], results: Sequence[ToolResult], rank: int
) -> str:
    root = hypothesis["root"]
    where = (
        f"{root['kind']} {root['namespace']}/{root['name']}" if root["namespace"] else f"{root['kind']} {root['name']}"
    )
    lines = [f"{rank}. **{hypothesis['title']}** ({where}, {hypothesis['confidence']:.0%})", hypothesis["summary"]]
    for item in _evidence(hypothesis, results)[:3]:
        quoted = f': "{_short(item["excerpt"])}"' if item["excerpt"] else ""
        lines.append(f"   - {_TITLES[item['source']]} says: {_short(item['summary'])}{quoted} [{item['id']}]")
    findings = {item["id"]: item for item in diagnosis["findings"]}
    first = findings.get(hypothesis["findings"][0]) if hypothesis["findings"] else None
    for remedy in (first["remedies"] if first else [])[:3]:
        changes = " (changes the cluster)" if remedy["effect"] == "write" else ""
        lines.append(f"   - do: {remedy['title']}{changes}: `{remedy['command']}`")
    return "\n".join(lines)


def _looked_at(results: Sequence[ToolResult]) -> list[str]:
    """What the further calls showed: the end of a log as it is, of the others that they were made."""
    others = [item for item in results if item.tool_name != QUICKDX]
    told = [f"{item.tool_name} failed: {_short(item.content)}" for item in others if item.is_error]
    looked = [item.tool_name for item in others if not item.is_error]
    told += [f"Looked at besides, for whoever reads on: {', '.join(looked)}."] if looked else []
    for item in others:
        if item.tool_name == "pod_logs" and not item.is_error:
            told.append("The end of its log:\n```\n" + "\n".join(_last_lines(item.content)) + "\n```")
    return told


def _last_lines(text: str) -> list[str]:
    lines = [line for line in text.split("\n\nEvidence to cite", maxsplit=1)[0].splitlines() if line.strip()]
    return [_short(line).replace("`", "'") for line in lines[-LOG_LINES:]]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:159]}…"


def ready(_: Mapping[str, str], credential: Credential | None) -> Readiness:
    """Always ready: it needs nothing."""
    nobody = Credential(kind="login", secret=Secret(""), source="nothing: it needs none")
    return Readiness(credential=credential or nobody)


plugin = ProviderPlugin(
    id="rules",
    title="rules (no language model)",
    default_model="",
    context_tokens=1_000_000,
    tool_calls="native",
    ready=ready,
    build=lambda _: Rules(),
    is_language_model=False,
)
