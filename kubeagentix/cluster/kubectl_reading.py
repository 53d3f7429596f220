"""What a kubectl command that reads may show: no value of a Secret, no file, no way into pods, and an end to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from kubeagentix.cluster.kubectl_arguments import Line
from kubeagentix.errors import UsageError, excerpt

STRUCTURED = ("json", "yaml", "kyaml")
_PLAIN = ("", "wide", "name")
_TEMPLATES = ("jsonpath", "jsonpath-as-json", "go-template", "template", "custom-columns")
# The resource types, names, patterns and verbs that kubectl takes; neither a path of files nor an option.
_WORD = re.compile(r"[A-Za-z0-9*][A-Za-z0-9._:/,*@\[\]-]*")
# What a template makes of a value so that nobody knows it again.
_REWRITING = re.compile(r"\b(printf|slice|index|js|html|urlquery|base64decode)\b")
_SUBRESOURCES = ("status", "scale", "resize")  # those that get knows; never `token`
# By what Secrets may be sorted: an order tells of what it goes by.
_SORTED_BY = re.compile(r"\{?\.metadata\.(name|namespace|creationTimestamp)\}?")
# What may be asked by path, and what in a path is never asked for: values, and ways into pods and nodes.
_RAW_ROOTS = ("api", "apis", "healthz", "livez", "readyz", "version", "openapi", "metrics")
_RAW_REFUSED = ("secrets", "proxy", "exec", "attach", "portforward", "watch", "token")
_SECRETS_HINT = "get_resource and -o yaml show the keys of a Secret and their sizes"


def check_reading(line: Line) -> None:
    """Raises UsageError where a command that reads would show or do more than it may."""
    if line.has("raw"):
        _check_raw(line)
        return
    # Rights can be on a path of the API, too: auth can-i get /metrics
    check_words(word.removeprefix("/") if line.verb.name == "auth can-i" else word for word in line.words)
    output = line.value("output")
    _check_output(line.verb.name, output)
    _check_secrets(line, output)
    subresource = line.value("subresource", "status")
    if line.verb.name == "get" and subresource not in _SUBRESOURCES:
        raise UsageError(
            f"--subresource={excerpt(subresource, 40)} is not offered", hint="take status, scale or resize"
        )
    if line.verb.name == "cluster-info" and line.words:
        raise UsageError("kubectl cluster-info takes no words")


def check_words(words: Iterable[str]) -> None:
    """Raises UsageError for a word that is neither a type nor a name nor a pattern."""
    for word in words:
        if re.search(r"[|;&<>`]|\$\(|\$\{", word):
            hint = "there is no shell: run kubectl alone, and narrow its output down with -l, -o or --field-selector"
            raise UsageError(f"{excerpt(word, 40)!r} is not for kubectl", hint=hint)
        if not _WORD.fullmatch(word):
            raise UsageError(f"{excerpt(word, 40)!r} is no name that kubectl takes")


def base_types(words: Iterable[str]) -> tuple[str, ...]:
    """The types that words may name, in small letters, without group, version and name: `pods,Secrets.v1./x`."""
    parts = (part.partition("/")[0].partition(".")[0] for word in words for part in word.split(","))
    return tuple(part.lower() for part in parts)


def names_secrets(words: Iterable[str]) -> bool:
    """Whether one of the words may mean the kind Secret, in whatever spelling: `pods,Secrets.v1.`, `secret/x`."""
    return not {"secret", "secrets"}.isdisjoint(base_types(words))


def _check_output(verb: str, output: str) -> None:
    form = output.partition("=")[0]
    if form.endswith("file"):
        raise UsageError(f"-o {form} reads a file", hint="give the template itself, or use -o yaml")
    if form not in (*STRUCTURED, *_PLAIN, *_TEMPLATES) or (output and not form):
        raise UsageError(f"-o {excerpt(form, 40)!r} is not offered", hint="take wide, name, yaml, json or jsonpath=…")
    if form in _TEMPLATES and verb != "get":
        raise UsageError(f"-o {form} goes with kubectl get only")
    rewriting = _REWRITING.search(output) if form in ("go-template", "template") else None
    if rewriting is not None:
        what = f"-o {form} with {rewriting[0]} is not offered: it writes values in another way, and so past the masking"
        raise UsageError(what, hint="jsonpath takes [0], and field['a.b'] for a key with dots")


def _check_secrets(line: Line, output: str) -> None:
    if line.verb.name not in ("get", "describe") or not names_secrets(line.words):
        return
    # describe prints the tokens of ServiceAccounts. Source: staging/src/k8s.io/kubectl/pkg/describe/describe.go
    form = output.partition("=")[0]
    if line.verb.name == "describe" or form in _TEMPLATES:
        how = "describe" if line.verb.name == "describe" else f"-o {form}"
        raise UsageError(f"{how} could show values of Secrets, which are never shown", hint=_SECRETS_HINT)
    if line.has("sort-by") and not _SORTED_BY.fullmatch(line.value("sort-by")):
        hint = f"by .metadata.name, .namespace or .creationTimestamp; {_SECRETS_HINT}"
        raise UsageError("Secrets can be sorted by their metadata only", hint=hint)


def _check_raw(line: Line) -> None:
    path = line.value("raw")
    if line.words or any(name not in ("raw", "context", "namespace", "request-timeout") for name, _ in line.flags):
        raise UsageError("--raw stands alone", hint="as in get --raw=/healthz")
    split = urlsplit(path)
    parts = [part.lower() for part in split.path.split("/") if part]
    query = dict(parse_qsl(split.query, keep_blank_values=True))
    is_safe = (
        path.startswith("/")
        and re.fullmatch(r"[A-Za-z0-9/._:?&=,-]+", path) is not None  # no encoding, hence no other way to write a path
        and not {".", ".."} & {*parts}
        and bool(parts)
        and parts[0] in _RAW_ROOTS
        and not {*parts} & {*_RAW_REFUSED}
        and not {key.lower() for key in query} & {"watch", "follow"}
    )
    if not is_safe:
        hint = (
            "paths under /api, /apis, /healthz, /livez, /readyz, /version, /metrics, but no Secrets, proxies, watches"
        )
        raise UsageError(f"--raw={excerpt(path, 80)} is not offered", hint=hint)
