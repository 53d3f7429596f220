"""Which kubectl commands a model may run: parsed word by word, only verbs that read, only flags that are known.

What is not listed here is refused, so that a flag of a kubectl to come cannot open a door. The command that is run is
written anew from what was understood, never from the text. Values of Secrets cannot be asked for: what would print
them is refused, and JSON and YAML are made from JSON in which they are replaced.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from kubeagentix.errors import UsageError, excerpt

_VALUE, _SWITCH = "value", "switch"
_SHORT = {
    "n": "namespace",
    "A": "all-namespaces",
    "l": "selector",
    "o": "output",
    "L": "label-columns",
    "c": "container",
    "p": "previous",
    "q": "quiet",
}
_EVERYWHERE = {"namespace": _VALUE, "request-timeout": _VALUE}
_MANY = {"all-namespaces": _SWITCH, "selector": _VALUE, "field-selector": _VALUE, "no-headers": _SWITCH}
_FLAGS: Mapping[str, Mapping[str, str]] = {
    "get": {
        **_MANY,
        "output": _VALUE,
        "show-labels": _SWITCH,
        "label-columns": _VALUE,
        "sort-by": _VALUE,
        "show-kind": _SWITCH,
        "ignore-not-found": _SWITCH,
        "chunk-size": _VALUE,
        "subresource": _VALUE,
        "show-managed-fields": _SWITCH,
        "raw": _VALUE,
    },
    "describe": {"all-namespaces": _SWITCH, "selector": _VALUE, "show-events": _SWITCH, "chunk-size": _VALUE},
    "logs": {
        "container": _VALUE,
        "previous": _SWITCH,
        "since": _VALUE,
        "since-time": _VALUE,
        "tail": _VALUE,
        "timestamps": _SWITCH,
        "all-containers": _SWITCH,
        "all-pods": _SWITCH,
        "prefix": _SWITCH,
        "limit-bytes": _VALUE,
        "selector": _VALUE,
        "ignore-errors": _SWITCH,
        "max-log-requests": _VALUE,
    },
    "top node": {"selector": _VALUE, "sort-by": _VALUE, "no-headers": _SWITCH, "show-capacity": _SWITCH},
    "top pod": {**_MANY, "containers": _SWITCH, "sort-by": _VALUE, "sum": _SWITCH},
    "events": {"all-namespaces": _SWITCH, "for": _VALUE, "types": _VALUE, "no-headers": _SWITCH, "output": _VALUE},
    "api-resources": {
        "namespaced": _SWITCH,
        "verbs": _VALUE,
        "api-group": _VALUE,
        "categories": _VALUE,
        "no-headers": _SWITCH,
        "output": _VALUE,
        "sort-by": _VALUE,
    },
    "api-versions": {},
    "explain": {"recursive": _SWITCH, "api-version": _VALUE},
    "version": {"client": _SWITCH, "output": _VALUE},
    "cluster-info": {},
    "rollout history": {"revision": _VALUE, "selector": _VALUE, "output": _VALUE},
    "rollout status": {"revision": _VALUE, "selector": _VALUE},
    "auth can-i": {
        "list": _SWITCH,
        "subresource": _VALUE,
        "all-namespaces": _SWITCH,
        "quiet": _SWITCH,
        "no-headers": _SWITCH,
    },
    "auth whoami": {"output": _VALUE},
    "config current-context": {},
    "config get-contexts": {"no-headers": _SWITCH, "output": _VALUE},
}
_WITH_SUBCOMMAND = frozenset(verb.split()[0] for verb in _FLAGS if " " in verb)
_ALIASES = {"top pods": "top pod", "top po": "top pod", "top nodes": "top node", "top no": "top node", "log": "logs"}
_WITHOUT_NAMESPACE = ("api-resources", "api-versions", "explain", "version", "cluster-info", "top node")
# Why a flag that kubectl knows is not for a model.
_REFUSED = {
    **dict.fromkeys(("kubeconfig", "context", "cluster", "user", "server", "s"), "the run has its one cluster"),
    **dict.fromkeys(
        (
            *("token", "username", "password", "client-certificate", "client-key", "certificate-authority"),
            *("insecure-skip-tls-verify", "tls-server-name", "as", "as-group", "as-uid", "as-user-extra"),
        ),
        "the run has its one identity",
    ),
    **dict.fromkeys(("filename", "f", "kustomize", "k", "template", "recursive", "R"), "files are not read"),
    **dict.fromkeys(("watch", "w", "watch-only", "follow"), "a command has to end; ask again instead"),
    **dict.fromkeys(("v", "vmodule", "profile", "cache-dir", "log-file"), "it is for kubectl's own debugging"),
}
_STRUCTURED = ("json", "yaml", "kyaml")
_PLAIN = ("", "wide", "name")
_TEMPLATES = ("jsonpath", "jsonpath-as-json", "go-template", "template", "custom-columns")
_WORD = re.compile(r"[A-Za-z0-9*][A-Za-z0-9._:/,*@\[\]-]*")
_SHELL = re.compile(r"[|;&<>`]|\$\(|\$\{")
# What may be asked by path, and what in a path is never asked for: values, and ways into pods and nodes.
_RAW_ROOTS = ("api", "apis", "healthz", "livez", "readyz", "version", "openapi", "metrics")
_RAW_REFUSED = ("secrets", "proxy", "exec", "attach", "portforward", "watch", "token")


@dataclass(frozen=True, slots=True, kw_only=True)
class KubectlCommand:
    """A command that may be run. `output` is the form that was asked for; `arguments` ask for JSON to be masked."""

    verb: str
    arguments: tuple[str, ...]
    output: str = ""
    keeps_managed_fields: bool = False

    @property
    def is_structured(self) -> bool:
        """Whether the answer is JSON, to be masked and shown as `output`."""
        return self.output in _STRUCTURED or self.output == "raw"


@dataclass(slots=True)
class _Parsed:
    verb: str
    words: list[str]
    flags: dict[str, str]


def parse_command(text: str, *, namespace: str | None) -> KubectlCommand:
    """The command, for `namespace` where it names none. Raises UsageError that says what to write instead."""
    parsed = _parse(_split(text))
    _check_words(parsed)
    if "raw" in parsed.flags:
        return _raw(parsed)
    output = parsed.flags.pop("output", "")
    _check_output(parsed, output)
    _check_secrets(parsed, output)
    flags = dict(parsed.flags)
    if output:
        flags["output"] = "json" if output in _STRUCTURED else output
    needs_place = parsed.verb not in _WITHOUT_NAMESPACE and not parsed.verb.startswith("config")
    if namespace is not None and needs_place and not {"namespace", "all-namespaces"} & {*flags}:
        flags["namespace"] = namespace
    if parsed.verb == "rollout status":
        flags["watch"] = "false"
    return KubectlCommand(
        verb=parsed.verb,
        arguments=(*parsed.verb.split(), *parsed.words, *(f"--{name}={value}" for name, value in flags.items())),
        output=output,
        keeps_managed_fields=flags.get("show-managed-fields") == "true",
    )


def _split(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"the command cannot be read: {error}", hint="check its quotes") from error
    if words and words[0].rpartition("/")[2] == "kubectl":
        words = words[1:]
    if not words:
        raise UsageError("the command is empty", hint=f"the verbs are {_verbs()}")
    return words


def _verbs() -> str:
    return ", ".join(_FLAGS)


def _parse(words: list[str]) -> _Parsed:
    # The verb is what comes first, but for flags that every verb takes.
    verb, rest = _verb(words)
    known = {**_EVERYWHERE, **_FLAGS[verb]}
    parsed = _Parsed(verb=verb, words=[], flags={})
    queue = iter(rest)
    for word in queue:
        if word == "--":
            raise UsageError("`--` is not for a model", hint="nothing is run inside of containers")
        if word.startswith("-"):
            for name, value in _flag(word, known, queue, verb):
                parsed.flags[name] = value
        else:
            parsed.words.append(word)
    return parsed


def _verb(words: list[str]) -> tuple[str, list[str]]:
    before: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        before.append(flag)
        name = _SHORT.get(flag[1:2], "") if not flag.startswith("--") else flag[2:].partition("=")[0]
        is_whole = "=" in flag or (not flag.startswith("--") and len(flag) > 2)
        if _EVERYWHERE.get(name) == _VALUE and not is_whole and rest:
            before.append(rest.pop(0))
    verb = rest.pop(0) if rest else ""
    if verb in _WITH_SUBCOMMAND:
        place = next((index for index, word in enumerate(rest) if not word.startswith("-")), None)
        verb = f"{verb} {rest.pop(place)}" if place is not None else verb
    verb = _ALIASES.get(verb, verb)
    if verb not in _FLAGS:
        raise UsageError(f"kubectl {excerpt(verb, 60)!r} is not offered", hint=f"the verbs are {_verbs()}")
    return verb, [*before, *rest]


def _flag(word: str, known: Mapping[str, str], queue: Iterator[str], verb: str) -> Iterator[tuple[str, str]]:
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        yield name, _value_of(name, value if equals else None, known, queue, verb)
        return
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        name = _SHORT.get(letter, letter)
        if known.get(name) == _SWITCH:
            yield name, "true"
            continue
        given = letters.removeprefix("=") if letters else None
        yield name, _value_of(name, given, known, queue, verb)
        return


def _value_of(name: str, given: str | None, known: Mapping[str, str], queue: Iterator[str], verb: str) -> str:
    kind = known.get(name)
    if kind is None:
        why = _REFUSED.get(name)
        shown = f"--{name}" if len(name) > 1 else f"-{name}"
        offered = ", ".join(f"--{item}" for item in known)
        raise UsageError(
            f"{excerpt(shown, 60)} of kubectl {verb} is not offered{f': {why}' if why else ''}",
            hint=f"the flags are {offered}",
        )
    if kind == _SWITCH:
        value = given if given is not None else "true"
        if value not in ("true", "false"):
            raise UsageError(f"--{name} is true or false, not {excerpt(value, 40)!r}")
        return value
    value = given if given is not None else next(queue, "")
    if not value:
        raise UsageError(f"--{name} needs a value", hint=f"as in --{name}=…")
    return value


def _check_words(parsed: _Parsed) -> None:
    for word in parsed.words:
        if _SHELL.search(word):
            hint = "there is no shell: run kubectl alone, and narrow its output down with -l, -o or --field-selector"
            raise UsageError(f"{excerpt(word, 40)!r} is not for kubectl", hint=hint)
        if not _WORD.fullmatch(word):
            raise UsageError(f"{excerpt(word, 40)!r} is no name that kubectl takes")
    if parsed.verb == "cluster-info" and parsed.words:
        raise UsageError("cluster-info dump is not offered: it is too much", hint="use list_unhealthy, then pod_logs")


def _check_output(parsed: _Parsed, output: str) -> None:
    form = output.partition("=")[0]
    if form.endswith("file"):
        raise UsageError(f"-o {form} reads a file", hint="give the template itself, or use -o yaml")
    if form not in (*_STRUCTURED, *_PLAIN, *_TEMPLATES):
        raise UsageError(f"-o {excerpt(form, 40)!r} is not offered", hint="take wide, name, yaml, json or jsonpath=…")
    if form in _TEMPLATES and parsed.verb != "get":
        raise UsageError(f"-o {form} goes with kubectl get only")


def _check_secrets(parsed: _Parsed, output: str) -> None:
    """Raises UsageError where the command could print what a Secret holds."""
    if parsed.verb not in ("get", "describe") or not names_secrets(parsed.words):
        return
    # describe prints the tokens of ServiceAccounts. Source: staging/src/k8s.io/kubectl/pkg/describe/describe.go
    form = output.partition("=")[0]
    hint = "get_resource and -o yaml show the keys of a Secret and their sizes"
    if parsed.verb == "describe" or form in _TEMPLATES:
        how = "describe" if parsed.verb == "describe" else f"-o {form}"
        raise UsageError(f"{how} could show values of Secrets, which are never shown", hint=hint)
    if not parsed.flags.get("sort-by", ".metadata").lstrip("{").startswith(".metadata"):
        raise UsageError("Secrets can be sorted by their metadata only", hint=hint)


def names_secrets(words: list[str]) -> bool:
    """Whether one of the words may mean the kind Secret, in whatever spelling: `pods,Secrets.v1.`, `secret/x`."""
    types = (part.partition("/")[0].partition(".")[0] for word in words for part in word.split(","))
    return any(item.lower() in ("secret", "secrets") for item in types)


def _raw(parsed: _Parsed) -> KubectlCommand:
    path = parsed.flags["raw"]
    if parsed.words or len(parsed.flags) > 1:
        raise UsageError("--raw stands alone", hint="as in get --raw=/healthz")
    split = urlsplit(path)
    parts = [part.lower() for part in split.path.split("/") if part]
    query = dict(parse_qsl(split.query, keep_blank_values=True))
    is_safe = (
        path.startswith("/")
        and re.fullmatch(r"[A-Za-z0-9/._:?&=,-]+", path) is not None  # no encoding, hence no other way to write a path
        and ".." not in parts
        and bool(parts)
        and parts[0] in _RAW_ROOTS
        and not set(parts) & {*_RAW_REFUSED}
        and not {key.lower() for key in query} & {"watch", "follow"}
    )
    if not is_safe:
        hint = (
            "paths under /api, /apis, /healthz, /livez, /readyz, /version, /metrics, but no Secrets, proxies, watches"
        )
        raise UsageError(f"--raw={excerpt(path, 80)} is not offered", hint=hint)
    return KubectlCommand(verb="get", arguments=("get", f"--raw={path}"), output="raw")
