"""Whether a kubectl command may run: `allow`, `ask` a person first, or `refuse`; decided in code, not in a prompt.

`allow` means that it only reads. `ask` means that it changes one thing which an approval can name: it is refused where
writes are not allowed, and is otherwise shown and approved before it runs. A command that runs is written anew from
what was understood, never from the text that came.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kubeagentix.cluster import kubectl_arguments, manifests
from kubeagentix.cluster.kubectl_arguments import Line
from kubeagentix.cluster.kubectl_changes import NamedObject, changed_object
from kubeagentix.cluster.kubectl_reading import STRUCTURED, check_reading, names_secrets
from kubeagentix.cluster.kubectl_verbs import KubectlEffect, Verb, Verdict
from kubeagentix.cluster.manifests import Manifest
from kubeagentix.errors import UsageError, excerpt

_CLUSTER_WIDE = (
    *("api-resources", "api-versions", "explain", "version", "cluster-info", "top node", "cordon", "uncordon", "taint"),
    *("config current-context", "config get-contexts", "auth whoami"),
)
# What is written anew, or means nothing where nobody waits.
_REWRITTEN = ("context", "output", "wait", "watch", "timeout")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_APPROVED = "it runs only once a person has approved it; in a run that only reads it is refused"
_FOR_WRITING = (
    "say what to do, and a person does it; where writes are allowed, a tool that changes "
    "(such as scale_workload, delete_resource) asks for it"
)
_TRIED = (("dry-run", "server"),)
# The verbs that kubectl cannot try, as what they send. Source: staging/src/k8s.io/kubectl/pkg/polymorphichelpers
_RESTARTED = {"kubectl.kubernetes.io/restartedAt": "1970-01-01T00:00:00Z"}
_AS_PATCH: Mapping[str, Any] = {
    "rollout restart": {"spec": {"template": {"metadata": {"annotations": _RESTARTED}}}},
    "rollout pause": {"spec": {"paused": True}},
    "rollout resume": {"spec": {"paused": None}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a run may touch: the namespace that is meant where none is named, its context, its folder of manifests."""

    namespace: str | None = None
    context: str | None = None
    workspace: Path | None = None


ANYWHERE = Bounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class KubectlCommand:
    """A command that may run. `flags` have their long names; `changed` is the object that it names and changes.

    `output` is the form that was asked for; `arguments` ask for JSON where it is structured, so that it can be masked.
    `manifest` is what `-f` named, already read, for the file can change meanwhile.
    """

    verb: Verb
    words: tuple[str, ...]
    flags: tuple[tuple[str, str], ...]
    output: str = ""
    changed: NamedObject | None = None
    manifest: Manifest | None = None
    namespace: str | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows `kubectl`: the verb, its words, then every flag as `--name=value`."""
        return self._written(self.flags)

    @property
    def changes(self) -> tuple[NamedObject, ...]:
        """What it changes: the object that it names, or those of its manifest; none where it only reads."""
        if self.manifest is not None:
            return self.manifest.objects
        return (self.changed,) if self.changed is not None else ()

    @property
    def is_raw(self) -> bool:
        """Whether a path of the API is asked for, whose answer may be JSON."""
        return self.output == "raw"

    @property
    def is_structured(self) -> bool:
        """Whether the answer is JSON, to be masked and shown as `output`."""
        return self.output in STRUCTURED or self.is_raw

    @property
    def keeps_managed_fields(self) -> bool:
        """Whether the bookkeeping of fields was asked for."""
        return ("show-managed-fields", "true") in self.flags

    @property
    def dry_run(self) -> tuple[str, ...]:
        """The same change, tried on the server alone, with the object that it would leave as output.

        Empty for a command that only reads. What kubectl cannot try (`rollout restart`) is tried as the patch it is.
        """
        if self.verb.verdict != "ask":
            return ()
        if self.verb.name in _AS_PATCH and self.changed is not None:
            patch = json.dumps(_AS_PATCH[self.verb.name])
            placed = [(name, value) for name, value in self.flags if name == "namespace"]
            words = _as_words((("type", "strategic"), ("patch", patch), *placed, *_TRIED, ("output", "json")))
            return ("patch", str(self.changed), *words)
        form = self.verb.dry_run_output
        flags = [(name, value) for name, value in self.flags if name != "output"]
        return self._written((*flags, *_TRIED, *((("output", form),) if form else ())))

    def _written(self, flags: Sequence[tuple[str, str]]) -> tuple[str, ...]:
        return (*self.verb.name.split(), *self.words, *_as_words(flags))


def _as_words(flags: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in flags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done with a command, and why. `command` is there unless it is refused.

    `verb` and `effect` are empty where the command could not be understood so far.
    """

    verdict: Verdict
    why: str
    hint: str = ""
    verb: str = ""
    effect: KubectlEffect | None = None
    command: KubectlCommand | None = None

    def for_reading(self) -> Decision:
        """The verdict where writes are not allowed: there, what would be asked for is refused."""
        if self.verdict != "ask":
            return self
        why = f"kubectl {self.verb} is not allowed: this run only reads, and {self.why}"
        return replace(self, verdict="refuse", why=why, hint=_FOR_WRITING, command=None)


