"""What the API server's refusals say, and what the URLs in a command or a log ask of it.

Source: apiserver/pkg/endpoints/handlers/responsewriters/errors.go ForbiddenStatusError; client libraries quote the
message as it is, some of them inside JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from kubeagentix.analysis.rbac import Request, user_of
from kubeagentix.domain.pods import Pod

_DENIED = re.compile(
    r'(?:(?<![\w.-])[\w.-]{1,253} "(?P<name>[^"]{1,253})" )?(?:is )?'
    r'forbidden: User "(?P<user>[^"]+)" cannot (?P<verb>\w+) '
    r'(?:path "(?P<path>[^"]+)"'
    r'|resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"(?: in the namespace "(?P<namespace>[^"]+)")?)'
)
_QUOTE = re.compile(r'\\+"')
_SUBSHELL = re.compile(r"\$\([^)]*\)")
_URL = re.compile(r"(?:https?://(?P<host>[^\s/\"']+)|(?P<variable>\$\{?\w+\}?))(?P<path>/apis?/[^\s\"'`|;&)]+)")
_SERVER = re.compile(r"(?:kubernetes(?:\.default(?:\.svc(?:\.[\w.-]+)?)?)?|\$\{?KUBERNETES_SERVICE_HOST\}?)(?::\S+)?$")
_NAMES_SERVER = re.compile(r"//kubernetes(?:\.default)?\b|KUBERNETES_SERVICE_HOST")
_METHODS = (
    (re.compile(r"(?:-X|--request|--method)[= ]?[\"']?DELETE"), "delete"),
    (re.compile(r"(?:-X|--request|--method)[= ]?[\"']?PATCH"), "patch"),
    (re.compile(r"(?:-X|--request|--method)[= ]?[\"']?PUT"), "update"),
    (re.compile(r"(?:-X|--request|--method)[= ]?[\"']?POST|--post-(?:data|file)"), "create"),
)
MAX_LINE_CHARS = 4000  # no message is longer; a line may be a whole document


def denials_in(text: str) -> Iterator[Request]:
    """The requests that refusals quoted in `text` are about, in order."""
    if "forbidden: User" not in text:
        return
    for match in _DENIED.finditer(_QUOTE.sub('"', text[:MAX_LINE_CHARS])):
        yield Request(**{key: value or "" for key, value in match.groupdict().items()})


def requests_in(pod: Pod, *texts: str) -> tuple[Request, ...]:
    """What the URLs of the API server in `texts` (commands, log lines) ask for, as the pod's ServiceAccount."""
    return tuple(dict.fromkeys(_requests(pod, texts)))


def _requests(pod: Pod, texts: Iterable[str]) -> Iterator[Request]:
    for text in texts:
        for line in _SUBSHELL.sub("$X", text).splitlines():
            for match in _URL.finditer(line):
                found = _of_path(match["path"], pod.namespace)
                if found is not None and _is_server(match, text):
                    yield replace(
                        found,
                        user=user_of(pod.namespace, pod.spec.service_account_name),
                        verb=next((verb for pattern, verb in _METHODS if pattern.search(line)), found.verb),
                    )


def _is_server(url: re.Match[str], text: str) -> bool:
    """Whether a URL leads to the API server; a variable's value may stand anywhere in the text."""
    if url["variable"]:
        return _NAMES_SERVER.search(text) is not None
    return _SERVER.match(url["host"]) is not None


def _of_path(url: str, own_namespace: str) -> Request | None:
    """`/apis/GROUP/VERSION/[namespaces/NAMESPACE/]RESOURCE[/NAME[/SUBRESOURCE]]`; variables stand for one's own."""
    path, _, query = url.partition("?")
    parts = [part for part in path.split("/") if part]
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    namespace = ""
    if len(rest) > 1 and rest[0] == "namespaces":
        namespace = own_namespace if "$" in rest[1] else rest[1]
        rest = rest[2:] or ["namespaces", namespace]
    if not rest or "$" in rest[0] or "$" in group:
        return None
    resource = "/".join((rest[0], *rest[2:3]))
    name = "" if len(rest) < 2 or "$" in rest[1] else rest[1]
    verb = "get" if len(rest) > 1 else "watch" if "watch=" in query else "list"
    return Request(user="", verb=verb, resource=resource, group=group, namespace=namespace, name=name)
