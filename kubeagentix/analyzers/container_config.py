"""Containers that cannot be created because their environment cannot be put together.

The kubelet says in `state.waiting.message` what is missing; the nearest name that does exist is often what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.config_uses import others_missing
from kubeagentix.analysis.containers import PodContainer, events_of, restless_containers
from kubeagentix.analysis.meant import about_key, about_object, holder_of_key, object_meant
from kubeagentix.analysis.spelling import nearest
from kubeagentix.analysis.troubles import (
    Trouble,
    describe_pod,
    edit_workload,
    event_evidence,
    findings,
    waiting_evidence,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Finding, Remedy, ResourceRef
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, Secret

REASON = "CreateContainerConfigError"
_MISSING_OBJECT = re.compile(r'(?i)\b(configmap|secret)s? "([^"]+)" not found')
_MISSING_KEY = re.compile(r"couldn't find key (.+?) in (ConfigMap|Secret) ([^/\s]+)/(\S+)")
# Source: pkg/kubelet/kubelet_pods.go, makeMounts
_SUB_PATH = re.compile(r'(?:prepare subPath|create subPath directory) for volumeMount "([^"]+)"')
_UNSET = re.compile(r"^missing value for (\S+)")
_USER = re.compile(r"runAsNonRoot|non-root policy|non-numeric user")
_KINDS: dict[str, type[ConfigMap] | type[Secret]] = {"configmap": ConfigMap, "secret": Secret}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    refinement: str
    phrase: str
    cause: str
    missing: ResourceRef | None = None
    wrong: str = "env"  # the part of the container's spec to correct
    confidence: float = 0.95


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload and container: `CreateContainerConfigError` and its refinements."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for container in restless_containers(snapshot):
        if container.waiting is None or container.waiting.reason != REASON:
            continue
        events = [event for event in events_of(snapshot, container, "Failed") if event.message.startswith("Error: ")]
        message = container.waiting.message or (events[0].message.removeprefix("Error: ") if events else "")
        verdict = _judge(snapshot, container, message)
        yield Trouble(
            pod=container.pod,
            part=container.name,
            reason=f"{REASON}{verdict.refinement}",
            title=f"{container.label} cannot be created: {verdict.phrase}",
            cause=verdict.cause,
            evidence=(
                waiting_evidence(snapshot, container),
                *(event_evidence(snapshot, event, container.pod) for event in events[:1]),
            ),
            confidence=verdict.confidence,
            remedies=_remedies(snapshot, container, verdict),
            points_at=(verdict.missing,) if verdict.missing is not None else (),
            since=events[0].first_timestamp if events else None,
        )


def _judge(snapshot: Snapshot, container: PodContainer, message: str) -> _Verdict:
    missing_object, missing_key = _MISSING_OBJECT.search(message), _MISSING_KEY.search(message)
    if missing_object is not None:
        return _missing_object(snapshot, container, _KINDS[missing_object[1].lower()], missing_object[2])
    if missing_key is not None:
        key, kind, namespace, name = missing_key.groups()
        return _missing_key(snapshot, _KINDS[kind.lower()], namespace, name, key)
    if _USER.search(message):
        return _Verdict(
            refinement="/RunAsNonRoot",
            phrase=_about_root(message),
            wrong="securityContext",
            cause=f"The kubelet says: {message}. Set runAsUser to a number other than 0, or take another image.",
        )
    if (sub_path := _SUB_PATH.search(message)) is not None:
        return _Verdict(
            refinement="/SubPath",
            phrase=f"the subPath of its mount of volume {sub_path[1]} cannot be made",
            wrong="volumeMounts",
            cause=f"The kubelet says: {message}. The path must lie in the volume, and the volume must let it be made.",
        )
    if (unset := _UNSET.search(message)) is not None:
        return _Verdict(
            refinement="/VariableNotFound",
            phrase=f"subPathExpr names variable {unset[1]}, which its env does not set",
            wrong="volumeMounts",
            cause=f"The kubelet says: {message}. A subPathExpr may only name variables that the container's env sets.",
        )
    said = message or "no message was recorded"
    return _Verdict(refinement="", phrase=said[:120], cause=f"The kubelet says: {said}", confidence=0.7)


def _about_root(message: str) -> str:
    if "breaks non-root policy" in message:
        return "it must not run as root, and its runAsUser is 0"
    if (named := re.search(r"non-numeric user \(([^)]+)\)", message)) is not None:
        return f"it must not run as root, and its image names its user ({named[1]}) instead of giving a number"
    return "it must not run as root, and its image would"


def _missing_object(
    snapshot: Snapshot, container: PodContainer, kind: type[ConfigMap] | type[Secret], name: str
) -> _Verdict:
    namespace, keys = container.pod.namespace, _keys_of(container, kind, name)
    missing = snapshot.named(kind.kind, namespace, name)
    like = object_meant(snapshot, kind, namespace, name)
    hints = (about_object(snapshot, kind, namespace, name, keys), others_missing(snapshot, container.pod, missing))
    asked = f" (for key {', '.join(keys)})" if keys else ""
    return _Verdict(
        refinement=f"/{kind.kind}NotFound",
        phrase=f"{kind.kind} {name} does not exist{f' (there is {like})' if like else ''}",
        cause=" ".join(
            (
                f"Its env or envFrom refers to {kind.kind} {name}{asked}, which is not in namespace {namespace}.",
                *filter(None, hints),
            )
        ),
        missing=missing,
    )


def _keys_of(container: PodContainer, kind: type[ConfigMap] | type[Secret], name: str) -> tuple[str, ...]:
    """The keys that the container's env takes from that object."""
    sources = [item.value_from for item in container.spec.env if item.value_from is not None]
    refs = [item.config_map_key_ref if kind is ConfigMap else item.secret_key_ref for item in sources]
    return tuple(dict.fromkeys(ref.key for ref in refs if ref is not None and ref.name == name and not ref.optional))


