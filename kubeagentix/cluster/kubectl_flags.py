"""Which flags of kubectl are understood, verb by verb, and why the others are not.

Written as in kubectl's help, shortened: `p/previous` a switch, `l/selector=` takes a value, `from-literal=*` may be
given again, `cascade?background` may have a value after an `=`. What is not listed is refused, so that a flag of a
kubectl to come cannot open a door. A test holds each line against the help of the real kubectl.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# An optional value is taken only after an `=`: the next word is none. Source: pflag, NoOptDefVal
FlagKind = Literal["switch", "value", "list", "optional"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag: what it is called, its letter (or none), and what it takes."""

    name: str
    letter: str = ""
    kind: FlagKind = "value"
    default: str = ""  # what an optional value is where none is given


# Flags of every verb, which may stand before it: which of them take a value decides what the verb is.
_EVERYWHERE = """
as= as-group=* as-uid= as-user-extra=* cache-dir= certificate-authority= client-certificate= client-key= cluster=
context= disable-compression insecure-skip-tls-verify kubeconfig= kuberc= log-flush-frequency= match-server-version
n/namespace= password= profile= profile-output= proxy-url= request-timeout= s/server= tls-server-name= token= user=
username= v/v= vmodule= warnings-as-errors
"""
# Flags without a value that may stand between a verb and its subcommand, though they are not offered.
_BETWEEN: Mapping[str, str] = {
    "create": (
        "allow-missing-template-keys dry-run?unchanged edit R/recursive save-config show-managed-fields "
        "validate?strict windows-line-endings"
    ),
    "apply": (
        "all allow-missing-template-keys cascade?background dry-run?unchanged force openapi-patch prune R/recursive "
        "show-managed-fields validate?strict wait"
    ),
}
OFFERED_EVERYWHERE = ("namespace", "request-timeout", "context")
_MANY = "A/all-namespaces l/selector= field-selector= no-headers"
_MANIFEST = "f/filename=* field-manager= o/output="
_SET = "field-manager= o/output="
# `create` of everything: what it is called, and what it is made of.
_MADE = "field-manager= o/output="
_OFFERED: Mapping[str, str] = {
    # reading
    "get": (
        f"{_MANY} o/output= show-labels L/label-columns=* sort-by= show-kind ignore-not-found chunk-size= subresource= "
        "show-managed-fields raw="
    ),
    "describe": "A/all-namespaces l/selector= show-events chunk-size=",
    "logs": (
        "c/container= p/previous since= since-time= tail= timestamps all-containers all-pods prefix limit-bytes= "
        "l/selector= ignore-errors max-log-requests="
    ),
    "top node": "l/selector= sort-by= no-headers show-capacity show-swap",
    "top pod": f"{_MANY} containers sort-by= sum show-swap",
    "events": "A/all-namespaces for= types=* no-headers o/output=",
    "api-resources": "namespaced verbs=* api-group= categories=* no-headers o/output= sort-by=",
    "api-versions": "",
    "explain": "R/recursive api-version= max-depth=",
    "version": "client o/output=",
    "cluster-info": "",
    "rollout history": "revision= l/selector= o/output=",
    "rollout status": "revision= l/selector= w/watch timeout=",
    "auth can-i": "list subresource= A/all-namespaces q/quiet no-headers",
    "auth whoami": "o/output=",
    "config current-context": "",
    "config get-contexts": "no-headers o/output=",
    # changing
    "scale": "replicas= current-replicas= resource-version= o/output=",
    "autoscale": "min= max= cpu= memory= cpu-percent= name= field-manager= o/output=",
    "rollout restart": "field-manager= o/output=",
    "rollout undo": "to-revision= o/output=",
    "rollout pause": "field-manager= o/output=",
    "rollout resume": "field-manager= o/output=",
    "set image": _SET,
    "set env": f"c/containers= e/env=* from= keys=* prefix= overwrite {_SET}",
    "set resources": f"c/containers= limits= requests= {_SET}",
    "set selector": f"resource-version= {_SET}",
    "set serviceaccount": _SET,
    "label": f"overwrite resource-version= {_SET}",
    "annotate": f"overwrite resource-version= {_SET}",
    "patch": f"p/patch= type= subresource= {_SET}",
    "taint": f"overwrite {_SET}",
    "cordon": "",
    "uncordon": "",
    "delete": "cascade?background force grace-period= ignore-not-found now wait",
    "expose": (
        "name= port= protocol= target-port= type= selector= l/labels= session-affinity= cluster-ip= "
        "field-manager= o/output="
    ),
    "apply": f"server-side force-conflicts overwrite {_MANIFEST}",
    "create": _MANIFEST,
    "replace": _MANIFEST,
    "create configmap": f"from-literal=* {_MADE}",
    "create cronjob": f"image= schedule= restart= {_MADE}",
    "create deployment": f"image=* port= r/replicas= {_MADE}",
    "create ingress": f"annotation=* class= default-backend= rule=* {_MADE}",
    "create job": f"from= image= {_MADE}",
    "create namespace": _MADE,
    "create poddisruptionbudget": f"max-unavailable= min-available= selector= {_MADE}",
    "create priorityclass": f"description= global-default preemption-policy= value= {_MADE}",
    "create quota": f"hard= scopes= {_MADE}",
    "create service clusterip": f"clusterip= tcp=* {_MADE}",
    "create service externalname": f"external-name= tcp=* {_MADE}",
    "create service loadbalancer": f"tcp=* {_MADE}",
    "create service nodeport": f"node-port= tcp=* {_MADE}",
    "create serviceaccount": _MADE,
}
# Why a flag that kubectl knows is not offered; its letter, too, wherever it is no flag that is.
_WHY: Mapping[str, str] = {
    **dict.fromkeys(("kubeconfig", "cluster", "user", "server", "s", "proxy-url"), "the run has its one cluster"),
    **dict.fromkeys(
        (
            *("token", "username", "password", "client-certificate", "client-key", "certificate-authority"),
            *("insecure-skip-tls-verify", "insecure-skip-tls-verify-backend", "tls-server-name"),
            *("as", "as-group", "as-uid", "as-user-extra"),
        ),
        "the run has its one identity",
    ),
    **dict.fromkeys(("filename", "f", "recursive", "R"), "files are not read"),
    **dict.fromkeys(("kustomize", "k"), "a kustomization can fetch from anywhere and run programs"),
    **dict.fromkeys(("from-file", "from-env-file", "patch-file"), "files are not read; give the content itself"),
    **dict.fromkeys(("watch", "w", "watch-only", "follow"), "a command has to end; ask again instead"),
    **dict.fromkeys(("timeout", "interactive", "i"), "a command has to end, and nobody answers it"),
    **dict.fromkeys(
        ("v", "vmodule", "profile", "profile-output", "cache-dir", "log-file"), "it is for debugging kubectl"
    ),
    **dict.fromkeys(("kuberc", "save-config", "edit"), "it goes round what is asked for"),
    **dict.fromkeys(
        ("all", "all-namespaces", "A", "selector", "l", "field-selector"),
        "a change names the object that it changes",
    ),
    "template": "it can name a file; write -o go-template=… instead",
    "dry-run": "every change is tried on the server before it is asked for",
    "prune": "it deletes whatever the manifest does not name",
    "force": "it deletes and creates anew",
    "resolve": "it prints what Secrets hold",
    "list": "it is no change; use get",
    "local": "it is no change of the cluster",
    "raw": "a path says nothing of what is changed",
    **dict.fromkeys(("overrides", "external-ip", "load-balancer-ip"), "it can make anything of an object"),
    **dict.fromkeys(("help", "h"), "it is for people"),
}


