"""Each verb of kubectl: what it does to whom, and whether a model may run it, must have a person asked, or never may.

For each it was asked what it can write, what it can read besides the cluster's ordinary objects, and what it can run.
A verb that is not here is a plugin, a program of that machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

# `escape`: it runs something, opens a way in, or hands out rights; `local`: it is about files of this machine.
KubectlEffect = Literal["read", "write", "delete", "escape", "local"]
Verdict = Literal["allow", "ask", "refuse"]
# What follows a verb that changes: one object; it and key=value pairs; it and one more name; nodes; the name of what is
# made; or nothing, since a manifest says it.
Operands = Literal["object", "pairs", "account", "node", "name", "manifest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One verb with its subcommand, as `rollout restart`. `why` and `hint` say why it is no plain reading.

    `dry_run_output`: how a trial on the server shows the object that it would leave.
    """

    name: str
    effect: KubectlEffect
    verdict: Verdict
    why: str = ""
    hint: str = ""
    aliases: tuple[str, ...] = ()
    operands: Operands = "object"
    dry_run_output: Literal["json", "name", ""] = "json"


def _reading() -> Iterator[Verb]:
    for name in ("get", "describe", "logs", "events", "api-resources", "api-versions", "explain", "version"):
        yield Verb(name=name, effect="read", verdict="allow")
    for name in ("cluster-info", "rollout history", "rollout status", "auth can-i", "auth whoami"):
        yield Verb(name=name, effect="read", verdict="allow")
    yield Verb(name="top node", effect="read", verdict="allow", aliases=("nodes", "no"))
    yield Verb(name="top pod", effect="read", verdict="allow", aliases=("pods", "po"))
    for name in ("config current-context", "config get-contexts"):
        yield Verb(name=name, effect="local", verdict="allow", why="it reads names in the kubeconfig")


def _changing() -> Iterator[Verb]:
    one = (
        ("scale", "it changes how many replicas run"),
        ("autoscale", "it makes an autoscaler, which changes how many replicas run"),
        ("rollout undo", "it puts an earlier revision in place"),
        ("expose", "it makes a Service"),
        ("patch", "it changes fields of an object"),
    )
    for name, why in one:
        yield Verb(name=name, effect="write", verdict="ask", why=why)
    for name, why in (
        ("rollout restart", "it replaces all pods of a workload"),
        ("rollout pause", "it stops a rollout"),
        ("rollout resume", "it lets a rollout go on"),
    ):
        yield Verb(name=name, effect="write", verdict="ask", why=why)
    for name, why in (
        ("set image", "it changes the images of a workload, and replaces its pods"),
        ("set env", "it changes the environment of a workload, and replaces its pods"),
        ("set selector", "it changes which pods a Service sends to"),
        ("label", "it changes labels, which selectors go by"),
        ("annotate", "it changes annotations, which controllers go by"),
    ):
        yield Verb(name=name, effect="write", verdict="ask", why=why, operands="pairs")
    yield Verb(
        name="set resources",
        effect="write",
        verdict="ask",
        why="it changes the requests and limits of a workload, and replaces its pods",
    )
    yield Verb(
        name="set serviceaccount",
        effect="write",
        verdict="ask",
        why="it changes whose rights the pods of a workload have",
        aliases=("sa",),
        operands="account",
    )
    yield Verb(
        name="taint", effect="write", verdict="ask", why="it changes which pods a node takes or keeps", operands="pairs"
    )
    for name, why in (("cordon", "it keeps new pods from a node"), ("uncordon", "it lets new pods onto a node")):
        yield Verb(name=name, effect="write", verdict="ask", why=why, operands="node", dry_run_output="")
    yield Verb(name="delete", effect="delete", verdict="ask", why="it deletes", dry_run_output="name")
    for name, why in (
        ("apply", "it makes or changes what a manifest holds"),
        ("create", "it makes what a manifest holds"),
        ("replace", "it puts what a manifest holds in the place of what is there"),
    ):
        yield Verb(name=name, effect="write", verdict="ask", why=why, operands="manifest")
    yield from _making()


def _making() -> Iterator[Verb]:
    for name, aliases in (
        ("configmap", ("cm",)),
        ("cronjob", ("cj",)),
        ("deployment", ("deploy",)),
        ("ingress", ("ing",)),
        ("job", ()),
        ("namespace", ("ns",)),
        ("poddisruptionbudget", ("pdb",)),
        ("priorityclass", ("pc",)),
        ("quota", ("resourcequota",)),
        ("service clusterip", ()),
        ("service externalname", ()),
        ("service loadbalancer", ()),
        ("service nodeport", ()),
        ("serviceaccount", ("sa",)),
    ):
        kind = name.partition(" ")[0]
        yield Verb(
            name=f"create {name}",
            effect="write",
            verdict="ask",
            why=f"it makes a {kind}",
            aliases=aliases,
            operands="name",
        )


_HINT_LOGS = "read with pod_logs, get, describe or events"
_HINT_PERSON = "a person does that"
_HINT_CONFIG = "config current-context and config get-contexts tell names; the run has its one cluster"


