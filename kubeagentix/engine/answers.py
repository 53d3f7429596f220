"""Reads what a model concludes: from the tool it is asked to call, from JSON in its text, or from its prose.

What it cites is held against what was really read. An evidence id that does not exist is struck, and a claim that is
left without evidence says so. Nothing a model writes makes this fail: what cannot be read is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from kubeagentix.domain.answers import Answer, Claim
from kubeagentix.domain.diagnosis import Evidence
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.engine.citations import ID, marked
from kubeagentix.engine.confidences import confidence_of
from kubeagentix.engine.disagreements import disagreements
from kubeagentix.engine.lenient_json import objects_in, read_value
from kubeagentix.engine.prose_answers import ProseAnswer, read_prose

__all__ = ["ANSWER_TOOL", "disagreements", "read_answer"]

MAX_CLAIMS = 12  # more than anybody reads
MAX_REMEDIES = 20
MAX_CHARS = 4_000  # of one text: enough for an explanation, too little to flood a page

MAX_CHARS = 100_000  # of a text that are looked at for an answer, from its end
ANSWER_TOOL = ToolSpec(
    name="submit_answer",
    description=(
        "Gives your final answer and ends the work. Call it once, alone, as soon as you know the cause or can find out "
        "no more. Cite evidence ids exactly as tools and findings show them (they look like e-0a1b2c3d4e); "
        "never invent one."
    ),
    parameters={
        "type": "object",
        "properties": {
            "root_cause": {
                "type": "string",
                "description": "One or two sentences: which object is wrong, what is wrong with it, and what that "
                "breaks. If nothing is wrong, say so.",
            },
            "hypotheses": {
                "type": "array",
                "description": "The possible causes, the most likely first; the first one is the root cause.",
                "items": {
                    "type": "object",
                    "properties": {
                        "title": {
                            "type": "string",
                            "description": "The cause in a few words, with the object's kind and name.",
                        },
                        "summary": {"type": "string", "description": "Why you think so: what leads to what."},
                        "confidence": {
                            "type": "number",
                            "minimum": 0,
                            "maximum": 1,
                            "description": "How sure you are, from 0 (a guess) to 1 (proven).",
                        },
                        "evidence": {
                            "type": "array",
                            "items": {"type": "string"},
                            "description": 'Ids of the evidence that shows it, such as ["e-0a1b2c3d4e"].',
                        },
                    },
                    "required": ["title", "summary", "confidence", "evidence"],
                },
            },
            "remedies": {
                "type": "array",
                "items": {"type": "string"},
                "description": "What to do, in order: one step or kubectl command each. Empty if there is nothing.",
            },
        },
        "required": ["root_cause", "hypotheses", "remedies"],
    },
)

# What models call the parts of an answer, without case and punctuation, the name we ask for first.
_ROOT = ("rootcause", "probablerootcause", "mostlikelyrootcause", "rootcauses", "conclusion", "diagnosis", "cause")
_HYPOTHESES = ("hypotheses", "hypothesis", "possiblecauses", "causes", "candidates")
_REMEDIES = (
    *("remedies", "remedy", "remediation", "remediations", "recommendations", "recommendation", "fixes", "fix"),
    *("nextsteps", "actions", "steps", "solution", "solutions"),
)
_TITLE = ("title", "name", "hypothesis", "cause", "rootcause")
_SUMMARY = ("summary", "description", "explanation", "reasoning", "reason", "rationale", "details")
_CONFIDENCE = ("confidence", "probability", "likelihood", "certainty", "score")
_EVIDENCE = ("evidence", "evidenceids", "evidenceid", "evidences", "citations", "sources", "supportingevidence", "ids")
_COMMAND = ("command", "cmd", "kubectl")
_WHY = ("why", "description", "summary", "reason", "details")
_TELLING = (*_ROOT[:6], *_HYPOTHESES[:3])  # that an object is an answer
_WRAPPERS = ("arguments", "input", "parameters", "answer", "result", "submitanswer", "finalanswer", "response")
_SEPARATORS = re.compile(r"[\s,;|()\[\]{}<>\"'`\u201c\u201d]+")


def read_answer(
    text_or_arguments: str | Mapping[str, Any],
    known: Mapping[str, Evidence],
    is_quoted: Callable[[Mapping[str, Any]], bool] = lambda _: False,
) -> Answer | None:
    """The answer in a model's last text, or in the arguments of its call of `ANSWER_TOOL`; None where there is none.

    `known` is all the evidence that was shown to the model, by id. JSON that it only quotes from data is no answer.
    """
    if isinstance(text_or_arguments, str):
        answer = _in_text(text_or_arguments[-MAX_CHARS:], known, is_quoted)
    else:
        arguments = _unwrapped(text_or_arguments)
        answer = _from_fields(arguments, "tool", known) if arguments else None
    return _marked(answer, known) if answer is not None else None


def _in_text(text: str, known: Mapping[str, Evidence], is_quoted: Callable[[Mapping[str, Any]], bool]) -> Answer | None:
    own = (item for item in objects_in(text) if not is_quoted(item.value))
    found = [(fields, item.is_damaged) for item in own if (fields := _unwrapped(item.value))]
    found.reverse()  # of two that say as much, the last one counts
    for fields, is_damaged in sorted(found, key=lambda item: -_richness(item[0])):
        answer = _from_fields(fields, "repaired" if is_damaged else "json", known)
        if answer is not None:
            return answer
    prose = read_prose(text)
    return _from_prose(prose, known) if prose else None


# From fields


def _named(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields by their names without case and punctuation."""
    return {re.sub(r"[^a-z]", "", str(name)[:80].lower()): value for name, value in fields.items()}


