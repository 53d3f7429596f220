"""What must not leave the machine is masked here: credentials in logs, events, settings and objects.

A credential is known by its form (a key's prefix, a JWT, a PEM block, a password in a URL), by the name it is set to
(`DB_PASSWORD=…`, `"apiKey": "…"`), or because it is one of ours. Equal values get equal placeholders within a run, so
that a reader can still tell that two places hold the same. Secret objects' values never come this far.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

PLACEHOLDER = "[MASKED-{}]"
LEAST_CHARS = 3  # of a value; shorter ones are no credentials, and would be all over a text

# The end of a name; how it begins does not matter, and is not looked for.
_NAMED = (
    r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|auth[_-]?key)"
    r"(?:[_-]?(?:value|text|base64|b64|\d{1,3}))?"
)
# What follows such a name and is no value: words of an error, another name, or a place that holds the value.
_ORDINARY = re.compile(
    r"(?i)(?:\[MASKED-\d+\]?|true|false|null|none|nil|undefined|required|missing|invalid|expired|empty|unset|optional|yes|no|not"
    r"|\*+|<[^>]*>?|\$.*|/.*|\{\{.*|%.*|file:.*|env:.*|\d{1,5}|x{3,})\Z"
)
_PEM = re.compile(r"-----BEGIN ([A-Z ]{0,40}PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_FORMS = re.compile(
    r"""
      \beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?            # a JWT
    | \bsk-[A-Za-z0-9_-]{16,}                            # Anthropic, OpenAI and kin
    | \b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})
    | \bglpat-[\w-]{16,} | \bxox[abprs]-[\w-]{10,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b | \bAIza[\w-]{30,} | \bya29\.[\w-]{20,}
    | \bnpm_[A-Za-z0-9]{30,} | \bdckr_pat_[\w-]{20,} | \bhv[sb]\.[\w-]{20,} | \bSG\.[\w-]{16,}\.[\w-]{16,}
    """,
    re.VERBOSE,
)
_BEARER = re.compile(r"(?i)\b(?P<before>(?:bearer|basic|token)[ \t]+)(?P<value>(?=[^\s\"']{0,200}\d)[\w.~+/=-]{12,})")
_IN_URL = re.compile(r"(?i)(?P<before>\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"']{0,80}:)(?P<value>[^\s@/\"']{1,200})(?=@)")
_QUOTED = re.compile(
    rf"(?i)(?P<before>{_NAMED}[\"']?[ \t]{{0,4}}[:=][ \t]{{0,4}}(?P<mark>[\"']))"
    r"(?P<value>(?:\\.|(?!(?P=mark))[^\\\n]){1,400})"
)
_EQUALS = re.compile(rf"(?i)(?P<before>{_NAMED}=)(?P<value>[^\s\"'&;,)\]}}]{{3,400}})")
_COLON = re.compile(
    rf"(?i)(?P<before>{_NAMED}:[ \t]{{1,4}})(?P<value>(?=[^\s]{{0,100}}[\d!@#$%^&*+/=_~-])[^\s\"',;)\]}}]{{6,400}})"
)
_ENV = re.compile(
    rf"(?i)(?P<before>name:[ \t]*[\"']?[\w.-]{{0,80}}?{_NAMED}[\"']?[ \t]*\n[ \t]*value:[ \t]*[\"']?)"
    r"(?P<value>[^\s\"']{3,400})"
)
_BY_PLACE = (_BEARER, _IN_URL, _QUOTED, _EQUALS, _ENV, _COLON)


class Redactor:
    """Masks credentials. `known` are values that are masked wherever they stand; one Redactor serves one run."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._places: dict[str, str] = {}
        self._known: Callable[[str], str] = lambda text: text
        own = sorted({item for item in known if len(item) > LEAST_CHARS}, key=len, reverse=True)
        if own:
            pattern = re.compile("|".join(map(re.escape, own)))
            self._known = lambda text: pattern.sub(lambda match: self._placeholder(match[0]), text)

    @property
    def count(self) -> int:
        """How many different values were masked."""
        return len(self._places)

    def text(self, text: str) -> str:
        """`text` with placeholders where credentials stood."""
        masked = self._known(text)
        if "PRIVATE KEY" in masked:
            masked = _PEM.sub(lambda match: self._placeholder(match[0]), masked)
        for pattern in _BY_PLACE:
            masked = pattern.sub(self._replaced, masked)
        return _FORMS.sub(lambda match: self._placeholder(match[0]), masked)

    def _replaced(self, match: re.Match[str]) -> str:
        value = match["value"]
        if _ORDINARY.match(value):
            return match[0]
        return match["before"] + self._placeholder(value)

    def _placeholder(self, value: str) -> str:
        return self._places.setdefault(value, PLACEHOLDER.format(len(self._places) + 1))
