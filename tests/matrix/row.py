"""The program that runs one row of the matrix, on the host or in a container, through the public API alone.

It is read from standard input, by a Python that has the package and nothing else of this repository. What it is to do
is in the variable KX_MATRIX_ROW, its credentials are in the environment and in the home; it prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import kubeagentix as kx

QUESTION = "Why is it broken?"
SHOWN = ("provider", "model", "credential_source", "error", "message")
SECOND = "OPENAI_API_KEY", "OPENAI_BASE_URL"


def told(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What each cell of the row reported, by its name."""
    override = os.environ.pop("KX_MATRIX_OVERRIDE", None)
    second = os.environ.pop("KX_MATRIX_SECOND")
    found: dict[str, Any] = {}
    for mode in plan["modes"]:
        for way in plan["ways"]:
            name = f"{way}-{mode['name']}"
            os.environ["ANTHROPIC_BASE_URL"] = f"{plan['claude']}/{name}"
            for variable, text in zip(SECOND, (second, f"{plan['second']}/{name}"), strict=True):
                os.environ.pop(variable, None)
                if mode["has_second"]:
                    os.environ[variable] = text
            if plan["state"] is not None:
                damage(plan)
            asked = {"namespace": plan["namespace"], "credential": override, "fallback": mode["fallback"]}
            found[name] = {**cell(way, asked), "state": state()}
    return found


def damage(plan: Mapping[str, Any]) -> None:
    """Makes the state of Claude Code what it is at the start of each cell."""
    backups = Path.home() / ".claude" / "backups"
    shutil.rmtree(backups, ignore_errors=True)
    if plan["backup"] is not None:
        backups.mkdir()
        (backups / ".claude.json.backup.1790000000000").write_text(plan["backup"])
    (Path.home() / ".claude.json").write_text(plan["state"])


def cell(way: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What one call returned or raised."""
    try:
        return chat(asked) if way == "chat" else quick_dx(asked)
    except kx.KubeAgentiXError as error:
        code = getattr(error, "detail", "") or error.code
        return {"raised": type(error).__name__, "code": code, "message": str(error)}


def chat(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Asked as a conversation."""
    reply = kx.chat(QUESTION, provider="claude_code", **asked)
    events = [record.event for record in reply.records]
    return {
        "answered_by": reply.finished.provider,
        "model": reply.finished.model,
        "attempts": attempts(reply.finished.attempts),
        "says": reply.text,
        "notices": [event.code for event in events if event.kind == "notice"],
    }


def quick_dx(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Asked for a diagnosis."""
    notices: list[str] = []

    def listen(event: Any) -> None:
        if event.kind == "notice":
            notices.append(event.code)

    found = kx.diagnose(provider="claude_code", listen=listen, **asked)
    return {
        "answered_by": found.provider,
        "model": found.model,
        "attempts": attempts(found.attempts),
        "says": found.answer.root_cause if found.answer is not None else found.hypotheses[0].title,
        "notes": found.notes,
        "notices": notices,
    }


def attempts(made: Iterable[Any]) -> list[dict[str, Any]]:
    """Which models were asked, in a form that is the same for both ways."""
    asked = [item for item in made if item.provider != "rules"]
    return [{"label": item.label.split()[-1], **{name: getattr(item, name) for name in SHOWN}} for item in asked]


def state() -> str:
    """Whose state of Claude Code it is, by an entry that nobody but its owner makes."""
    try:
        return str(json.loads((Path.home() / ".claude.json").read_text()).get("owner", "nobody"))
    except OSError:
        return "nobody"
    except ValueError:
        return "damaged"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(told(json.loads(os.environ.pop("KX_MATRIX_ROW")))) + "\n")
