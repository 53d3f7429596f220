"""A stand-in of Claude for the notebooks: the real API's wire on loopback, and a model that looks before it speaks.

It knows one fault, the demo's `crash-missing-variable`. What it says of it is a script; the tools it asks for really
run, and it answers only once it has seen what they say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from kubeagentix.domain.messages import Message, Text, ToolResult
from tests.servers.anthropic import AnthropicServer
from tests.servers.turns import Call, Say, Step
from tests.servers.wire import Heard, Recorded

LOGIN_TOKEN = "sk-ant-oat01-of-the-local-login-for-tests-only"
OVERRIDE_TOKEN = "sk-ant-oat01-of-the-request-for-tests-only"
TOOLS = "mcp__kube__"
CAUSE = "Deployment orders/checkout is started without DATABASE_URL, so that each of its pods ends at once"
REMEDY = "kubectl set env deployment/checkout DATABASE_URL=… -n orders"
WATCH = "kubectl rollout status deployment/checkout -n orders"
_EVIDENCE = re.compile(r"\be-[0-9a-f]{10}\b")
_POD = re.compile(r"\bcheckout-[a-z0-9]+-[a-z0-9]+\b")


class StandIn(AnthropicServer):
    """Claude, as far as the notebooks ask it."""

    def __init__(self) -> None:
        super().__init__()
        self.script(then=_turn)

    @property
    def tokens(self) -> list[str]:
        """The tokens that came, each once, in their order."""
        return list(dict.fromkeys(request.token for request in self.requests))

    @property
    def results(self) -> list[str]:
        """What tools said, as the model got it."""
        return [result.content for heard in self.heard for result in _results(heard)]


def log_in(home: Path) -> None:
    """A login as `claude` keeps it in this home."""
    login = {
        "accessToken": LOGIN_TOKEN,
        "refreshToken": "none",
        "expiresAt": 4_102_444_800_000,
        "scopes": ["user:inference"],
    }
    folder = home / ".claude"
    folder.mkdir()
    (folder / ".credentials.json").write_text(json.dumps({"claudeAiOauth": login}))
    (home / ".claude.json").write_text(json.dumps({"userID": "nobody"}))


def _turn(recorded: Recorded) -> Sequence[Step]:
    heard = recorded.heard
    offered = {name.removeprefix(TOOLS) for name in heard.tools}
    said = "\n".join(map(_text, heard.messages))
    results = _results(heard)
    if not offered:
        return [Say("ready")]
    if "how do I mend it" in said:
        return [Say(f"Set the variable, and watch the rollout: `{REMEDY}`, then `{WATCH}`.")]
    if not results:
        return [Say("I look at the log of one of its pods. "), _log(said)]
    ids = list(dict.fromkeys(_EVIDENCE.findall("\n".join([*(item.content for item in results), said]))))[:1]
    if "submit_answer" not in offered:
        return [Say(f"{CAUSE}: its log ends with `DATABASE_URL not set` [{ids[0]}]. Set it: `{REMEDY}`")]
    if len(results) > 1:
        return [Say("")]
    claim = {"title": CAUSE, "summary": "Its log says so.", "confidence": 0.97, "evidence": ids}
    answer = {"root_cause": f"{CAUSE}.", "hypotheses": [claim], "remedies": [REMEDY]}
    return [Call(f"{TOOLS}submit_answer", answer)]


def _log(said: str) -> Call:
    pod = _POD.search(said)
    assert pod is not None, said
    return Call(f"{TOOLS}pod_logs", {"pod": pod[0], "namespace": "orders"})


def _text(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, Text))


def _results(heard: Heard) -> list[ToolResult]:
    return [part for message in heard.messages for part in message.parts if isinstance(part, ToolResult)]