def judge(command: str | Sequence[str], bounds: Bounds = ANYWHERE) -> Decision:
    """The verdict on a command line, as a text or as words, with or without `kubectl` at its front. Never raises.

    Nothing is run. A manifest that `-f` names is read, if it lies in the workspace.
    """
    verb = None
    try:
        words = kubectl_arguments.split(command)
        verb, _ = kubectl_arguments.find_verb(words)
        if verb.verdict == "refuse":
            return _refusal(verb, f"kubectl {verb.name} is not offered: {verb.why}", verb.hint)
        return _decided(kubectl_arguments.parse(words), bounds)
    except UsageError as error:
        return _refusal(verb, error.message, error.hint)


def permitted(command: str | Sequence[str], bounds: Bounds = ANYWHERE) -> KubectlCommand:
    """The command, where it may run at once. Raises UsageError that says why not, and what to write instead."""
    decision = judge(command, bounds).for_reading()
    if decision.command is None:
        raise UsageError(decision.why, hint=decision.hint)
    return decision.command


def _refusal(verb: Verb | None, why: str, hint: str) -> Decision:
    name, effect = (verb.name, verb.effect) if verb is not None else ("", None)
    return Decision(verdict="refuse", why=why, hint=hint, verb=name, effect=effect)


def _decided(line: Line, bounds: Bounds) -> Decision:
    verb = line.verb
    flags = _in_bounds(line, bounds)
    if verb.verdict == "allow":
        check_reading(line)
        return Decision(
            verdict="allow",
            why=_of_reading(line),
            verb=verb.name,
            effect=verb.effect,
            command=_command(line, flags, bounds),
        )
    changed = changed_object(line)
    manifest = manifests.read(line.values("filename"), bounds.workspace) if verb.operands == "manifest" else None
    command = replace(_command(line, flags, bounds), changed=changed, manifest=manifest)
    return Decision(
        verdict="ask",
        why=verb.why,
        hint=_APPROVED,
        verb=verb.name,
        effect=verb.effect,
        command=command,
    )


def _of_reading(line: Line) -> str:
    why = line.verb.why or "it only reads"
    is_masked = line.verb.name == "get" and line.value("output") in STRUCTURED and names_secrets(line.words)
    return f"{why}, and of Secrets shows sizes in place of values" if is_masked else why


def _in_bounds(line: Line, bounds: Bounds) -> dict[str, str]:
    """The flags of any verb that are passed on, by name. Raises UsageError for another context than the run's."""
    context = line.value("context")
    if context and context != bounds.context:
        raise UsageError(
            f"--context={excerpt(context, 60)} is not offered: the run has its one cluster",
            hint="leave --context out, or start with that context",
        )
    namespace = line.value("namespace")
    if namespace and not _NAMESPACE.fullmatch(namespace):
        raise UsageError(f"{excerpt(namespace, 60)!r} is no name of a namespace")
    return {"namespace": namespace} if namespace else {}


def _command(line: Line, placed: dict[str, str], bounds: Bounds) -> KubectlCommand:
    verb = line.verb
    output = "raw" if line.has("raw") else line.value("output")
    flags = [(name, value) for name, value in line.flags if name not in _REWRITTEN]
    if line.has("raw"):
        flags = [("raw", line.value("raw"))]
    elif output:
        flags.append(("output", "json" if output in STRUCTURED else output))
    namespace = placed.get("namespace") or (None if line.value("all-namespaces") == "true" else bounds.namespace)
    if namespace and not placed and not line.has("raw") and verb.name not in _CLUSTER_WIDE:
        flags.append(("namespace", namespace))
    # Each call ends: what is waited for can be asked for again.
    if verb.name == "rollout status":
        flags.append(("watch", "false"))
    if verb.name == "delete":
        flags.append(("wait", "false"))
    return KubectlCommand(verb=verb, words=line.words, flags=tuple(flags), output=output, namespace=namespace)
