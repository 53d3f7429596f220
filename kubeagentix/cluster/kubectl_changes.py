"""What a kubectl command that changes may change: one object that it names, or a manifest of the workspace.

What an approval has to name must be in the command, and what a person cannot judge from a diff is not asked for:
rights, what Secrets hold, and deletions that take along what nobody has listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubeagentix.cluster.kubectl_arguments import Line
from kubeagentix.cluster.kubectl_reading import check_words
from kubeagentix.errors import UsageError, excerpt

_RIGHTS = frozenset(
    (
        *("role", "roles", "rolebinding", "rolebindings", "clusterrole", "clusterroles"),
        *(
            "clusterrolebinding",
            "clusterrolebindings",
            "certificatesigningrequest",
            "certificatesigningrequests",
            "csr",
        ),
        *("token", "tokens", "tokenreview", "subjectaccessreview"),
    )
)
_SECRETS = frozenset(("secret", "secrets"))
# Names of several types at once, among them some that are refused by themselves.
_CATEGORIES = frozenset(("all", "api-extensions"))
_TAKES_ALONG = frozenset(
    ("ns", "namespace", "namespaces", "crd", "crds", "customresourcedefinition", "customresourcedefinitions")
)
_PAIR = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9_./*-]*(=.*|-|:[A-Za-z]+-?)", re.DOTALL)
_NAME = re.compile(r"[a-z0-9]([a-z0-9.:-]*[a-z0-9])?")
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9.-]*")
_OUTPUTS = ("", "name", "yaml", "json")
# What is made of the object that is named, with its name where no other is given.
_MAKES = {"expose": "service", "autoscale": "horizontalpodautoscaler"}
_NODES = ("no", "node", "nodes")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedObject:
    """An object as the command spells it; `kind` is a type as kubectl takes it, such as `deploy` or `services.v1.`."""

    kind: str
    name: str
    namespace: str = ""  # where a manifest names it

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" + (f" in namespace {self.namespace}" if self.namespace else "")


def changed_object(line: Line) -> NamedObject | None:
    """The one object that is changed, or None where a manifest says it. Raises UsageError where it may not be."""
    if line.value("output") not in _OUTPUTS:
        raise UsageError("the output of a change is shown as yaml, json or name")
    if line.verb.operands == "manifest":
        if line.words:
            raise UsageError(
                f"kubectl {line.verb.name} takes no word such as {excerpt(line.words[0], 40)!r}",
                hint=f"as in kubectl {line.verb.name} -f manifest.yaml",
            )
        return None
    changed = _named(line)
    check_kind(changed.kind, line.verb.effect == "delete")
    _check_values(line)
    made = _MAKES.get(line.verb.name)
    return changed if made is None else _checked(NamedObject(kind=made, name=line.value("name", changed.name)))


def named_object(kind: str, name: str, namespace: str = "") -> NamedObject:
    """An object by kind and name, as in a manifest. Raises UsageError where it is none that a model may change."""
    found = _checked(NamedObject(kind=kind, name=name))
    if namespace and not _NAME.fullmatch(namespace):
        raise UsageError(f"{excerpt(namespace, 60)!r} is no name of a namespace")
    check_kind(found.kind)
    return NamedObject(kind=kind, name=name, namespace=namespace)


def check_kind(kind: str, is_delete: bool = False) -> None:
    """Raises UsageError for a kind that no model may change."""
    short = kind.lower().partition(".")[0]
    if short in _RIGHTS:
        raise UsageError(f"{excerpt(kind, 60)} says who may do what: it is not changed here", hint="a person does that")
    if short in _SECRETS:
        raise UsageError("Secrets are neither shown nor changed here", hint="a person does that")
    if short in _CATEGORIES:
        raise UsageError(f"{kind!r} is a category of many kinds", hint="name the one kind")
    if is_delete and short in _TAKES_ALONG:
        raise UsageError(
            f"deleting {excerpt(kind, 60)} deletes all that is in it, which no approval can list",
            hint="a person does that",
        )


def _named(line: Line) -> NamedObject:
    words, verb = list(line.words), line.verb
    if verb.operands == "pairs":
        place = next((index for index, word in enumerate(words) if _is_pair(word)), len(words))
        words, pairs = words[:place], words[place:]
        _check_pairs(line, pairs)
    if verb.operands == "account" and words:
        check_words([words.pop()])
    check_words(words)
    if verb.operands == "name":
        made = verb.name.split()[1]
        words = [f"{made}/{words[0]}"] if len(words) == 1 else [made, *words]
    if verb.operands == "node":
        words = [f"node/{word.removeprefix('node/')}" for word in words]
    return _one(line, words)


def _is_pair(word: str) -> bool:
    return "=" in word or word.endswith("-") or _PAIR.fullmatch(word) is not None


def _check_pairs(line: Line, pairs: list[str]) -> None:
    for pair in pairs:
        if not _PAIR.fullmatch(pair):
            raise UsageError(f"{excerpt(pair, 40)!r} is neither key=value nor key-")
    if not pairs and line.verb.name in ("label", "annotate", "taint", "set image", "set selector"):
        raise UsageError(
            f"kubectl {line.verb.name} says nothing to change", hint="as in key=value, or key- to take it away"
        )


def _one(line: Line, words: list[str]) -> NamedObject:
    slashed = words[0].split("/") if len(words) == 1 else words
    if len(slashed) != 2 or not all(slashed) or "/" in "".join(slashed):
        what = "two or more objects" if len(words) > 1 else "no one object"
        raise UsageError(
            f"kubectl {line.verb.name} names {what}: an approval is for one", hint="as in deploy/web, one call for each"
        )
    kind, name = slashed
    if line.verb.name == "taint" and kind.lower() not in _NODES:
        raise UsageError("only nodes have taints", hint="as in kubectl taint node worker-1 key=value:NoSchedule")
    return _checked(NamedObject(kind=kind, name=name))


def _checked(item: NamedObject) -> NamedObject:
    if not _TYPE.fullmatch(item.kind) or not _NAME.fullmatch(item.name):
        raise UsageError(f"{excerpt(str(item), 60)!r} is no object: type/name is", hint="as in deploy/web")
    return item


def _check_values(line: Line) -> None:
    if line.verb.name == "patch":
        if line.value("subresource", "scale") not in ("scale", "resize"):
            raise UsageError(
                "--subresource of a patch is scale or resize", hint="a status is its controller's to write"
            )
        if not line.has("patch"):
            raise UsageError("kubectl patch needs what to change", hint='as in -p \'{"spec":{"replicas":2}}\'')
    if line.value("cascade", "background") not in ("background", "foreground", "orphan"):
        raise UsageError("--cascade is background, foreground or orphan")
    if line.verb.name == "scale" and not line.has("replicas"):
        raise UsageError("kubectl scale needs --replicas", hint="as in --replicas=2")
