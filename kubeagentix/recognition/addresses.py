"""Credentials in addresses and on the way to servers: URLs, data source names, HTTP headers, command lines of clients.

Source: RFC 3986 (userinfo), RFC 7235 and RFC 6265 (headers), the manuals of the programs for their flags, go-sql-driver
for `user:password@tcp(host)`, JDBC for `?password=`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from kubeagentix.recognition import values
from kubeagentix.recognition.literals import any_of

Span = tuple[int, int]

_SHORT = 2000  # characters up to which one look for any of the words is faster than one for each

_SCHEME = re.compile(r"[A-Za-z0-9+.-]{1,24}\Z")
# After `://`: the user, the password up to the last `@` before the host.
_USERINFO = re.compile(
    r"(?P<user>[^\s:/@\"'<>`\\]{0,120}):(?P<value>[^\s\"'<>`@]{1,400}(?:@[^\s\"'<>`@/]{1,200}(?=@))*)@(?=[\w\[$({%-])"
)
_TOKEN_USER = re.compile(r"(?P<value>(?=[^\s:/@]{0,60}\d)[^\s:/@\"'<>`\\]{20,400})@(?=[\w\[])")
# `user:password@tcp(host)` and `user:password@host:port`, where there is no scheme.
_BARE_USERINFO = re.compile(r"(?P<user>[\w.%+-]{1,64}):(?P<value>[^\s:/\"'<>`@,;]{3,200})\Z")
_AT_HOST = re.compile(r"(?:(?:tcp|unix|udp)\(|[\w.-]{1,253}:\d{2,5}(?!\d)|[\w-]+(?:\.[\w-]+)+/)")
# Oracle's `scott/tiger@//host`, and in JDBC `thin:scott/tiger@host`; `repository/image@sha256:…` looks the same.
_ORACLE = re.compile(r"(?<![\w/.-])(?P<driver>(?:thin|oci8?):)?[A-Za-z]\w{0,40}/(?P<value>[^\s/@\"']{3,100})\Z")

# The headers that hold more than a value; `X-Api-Key` and the like are found by their names, as any other setting is.
_HEADERS = (
    ("authorization", re.compile(r"(?:\\*[\"'`])?[ \t]{0,4}(?:[:=]|=>|,)[ \t]{0,4}\[?(?:\\*[\"'`])?")),
    ("cookie", re.compile(r"2?(?:\\*[\"'`])?[ \t]{0,4}(?:[:=]|=>|,)[ \t]{0,4}\[?(?:\\*[\"'`])?")),
)
_SCHEMES = re.compile(
    r"(?i)(?:bearer|basic|digest|token|apikey|negotiate|ntlm|splunk|aws4-hmac-sha256|key|sso-key|bot|hawk)[ \t]+"
)
_REST = re.compile(r"[^\r\n\"'`\\\]]{1,8000}")
_WITH_PARAMETERS = ("digest", "aws4-hmac-sha256", "hawk")  # Source: RFC 7616, AWS Signature Version 4
_PARAMETER = re.compile(r"(?i)(?:response|signature|mac|hash)=[\"']?(?P<value>[^\s\"',]{3,8000})")
_SCHEME_AND_VALUE = re.compile(
    r"(?:[Bb]earer|BEARER|[Bb]asic|BASIC|[Nn]egotiate)[ \t]{1,4}"
    r"(?=[\w.~+/=-]{0,200}[\d=+/_.-])(?P<value>[\w.~+/=-]{12,8000})"
)
_COOKIE = re.compile(r"(?P<name>[^=;\s]{1,80})=(?P<value>[^;\s\"'\\]{3,8000})")
_ATTRIBUTES = ("path", "domain", "expires", "max-age", "samesite", "version", "comment")
_IN_QUERY = re.compile(
    r"(?i)[?&;](?:key|sig|signature|hash|code|state|session|sid|x-amz-(?:signature|security-token|credential)|x-goog-signature|se|hmac)"
    r"=(?P<value>[^\s&#\"'<>;\\)\]}]{16,4000})"
)

_FLAGS = (
    (
        ("mysql", "mariadb"),
        re.compile(r"[\w-]{0,12}(?=[\s\"',])[^\n]{0,300}?[\s\"',]-p[\"']?(?P<value>[^\s\"',=-][^\s\"',]{2,200})"),
    ),
    (
        (
            "sshpass",
            "mongo",
            "docker login",
            "podman login",
            "skopeo login",
            "registry login",
            "oc login",
            "argocd login",
            "rabbitmqadmin",
            "cqlsh",
            "clickhouse",
            "az login",
            "smbclient",
        ),
        re.compile(r"[^\n]{0,300}?[\s\"',]-p[\s\"',=]{1,8}(?P<value>[^\s\"',-][^\s\"',]{2,200})"),
    ),
    (
        ("redis-cli", "valkey-cli", "keydb-cli"),
        re.compile(r"[^\n]{0,300}?[\s\"',]-a[\s\"',=]{1,8}(?P<value>[^\s\"',-][^\s\"',]{2,200})"),
    ),
    (
        ("curl", "wget", "http ", "https ", "helm "),
        re.compile(
            r"[^\n]{0,300}?[\s\"',](?:-u|-a|--user|--auth)[\s\"',=]{0,8}[^\s\"',:]{0,80}:(?P<value>[^\s\"',/]{2,200})"
        ),
    ),
    (
        ("ldap",),
        re.compile(r"\w{2,12}(?=[\s\"',])[^\n]{0,300}?[\s\"',]-[wy][\s\"',]{1,8}(?P<value>[^\s\"',-][^\s\"',]{2,200})"),
    ),
    (("sqlcmd", "bcp "), re.compile(r"[^\n]{0,300}?[\s\"',]-P[\s\"',=]{0,8}(?P<value>[^\s\"',-][^\s\"',]{2,200})")),
    (
        ("htpasswd",),
        re.compile(
            r"[ \t\"',]{1,8}-\w{0,8}b\w{0,8}(?:[ \t\"',]{1,8}[^\s\"',-][^\s\"',]{0,200}){1,2}[ \t\"',]{1,8}"
            r"(?P<value>[^\s\"',]{3,200})"
        ),
    ),
    (("pass:",), re.compile(r"(?P<value>[^\s\"',]{3,200})")),
    (("requirepass ", "masterauth "), re.compile(r"[\"']?(?P<value>[^\s\"']{3,200})")),
    (
        ("create user ", "alter user ", "grant ", "create role ", "alter role "),
        re.compile(r"(?i)[^\n]{0,300}?\b(?:identified by|password)[ \t]{1,4}[\"'](?P<value>[^\"'\n]{3,200})"),
    ),
    (("auth plain ", "auth login "), re.compile(r"(?=[A-Za-z+/]{0,400}[\d=])(?P<value>[\w+/=]{8,400})")),  # of SMTP
    (("machine ",), re.compile(r"\S{1,253}\s{1,8}login\s{1,8}\S{1,100}\s{1,8}password\s{1,8}(?P<value>\S{3,400})")),
)


def spans(text: str, lowered: str) -> Iterator[Span]:
    """Where passwords of URLs, headers' values and passwords on command lines stand."""
    if len(text) < _SHORT and _hints().search(lowered) is None:
        return
    yield from _in_urls(text)
    yield from _in_headers(text, lowered)
    for words, pattern in _FLAGS:
        for word in words:
            yield from _at_each(text, lowered, word, pattern)
    for match in _IN_QUERY.finditer(text) if "=" in text and ("?" in text or "&" in text) else ():
        if not values.is_ordinary(match["value"]):
            yield match.span("value")


