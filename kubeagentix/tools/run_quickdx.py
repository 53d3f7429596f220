"""Quick Dx: what the analyzers find, joined into causes, with everything it rests on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kubeagentix import registry
from kubeagentix.cluster.snapshot import DIAGNOSING
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.diagnosis import Diagnosis, Evidence, Finding, Hypothesis, Severity, Target
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.quickdx.targets import parse_target
from kubeagentix.report.text import clean_line
from kubeagentix.toolkit.places import NAMESPACE, namespace_of
from kubeagentix.toolkit.wording import cited, count_of

SYMPTOMS_SHOWN = 6
VARYING = ("id", "timings", "started_at", "finished_at")  # from run to run
EVIDENCE_SHOWN = 4  # of one finding; replicas say the same


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """The hypotheses, best first, then findings that belong to none."""
    target: Target = parse_target(arguments["target"] or None, namespace_of(arguments, context))
    diagnosis = await context.diagnose(target)
    shown = diagnosis.hypotheses[: arguments["limit"]]
    explained = {key for item in diagnosis.hypotheses for key in item.findings}
    others = [item for item in diagnosis.findings if item.id not in explained and item.severity is not Severity.INFO]
    left = len(diagnosis.hypotheses) - len(shown)
    head = f"{target}: {count_of(len(diagnosis.hypotheses), 'root cause')}"
    body = [line for rank, item in enumerate(shown, start=1) for line in _hypothesis(diagnosis, rank, item)]
    short = [line for rank, item in enumerate(shown, start=1) for line in _in_short(diagnosis, rank, item)]
    tail = [
        *([f"({left} more; name a namespace or a target)"] if left else []),
        *([f"also found: {item.title} ({item.reason}, {item.ref})" for item in others]),
        *(f"not seen: {gap.what}: {gap.why}" for gap in diagnosis.gaps),
        *(["nothing is wrong as far as could be seen"] if not diagnosis.hypotheses and not others else []),
    ]
    return ToolOutput(
        text="\n".join([head, *body, *tail]),
        short="\n".join([head, *short, *tail]),
        evidence=tuple(_evidence(diagnosis, shown)),
        data=_data(diagnosis),
    )


def _data(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as its JSON has it, but for what differs from run to run."""
    written: dict[str, Any] = json.loads(registry.exporters()["json"].export(diagnosis))
    return {key: value for key, value in written.items() if key not in VARYING}


def _hypothesis(diagnosis: Diagnosis, rank: int, item: Hypothesis) -> Iterator[str]:
    root, *symptoms = (diagnosis.finding(key) for key in item.findings)
    yield f"{rank}. {item.title} (confidence {item.confidence:.2f}, {root.reason}, {root.ref})"
    yield f"   why: {clean_line(root.cause)}"
    for piece in root.evidence[:EVIDENCE_SHOWN]:
        yield f"   - {_piece(piece)}"
    for symptom in symptoms[:SYMPTOMS_SHOWN]:
        pieces = "".join(cited(piece) for piece in symptom.evidence[:2])
        yield f"   leads to: {symptom.title} ({symptom.reason}, {symptom.ref}){pieces}"
    if len(symptoms) > SYMPTOMS_SHOWN:
        yield f"   leads to {len(symptoms) - SYMPTOMS_SHOWN} more"
    for remedy in root.remedies:
        yield f"   {remedy.effect}: {remedy.title}: {remedy.command}"


def _in_short(diagnosis: Diagnosis, rank: int, item: Hypothesis) -> Iterator[str]:
    root = diagnosis.finding(item.findings[0])
    pieces = "".join(cited(piece) for piece in root.evidence[:2])
    yield f"{rank}. {item.title} (confidence {item.confidence:.2f}, {root.reason}, {root.ref}){pieces}"


def _piece(piece: Evidence) -> str:
    where = f"{piece.source} of {piece.ref}{f' at {piece.locator}' if piece.locator else ''}"
    return f"{where}: {clean_line(piece.summary, 300)}{cited(piece)}"


def _evidence(diagnosis: Diagnosis, shown: tuple[Hypothesis, ...]) -> Iterator[Evidence]:
    """What the text names, each piece once."""
    seen: set[str] = set()
    for item in shown:
        root, *symptoms = (diagnosis.finding(key) for key in item.findings)
        for piece in (*root.evidence[:EVIDENCE_SHOWN], *_of_symptoms(symptoms)):
            if piece.id not in seen:
                seen.add(piece.id)
                yield piece


def _of_symptoms(symptoms: list[Finding]) -> Iterator[Evidence]:
    for symptom in symptoms[:SYMPTOMS_SHOWN]:
        yield from symptom.evidence[:2]


plugin = ToolPlugin(
    spec=ToolSpec(
        name="run_quickdx",
        description=(
            "Diagnoses a workload, a namespace or the whole cluster with deterministic analyzers: root causes with "
            "evidence, what they lead to, and commands that mend them. Fast; use it first."
        ),
        parameters={
            "type": "object",
            "properties": {
                "target": {
                    "type": "string",
                    "default": "",
                    "description": "What to diagnose, such as deploy/web. Left out: the whole namespace.",
                },
                "namespace": NAMESPACE,
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 50,
                    "default": 10,
                    "description": "How many root causes at most.",
                },
            },
            "additionalProperties": False,
        },
        timeout_s=90.0,
    ),
    handler=handle,
    rights=DIAGNOSING,
)