def _missing_key(
    snapshot: Snapshot, kind: type[ConfigMap] | type[Secret], namespace: str, name: str, key: str
) -> _Verdict:
    found = snapshot.get(kind, namespace, name)
    like = nearest(key, found.keys) if found is not None else ""
    hint = about_key(found, key) if found is not None else ""
    other = holder_of_key(snapshot, found, key) if found is not None and not like else ""
    return _Verdict(
        refinement=f"/{kind.kind}KeyNotFound",
        phrase=f"{kind.kind} {name} has no key {key}{f' (it has {like})' if like else ''}",
        cause=f"Its env refers to key {key} of {kind.kind} {name}. {hint}"
        + (f" {kind.kind} {other} has that key." if other else ""),
        missing=snapshot.named(kind.kind, namespace, name),
    )


def _remedies(snapshot: Snapshot, container: PodContainer, verdict: _Verdict) -> tuple[Remedy, ...]:
    remedies = [describe_pod(snapshot, container.pod)]
    missing = verdict.missing
    if missing is not None:
        word = missing.kind.lower()
        if snapshot.find(missing) is not None:
            remedies.append(kubectl.read("See its keys", f"describe {word} {missing.name}", missing.namespace))
        else:
            remedies.append(kubectl.read(f"See which {missing.kind}s there are", f"get {word}s", missing.namespace))
            command = f"create {'secret generic' if word == 'secret' else word} {missing.name} --from-literal=KEY=VALUE"
            remedies.append(kubectl.write(f"Create {missing.kind} {missing.name}", command, missing.namespace))
    remedies.append(edit_workload(snapshot, container.pod, f"{verdict.wrong} of {container.label}"))
    return tuple(remedies)


plugin = AnalyzerPlugin(
    id="container-config", title="Containers whose environment is incomplete", analyze=analyze, scope="workload"
)