def words() -> tuple[str, ...]:
    """What stands in lower case wherever there is anything of these."""
    marks = ("@", "?", "&", "auth", "cookie", "key", "token", "x-", "bearer", "basic", "negotiate")
    return (*marks, *(word for programs, _ in _FLAGS for word in programs))


@cache
def _hints() -> re.Pattern[str]:
    return any_of(words())


def _at_each(text: str, lowered: str, word: str, pattern: re.Pattern[str]) -> Iterator[Span]:
    at = lowered.find(word)
    while at >= 0:
        match = pattern.match(text, at + len(word))
        if match is not None and not values.is_ordinary(match["value"]):
            yield match.span("value")
        at = lowered.find(word, at + len(word))


def _in_urls(text: str) -> Iterator[Span]:
    at = text.find("@")
    if at < 0:
        return
    mark = text.find(":/")  # one slash is left where somebody took the URL for a path
    while mark >= 0:
        begins = mark + (3 if text.startswith("//", mark + 1) else 2)
        match = _USERINFO.match(text, begins) or _TOKEN_USER.match(text, begins)
        if match is not None and not values.is_ordinary(match["value"]):
            yield match.span("value")
        mark = text.find(":/", begins)
    while at >= 0:
        oracle = _ORACLE.search(text, max(0, at - 160), at)
        if oracle is not None and (oracle["driver"] or text.startswith("//", at + 1)):
            yield oracle.span("value")
        if _AT_HOST.match(text, at + 1) is not None:
            match = _bare_userinfo().search(text, max(0, at - 240), at)
            if match is not None and not values.is_ordinary(match["value"]) and not match["value"].isdigit():
                yield match.span("value")
        at = text.find("@", at + 1)


@cache
def _bare_userinfo() -> re.Pattern[str]:
    return re.compile(r"(?<![\w/:@.-])" + _BARE_USERINFO.pattern)


def _in_headers(text: str, lowered: str) -> Iterator[Span]:
    for name, separator in _HEADERS:
        covered, at = 0, lowered.find(name)
        while at >= 0:
            header = separator.match(text, at + len(name)) if at >= covered else None
            rest = _REST.match(text, header.end()) if header is not None else None
            if rest is not None:
                for span in _cookies(rest) if name == "cookie" else _authorization(text, rest):
                    covered = max(covered, span[1])
                    yield span
                covered = max(covered, rest.end() if name == "cookie" else 0)
            at = lowered.find(name, at + len(name))
    if any(word in lowered for word in ("bearer", "basic", "negotiate")):
        for match in _SCHEME_AND_VALUE.finditer(text):
            if not values.is_ordinary(match["value"]):
                yield match.span("value")


def _cookies(rest: re.Match[str]) -> Iterator[Span]:
    for match in _COOKIE.finditer(rest.string, rest.start(), rest.end()):
        if match["name"].lower() not in _ATTRIBUTES and not values.is_ordinary(match["value"]):
            yield match.span("value")


def _authorization(text: str, rest: re.Match[str]) -> Iterator[Span]:
    at = rest.start()
    scheme = _SCHEMES.match(text, at, rest.end())
    if scheme is not None and scheme[0].strip().lower() in _WITH_PARAMETERS:
        for match in _PARAMETER.finditer(text, scheme.end(), min(len(text), scheme.end() + 2000)):
            yield match.span("value")
        return
    begins = scheme.end() if scheme is not None else at
    value = rest[0][begins - at :].split(" ", 1)[0].rstrip(",;)")
    if not values.is_ordinary(value) and (values.is_telling(value) or (scheme is not None and len(value) > 12)):
        yield begins, begins + len(value)
