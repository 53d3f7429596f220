"""Credentials that are known by what is around them: keys in PEM, pairs of a name and a value, the data of a Secret.

A manifest of a Secret may stand anywhere (kubectl's last-applied annotation, a template in a custom resource, a
ConfigMap, a log), as YAML or JSON, its fields in any order; whatever its `data` and `stringData` hold is masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubeagentix.recognition import values
from kubeagentix.recognition.names import verdict
from kubeagentix.recognition.places import block_scalar

Span = tuple[int, int]

_PEM = re.compile(r"-{4,5} ?BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE|SECRET) KEY(?: BLOCK)? ?-{4,5}")
_PEM_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,60}-{4,5}")
_PEM_BODY = re.compile(r"(?:(?:\\+[nr]|\s){0,80}[\w+/=-]{12,200}){0,1000}")  # of a key whose end is not there
_PEM_BODY_REVERSED = re.compile(r"(?:[nr]\\+|\s){0,80}[\w+/=]{4,200}(?:(?:[nr]\\+|\s){1,80}[\w+/=]{16,200}){0,1000}")
MAX_KEY = 40_000  # characters
_PUTTY = re.compile(r"Private-Lines: \d+\s+[\w+/=\s]{1,20000}")
_Q = r"\\*[\"'`]?"
# A name and its value in two fields, as in `env` of a container, in either order; `/>` and `;` for XML and properties.
_PAIR = re.compile(
    rf"(?i)\b(?:name|key|id|variable|property){_Q}[ \t]*[:=][ \t]*{_Q}(?P<name>[\w.\-]{{2,120}}){_Q}"
    rf"[ \t]*[,;]?[ \t]*(?:\\n|\r?\n)?[ \t\\n-]*{_Q}"
    rf"(?:value|secret|default|content){_Q}[ \t]*[:=][ \t]*(?P<quote>{_Q})"
)
_REVERSED = re.compile(
    rf"(?i)\b(?:value|content){_Q}[ \t]*[:=][ \t]*(?P<quote>\\*[\"'`])"
    rf"(?P<value>(?:(?!(?P=quote))[^\n]){{1,4000}}?)(?P=quote)"
    rf"[ \t]*,?[ \t]*\n?[ \t]*{_Q}(?:name|key){_Q}[ \t]*[:=][ \t]*{_Q}(?P<name>[\w.\-]{{2,120}})"
)
_REVERSED_PLAIN = re.compile(
    r"(?i)\bvalue:[ \t]+(?P<value>[^\s\"'][^\n]{0,4000}?)[ \t]*(?:\r?\n|\\n)[ \t-]*(?:name|key):[ \t]*[\"']?"
    r"(?P<name>[\w.\-]{2,120})"
)
_XML = re.compile(r"<(?P<name>[\w.:-]{2,80})(?:\s[^<>]{0,200})?>(?P<value>[^<>\n]{3,4000})</")
_SECRET_YAML = re.compile(r"(?m)^(?P<indent>[ \t]*)(?:- )?kind:[ \t]*[\"']?Secret[\"']?[ \t]*\r?$")
_DATA_YAML = re.compile(r"(?m)^(?P<indent>[ \t]*)(?:- )?(?:data|stringData|binaryData):[ \t]*\r?$")
_ENTRY = re.compile(r"(?P<indent>[ \t]*)[\"']?(?P<name>[\w.\-]+)[\"']?:[ \t]*(?P<value>[^\n]*)")
_SECRET_JSON = re.compile(r"\\*\"kind\\*\"\s*:\s*\\*\"Secret\\*\"")
_DATA_JSON = re.compile(r"\\*\"(?:data|stringData)\\*\"\s*:\s*\{")
_JSON_ENTRY = re.compile(r"\\*\"(?P<name>[\w.\-]{1,253})\\*\"\s*:\s*(?P<quote>\\*\")")
MAX_DATA = 1_500_000  # characters of one object; etcd holds no larger ones


def spans(text: str, lowered: str) -> Iterator[Span]:
    """Where keys, values of pairs and the data of Secrets stand."""
    if "PRIVATE KEY" in text or "SECRET KEY" in text:
        yield from _keys(text)
    if "Private-Lines:" in text:
        yield from (match.span() for match in _PUTTY.finditer(text))
    if "value" in lowered or "content" in lowered or "default" in lowered:
        yield from _pairs(text)
    if "</" in text:
        yield from _elements(text)
    if "Secret" in text and "ata" in text:
        yield from _secrets(text)


def _keys(text: str) -> Iterator[Span]:
    for match in _PEM.finditer(text):
        begins_next = text.find("-BEGIN", match.end(), match.end() + MAX_KEY)
        limit = begins_next if begins_next >= 0 else match.end() + MAX_KEY
        closing = _PEM_END.search(text, match.end(), limit) or _PEM_BODY.match(text, match.end(), limit)
        yield match.start(), closing.end() if closing is not None else match.end()
    for match in _PEM_END.finditer(text):  # of a log that is read from its middle on
        before = text[max(0, match.start() - MAX_KEY // 4) : match.start()]
        body = _PEM_BODY_REVERSED.match(before[::-1])
        if body is not None and "KEY" in match[0]:
            yield match.start() - body.end(), match.end()


def _pairs(text: str) -> Iterator[Span]:
    for match in _PAIR.finditer(text):
        if verdict(match["name"]):
            yield from _value_at(text, match)
    for pattern in (_REVERSED, _REVERSED_PLAIN):
        for match in pattern.finditer(text):
            if verdict(match["name"]) and not values.is_ordinary(match["value"]):
                yield match.span("value")


def _value_at(text: str, pair: re.Match[str]) -> Iterator[Span]:
    at, quote = pair.end(), pair["quote"]
    line_end = text.find("\n", at, at + 8000)
    line_end = min(len(text), at + 8000) if line_end < 0 else line_end
    if quote:
        end = text.find(quote, at, at + 8000)
        while end > 0 and text[end - 1] == "\\" and end < line_end:
            end = text.find(quote, end + 1, at + 8000)
        end = line_end if end < 0 else end
    else:
        block = re.compile(r"[|>][+-]?\d?[ \t]*\r?\n").match(text, at)
        if block is not None:
            value_key = text.rfind("value", pair.start(), at)
            yield from block_scalar(text, max(value_key, 0), block.end())
            return
        line = re.split(r"[,}\]](?=\s|$|[}\]])", text[at:line_end], maxsplit=1)[0].rstrip()
        end = at + len(line)
    value = text[at:end]
    if not values.is_ordinary(value) and "\n" not in value[:1]:
        yield at, end


def _elements(text: str) -> Iterator[Span]:
    for match in _XML.finditer(text):
        if verdict(match["name"]) and not values.is_ordinary(match["value"]):
            yield match.span("value")


def _secrets(text: str) -> Iterator[Span]:
    if _SECRET_JSON.search(text) is not None:
        for match in _DATA_JSON.finditer(text):
            yield from _json_data(text, match.end())
    for document in _documents(text):
        begin, end = document
        if _SECRET_YAML.search(text, begin, end) is not None:
            for match in _DATA_YAML.finditer(text, begin, end):
                yield from _yaml_data(text, match.end() + 1, len(match["indent"].expandtabs()), end)


def _documents(text: str) -> Iterator[Span]:
    begin = 0
    for match in re.finditer(r"(?m)^---", text):
        yield begin, match.start()
        begin = match.end()
    yield begin, len(text)


def _json_data(text: str, at: int) -> Iterator[Span]:
    limit = min(len(text), at + MAX_DATA)
    close = text.find("}", at, limit)
    close = limit if close < 0 else close
    while True:
        entry = _JSON_ENTRY.search(text, at, limit)
        if entry is None or text.find("}", at, entry.start()) >= 0:
            return
        end = text.find(entry["quote"], entry.end(), limit)
        while end > 0 and text[end - 1] == "\\":
            end = text.find(entry["quote"], end + 1, limit)
        end = limit if end < 0 else end
        if end > entry.end() and not values.PLACEHOLDER.fullmatch(text[entry.end() : end]):
            yield entry.end(), end
        at = end + len(entry["quote"])


def _yaml_data(text: str, at: int, depth: int, limit: int) -> Iterator[Span]:
    while at < limit:
        end = text.find("\n", at, limit)
        end = limit if end < 0 else end
        line = text[at:end]
        entry = _ENTRY.match(text, at, end)
        if line.strip() and len(line) - len(line.lstrip()) <= depth:
            return
        if entry is not None:
            value = entry["value"].strip()
            if re.fullmatch(r"[|>][+-]?\d?", value):
                yield from block_scalar(text, entry.start("name"), end + 1)
            elif value.strip("\"'") and not values.PLACEHOLDER.fullmatch(value.strip("\"'")):
                begin = entry.start("value") + len(entry["value"]) - len(entry["value"].lstrip(" \"'"))
                yield begin, begin + len(entry["value"].strip(" \t\r\"'"))
        elif line.strip() and not values.PLACEHOLDER.fullmatch(line.strip()):  # a value that goes on
            yield at + len(line) - len(line.lstrip()), at + len(line.rstrip())
        at = end + 1