def _refused() -> Iterator[Verb]:
    yield from _all("escape", "it runs a program in a container", "exec", hint=_HINT_LOGS)
    yield from _all("escape", "it talks to a running process", "attach", hint=_HINT_LOGS)
    yield from _all("escape", "it copies files out of containers, or into them", "cp", hint=_HINT_LOGS)
    yield from _all("escape", "it opens a way into pods", "port-forward", hint="network_path tells what can reach what")
    yield from _all("escape", "it opens the whole API to this machine", "proxy", hint="get --raw reads one path")
    yield from _all("escape", "it runs a container beside or as another", "debug", hint=_HINT_LOGS)
    yield from _all("escape", "it runs any image", "run", hint="a manifest says all of what is to run: apply -f")
    yield from _all("escape", "it starts an editor, a program of this machine", "edit", hint="use patch")
    yield from _all("escape", "it starts an editor, a program of this machine", "apply edit-last-applied")
    yield from _all("escape", "it runs the program that KUBECTL_EXTERNAL_DIFF names", "diff", hint=_HINT_CHANGE)
    yield from _all(
        "escape",
        "it hands out rights",
        *("create clusterrole", "create clusterrolebinding", "create role", "create rolebinding", "set subject"),
        *("auth reconcile", "certificate approve", "certificate deny", "certificate"),
        hint=f"can_i tells who may what; {_HINT_PERSON}",
    )
    yield from _all("escape", "it makes a credential", "create token", hint=_HINT_PERSON)
    yield from _all(
        "write",
        "it carries what a Secret holds",
        *("create secret", "create secret generic", "create secret tls", "create secret docker-registry"),
        hint=_HINT_PERSON,
    )
    yield from _all("write", "it evicts everything on a node", "drain", hint=f"use cordon; {_HINT_PERSON}")
    yield from _all("write", "it rewrites what apply compares with", "apply set-last-applied", hint="use apply")
    yield from _all(
        "read", "it shows manifests as they were applied", "apply view-last-applied", hint="use get -o yaml"
    )
    yield from _all("read", "a command has to end", "wait", hint="ask again with get or rollout status")
    yield from _all(
        "local", "it writes what it reads to files", "cluster-info dump", hint="use list_unhealthy, pod_logs"
    )
    yield from _local()


_HINT_CHANGE = "a change is shown as a diff before it is asked for"


def _local() -> Iterator[Verb]:
    yield from _all(
        "local",
        "it changes the kubeconfig, and so whom everybody else asks",
        *("config set", "config set-cluster", "config set-context", "config set-credentials", "config unset"),
        *("config rename-context", "config delete-cluster", "config delete-context", "config delete-user"),
        hint=_HINT_CONFIG,
    )
    yield Verb(
        name="config use-context",
        effect="local",
        verdict="refuse",
        why="it changes the kubeconfig, and so whom everybody else asks",
        hint=_HINT_CONFIG,
        aliases=("use",),
    )
    yield from _all("local", "it shows how this machine gets its credentials", "config view", hint=_HINT_CONFIG)
    yield from _all(
        "local", "it tells of other clusters and users", "config get-clusters", "config get-users", hint=_HINT_CONFIG
    )
    yield from _all("escape", "it fetches from anywhere and runs programs", "kustomize", hint="get reads the cluster")
    yield from _all("local", "it is about kubectl's own settings", "kuberc", "kuberc view", "kuberc set")
    yield from _all("local", "it is about this machine's programs", "plugin", "plugin list")
    yield from _all("local", "it is for a shell", "completion", "__complete", "__completeNoDesc")
    yield from _all("local", "it is for people", "help", "options", "alpha", hint="explain describes kinds and fields")


def _all(effect: KubectlEffect, why: str, *names: str, hint: str = "") -> Iterator[Verb]:
    for name in names:
        yield Verb(name=name, effect=effect, verdict="refuse", why=why, hint=hint)


def _by_name(verbs: Iterable[Verb]) -> Mapping[str, Verb]:
    found: dict[str, Verb] = {}
    for verb in verbs:
        found[verb.name] = verb
        parent = verb.name.rpartition(" ")[0]
        found |= {f"{parent} {alias}": verb for alias in verb.aliases}
    return found


# By name and by alias.
VERBS: Mapping[str, Verb] = _by_name((*_reading(), *_changing(), *_refused()))
# `create svc` is `create service`, which is followed by one more word.
GROUPS: Mapping[str, str] = {"create svc": "create service"}


def subcommands(name: str) -> tuple[str, ...]:
    """The words that may follow `name` (`rollout`: history, status …); with an empty name all verbs."""
    prefix = f"{name} " if name else ""
    rest = (verb.removeprefix(prefix) for verb in (*VERBS, *GROUPS) if verb.startswith(prefix) and verb != name)
    return tuple(dict.fromkeys(word.partition(" ")[0] for word in rest))


def offered_verbs() -> tuple[str, ...]:
    """The verbs that read, in the order in which they are told."""
    return tuple(name for name, verb in VERBS.items() if verb.verdict == "allow" and name == verb.name)