@functools.cache
def everywhere() -> Mapping[str, Flag]:
    """The flags of every verb, those that are refused included, by name."""
    return _read(_EVERYWHERE)


@functools.cache
def offered(verb: str) -> Mapping[str, Flag]:
    """The flags that are understood with `verb`, by name; none for a verb that is refused."""
    if verb not in _OFFERED:
        return {}
    shared = {name: flag for name, flag in everywhere().items() if name in OFFERED_EVERYWHERE}
    return _read(_OFFERED[verb]) | shared


def before_subcommand(verb: str) -> Mapping[str, Flag]:
    """The flags that may stand between `verb` and its subcommand, by name; which take a value decides what that is."""
    return {**everywhere(), **_read(_BETWEEN.get(verb, "")), **offered(verb)}


def verbs_with_flags() -> tuple[str, ...]:
    """The verbs that are offered."""
    return tuple(_OFFERED)


def why_refused(name: str, verb: str) -> str:
    """Why a flag, or its letter, is not offered, or an empty text where nothing is known of it."""
    return _WHY["follow"] if (verb, name) == ("logs", "f") else _WHY.get(name, "")


def _read(text: str) -> dict[str, Flag]:
    flags = (_flag(word) for word in text.split())
    return {flag.name: flag for flag in flags}


def _flag(word: str) -> Flag:
    letter, slash, rest = word.partition("/")
    name = rest if slash else word
    name, question, default = name.partition("?")
    kind: FlagKind = "list" if name.endswith("=*") else "value" if name.endswith("=") else "switch"
    return Flag(
        name=name.rstrip("=*"),
        letter=letter if slash else "",
        kind="optional" if question else kind,
        default=default,
    )
