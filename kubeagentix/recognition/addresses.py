"""Credentials in addresses and on the way to servers: URLs, data source names, HTTP headers, command lines of clients.

Source: RFC 3986 (userinfo), RFC 7235 and RFC 6265 (headers), the manuals of the programs for their flags, go-sql-driver
for `user:password@tcp(host)`, JDBC for `?password=`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from kubeagentix.recognition import values

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
_ORACLE = re.compile(r"(?P<user>[A-Za-z]\w{0,40})/(?P<value>[^\s/@\"']{3,100})@(?://|[\w.-]+[:/])")

_HEADERS = re.compile(
    r"(?i)(?P<name>(?:proxy-)?authorization|(?:set-)?cookie2?"
    r"|x-[\w-]{0,40}(?:key|token|secret|auth|signature|password|credential)[\w-]{0,12}"
    r"|(?:private|job|deploy|access|api|apikey|auth)-?(?:token|key)|apikey|(?:dd|ocp-apim)-[\w-]{0,20}key)"
    r"(?:\\*[\"'`])?[ \t]{0,4}(?:[:=]|=>|,)[ \t]{0,4}\[?(?:\\*[\"'`])?"
)
_SCHEMES = re.compile(
    r"(?i)(?:bearer|basic|digest|token|apikey|negotiate|ntlm|splunk|aws4-hmac-sha256|key|sso-key|bot|hawk)[ \t]+"
)
_REST = re.compile(r"[^\r\n\"'`\\\]]{1,8000}")
_SCHEME_AND_VALUE = re.compile(
    r"(?i)(?:bearer|basic|negotiate)[ \t]{1,4}(?=[\w.~+/=-]{0,200}[\d=+/_.-])(?P<value>[\w.~+/=-]{12,8000})"
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
            r"[^\n]{0,40}?[\s\"',]-\w*b\w*[\s\"',]{1,8}[^\s\"',]+[\s\"',]{1,8}[^\s\"',]+[\s\"',]{1,8}(?P<value>[^\s\"',]{3,200})"
        ),
    ),
    (("pass:",), re.compile(r"(?P<value>[^\s\"',]{3,200})")),
    (("requirepass ", "masterauth ", "identified by "), re.compile(r"[\"']?(?P<value>[^\s\"']{3,200})")),
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


@cache
def _hints() -> re.Pattern[str]:
    words = ("@", "?", "&", "auth", "cookie", "key", "token", "x-", "bearer", "basic", "negotiate")
    return re.compile("|".join(re.escape(word) for word in (*words, *(word for words, _ in _FLAGS for word in words))))


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
    mark = text.find("://")
    while mark >= 0:
        match = _USERINFO.match(text, mark + 3) or _TOKEN_USER.match(text, mark + 3)
        if match is not None and not values.is_ordinary(match["value"]):
            yield match.span("value")
        mark = text.find("://", mark + 3)
    while at >= 0:
        if _AT_HOST.match(text, at + 1) is not None:
            match = _bare_userinfo().search(text, max(0, at - 240), at)
            if match is not None and not values.is_ordinary(match["value"]) and not match["value"].isdigit():
                yield match.span("value")
        at = text.find("@", at + 1)


@cache
def _bare_userinfo() -> re.Pattern[str]:
    return re.compile(r"(?<![\w/:@.-])" + _BARE_USERINFO.pattern)


def _in_headers(text: str, lowered: str) -> Iterator[Span]:
    if any(word in lowered for word in ("auth", "cookie", "key", "token", "x-")):
        covered = 0
        for match in _HEADERS.finditer(text):
            if match.start() >= covered:
                rest = _REST.match(text, match.end())
                covered = rest.end() if rest is not None and "cookie" in match["name"].lower() else covered
                for span in _header(text, match, rest):
                    covered = max(covered, span[1])
                    yield span
    if any(word in lowered for word in ("bearer", "basic", "negotiate")):
        for match in _SCHEME_AND_VALUE.finditer(text):
            if not values.is_ordinary(match["value"]):
                yield match.span("value")


def _header(text: str, header: re.Match[str], rest: re.Match[str] | None) -> Iterator[Span]:
    name, at = header["name"].lower(), header.end()
    if rest is None:
        return
    if "cookie" in name:
        for match in _COOKIE.finditer(rest[0]):
            if match["name"].lower() not in _ATTRIBUTES and not values.is_ordinary(match["value"]):
                yield at + match.start("value"), at + match.end("value")
        return
    scheme = _SCHEMES.match(text, at, rest.end())
    if scheme is not None and "authorization" in name:
        if len(rest[0]) - len(scheme[0]) >= values.LEAST_CHARS and not values.is_prose(rest[0][len(scheme[0]) :]):
            yield scheme.end(), at + len(rest[0].rstrip(" ,;"))
        return
    value = rest[0].strip().split(" ")[0].rstrip(",;)")
    if values.is_telling(value) and not values.is_ordinary(value):
        begins = at + rest[0].index(value)
        yield begins, begins + len(value)
