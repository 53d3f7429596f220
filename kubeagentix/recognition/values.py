"""What may be a credential's value, and what is an ordinary word that stands in the same place."""

from __future__ import annotations

import re

from kubeagentix.recognition.names import Verdict, verdict

LEAST_CHARS = 3  # of a value; shorter ones are no credentials, and would be all over a text

PLACEHOLDER = re.compile(r"\[MASKED(?:-\d+)?\]")
# What follows a credential's name and is no value: words of an error, another name, or a place that holds the value.
_ORDINARY = re.compile(
    r"(?i)(?:true|false|null|none|nil|undefined|required|missing|invalid|expired|empty|unset|set|optional|yes|no|not|is|was|are"
    r"|has|for|from|to|and|or|the|a|an|in|of|on|with|must|be|does|do|did|can|cannot|could|should|will|it|this|that|found"
    r"|authentication|authorization|auth|verification|validation|rotation|expir\w*|mismatch|incorrect|wrong|failed|failure"
    r"|accepted|denied|rejected|refused|revoked|valid|unknown|unauthorized|forbidden|error|created|deleted|updated|changed"
    r"|hidden|redacted|masked|secret|secrets|token|tokens|password|passwords|key|keys|credentials?|bearer|basic|digest"
    r"|string|str|int|bool|object|bytes|changeme-not|reset|login|user|username|value|name|file|namespace|default"
    r"|\*+|•+|\.{3,}|…|<[^>]*>?|\$\{.*|\$\(.*|\$[A-Za-z_]\w*|%\w+%|\{\{.*|%[sdvq]|(?:file|env|vault|secret|ref\+\w+):.*"
    r"|\{.*|&\w+ .*|\*\w+|[A-Za-z_][A-Za-z_.]*\(.*"  # structure of YAML, calls in code
    r"|\d{1,5}|x{3,}|-+|[,;:.!?)\]}]+|\[?MASKED(?:-\d+)?\]?|\[redacted\].*)[.,;:!?)]*\Z"
)
_PATH = re.compile(r"(?:~|\.{0,2})/[\w.@%+/:-]*\Z|[A-Za-z]:\\")
_PROSE = re.compile(
    r"(?i)\b(?:must|be|is|was|are|not|the|for|required|invalid|incorrect|failed|cannot|should|of|to|by|has)\b"
)
_SHAPES = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"\d"), re.compile(r"[^A-Za-z\d]"))
_TELLING = re.compile(r"[\d!@#$%^&*+/=_~?]|[a-z][A-Z]|[A-Z]{2,}[a-z]|.-.")
_NO_NAME = re.compile(r"[^A-Za-z_.:/ -]")  # a digit, or a mark that names do not hold
_STRUCTURE = re.compile(r"[\"'`{}\[\],]|:(?:\s|\Z)|\A-")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9./-]*[a-z0-9])?\Z")


def is_ordinary(value: str) -> bool:
    """Whether `value` is a word, a place or a placeholder, such as stand after a credential's name as well."""
    if len(value) < LEAST_CHARS or _ORDINARY.match(value) is not None:
        return True
    return _PATH.match(value) is not None and "//" not in value


def is_telling(value: str, least_chars: int = 6) -> bool:
    """Whether `value` looks chosen or drawn rather than written as prose: it has digits, marks or mixed case."""
    return len(value) >= least_chars and _TELLING.search(value) is not None


def is_prose(value: str) -> bool:
    """Whether words of a sentence are in it."""
    return _PROSE.search(value) is not None


def is_object_name(value: str) -> bool:
    """Whether it looks like the name of a Kubernetes object (RFC 1123), perhaps with its namespace."""
    if len(value) > 253 or _OBJECT_NAME.match(value) is None:
        return False
    return any(mark in value for mark in "-./") or not any(map(str.isdigit, value))


def is_credential(value: str, of: Verdict) -> bool:
    """Whether `value` is one, where it is set to a name of that verdict."""
    if not of or is_ordinary(value):
        return False
    return of == "surely" or (is_telling(value) and not is_object_name(value))


def is_worth_learning(value: str) -> bool:
    """Whether a value, once recognised, is to be masked wherever else it stands: no word and no name anybody uses.

    A piece of YAML or JSON with a credential's name in it is not: without the name nothing tells what is set to it.
    """
    if _STRUCTURE.search(value) is not None and any(verdict(name) for name in _NAME.findall(value)):
        return False
    kinds = sum(shape.search(value) is not None for shape in _SHAPES)
    return _NO_NAME.search(value) is not None and ((len(value) >= 8 and kinds >= 2) or (len(value) >= 6 and kinds >= 3))