def _pick(fields: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The first of these fields that says anything."""
    return next((fields[name] for name in names if fields.get(name) not in (None, "", [], {})), None)


def _unwrapped(value: Any) -> dict[str, Any] | None:
    """The fields of an answer, which may be in a call of the tool, or in a field that holds all of it."""
    if not isinstance(value, Mapping):
        return None
    fields = _named(value)
    if _pick(fields, _TELLING) is not None:
        return fields
    for name in _WRAPPERS:
        inner = fields.get(name)
        inner = read_value(inner) if isinstance(inner, str) else inner
        if isinstance(inner, Mapping) and _pick(_named(inner), _TELLING) is not None:
            return _named(inner)
    return None


def _richness(fields: Mapping[str, Any]) -> int:
    return sum(_pick(fields, names) is not None for names in (_ROOT, _HYPOTHESES, _REMEDIES))


def _from_fields(fields: Mapping[str, Any], form: str, known: Mapping[str, Evidence]) -> Answer | None:
    said = _pick(fields, _ROOT)
    root = _text(said)
    own = _cited(_pick(fields, _EVIDENCE), root, known)
    claims = [claim for item in _list(_pick(fields, _HYPOTHESES)) if (claim := _claim(item, known)) is not None]
    if not claims and root:
        alone = Claim(title=root, confidence=confidence_of(_pick(fields, _CONFIDENCE)))
        claims = [(_claim(said, known) if isinstance(said, Mapping) else None) or alone]
    if not claims:
        return None
    claims[0] = _with_citations(claims[0], *own)
    return Answer(
        root_cause=root or _sentence(claims[0]),
        hypotheses=tuple(claims[:MAX_CLAIMS]),
        remedies=tuple(_remedies(_pick(fields, _REMEDIES))),
        form=form,
    )


def _claim(item: Any, known: Mapping[str, Evidence]) -> Claim | None:
    if not isinstance(item, Mapping):
        title = _text(item)
        return _with_citations(Claim(title=title), *_cited(None, title, known)) if title else None
    fields = _named(item)
    title, summary = _text(_pick(fields, _TITLE)), _text(_pick(fields, _SUMMARY))
    if not (title or summary):
        return None
    claim = Claim(title=title or summary, summary=summary, confidence=confidence_of(_pick(fields, _CONFIDENCE)))
    return _with_citations(claim, *_cited(_pick(fields, _EVIDENCE), f"{title}\n{summary}", known))


def _remedies(value: Any) -> Iterator[str]:
    for item in _list(value)[:MAX_REMEDIES]:
        if isinstance(item, Mapping):
            fields = _named(item)
            parts = [_text(_pick(fields, names)) for names in (_TITLE, _COMMAND, _WHY)]
            text = ": ".join(dict.fromkeys(filter(None, parts))) or _text(item)
        else:
            text = _text(item)
        if text:
            yield text


def _list(value: Any) -> list[Any]:
    """A list, also where a model wrote it as text, or gave one thing without a list around it."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        read = read_value(value)
        value = value if read is None else read
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    """A value as text for a reader, of a bounded length; parts of lists and objects one after the other."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, Mapping):
        fields = _named(value)
        parts = [_text(_pick(fields, names)) for names in (_TITLE, _SUMMARY)]
        return ": ".join(dict.fromkeys(filter(None, parts)))
    if isinstance(value, list | tuple):
        return "; ".join(filter(None, (_text(item) for item in value[:MAX_CLAIMS])))[:MAX_CHARS]
    return str(value).strip()[:MAX_CHARS]


def _sentence(claim: Claim) -> str:
    return claim.summary or claim.title


# Citations


def _cited(listed: Any, text: str, known: Mapping[str, Evidence]) -> tuple[list[str], list[str]]:
    """(ids that exist, ids that do not), once each and in order: those listed, then those in the text."""
    ids = [*_listed_ids(listed, known), *ID.findall(text)]
    ids = list(dict.fromkeys(ids))
    return [item for item in ids if item in known], [item for item in ids if item not in known]


def _listed_ids(value: Any, known: Mapping[str, Evidence]) -> Iterator[str]:
    """What a list of evidence names: ids, or single words that are none; what is a sentence cites nothing."""
    for item in _list(value):
        text = str(item.get("id") or item) if isinstance(item, Mapping) else str(item)
        words = [word.rstrip(".:") for word in _SEPARATORS.split(text[:MAX_CHARS])]
        words = [word for word in words if word]
        ids = [word for word in words if word in known or ID.fullmatch(word)]
        yield from ids or (words if len(words) == 1 else [])


def _with_citations(claim: Claim, evidence: Iterable[str], struck: Iterable[str]) -> Claim:
    return replace(
        claim,
        evidence=tuple(dict.fromkeys((*claim.evidence, *evidence))),
        struck=tuple(dict.fromkeys((*claim.struck, *struck))),
    )


def _marked(answer: Answer, known: Mapping[str, Evidence]) -> Answer:
    """The answer with a note where its texts name an id that does not exist."""
    claims = (
        replace(claim, title=marked(claim.title, known), summary=marked(claim.summary, known))
        for claim in answer.hypotheses
    )
    return replace(
        answer,
        root_cause=marked(answer.root_cause, known),
        hypotheses=tuple(claims),
        remedies=tuple(marked(item, known) for item in answer.remedies),
    )


# From prose


def _from_prose(prose: ProseAnswer, known: Mapping[str, Evidence]) -> Answer:
    claims = [
        _with_citations(Claim(title=item.title, summary=item.summary, confidence=item.confidence), *cited)
        for item in prose.hypotheses[:MAX_CLAIMS]
        for cited in [_cited(None, item.text, known)]
    ]
    claims = claims or [Claim(title=prose.root_cause, confidence=prose.confidence)]
    named = {item for claim in claims for item in (*claim.evidence, *claim.struck)}
    evidence, struck = _cited(None, prose.text, known)
    claims[0] = _with_citations(
        claims[0], [item for item in evidence if item not in named], [item for item in struck if item not in named]
    )
    return Answer(
        root_cause=prose.root_cause or _sentence(claims[0]),
        hypotheses=tuple(claims),
        remedies=tuple(prose.remedies[:MAX_REMEDIES]),
        form="prose",
    )
