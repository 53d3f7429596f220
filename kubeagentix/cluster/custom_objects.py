"""From any custom resource to what is read of it. Statuses follow conventions, not a schema: nothing odd may fail here.

Conditions, phases and references are taken where they have the form that the API conventions give them, and left
where they have not.
Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from kubeagentix.domain.extensions import CustomCondition, CustomResource, CustomSpec, CustomStatus
from kubeagentix.domain.meta import Metadata, Moment, ObjectReference, Value
from kubeagentix.domain.resources import group_of
from kubeagentix.errors import excerpt

T = TypeVar("T", bound=CustomResource)

MAX_CONDITIONS = 40
MAX_REFERENCES = 30
MAX_DEPTH = 6  # of a spec; references lie near its top
MAX_MESSAGE_CHARS = 2000
_SUSPENDING = ("suspend", "suspended", "pause", "paused", "paused-replicas", "skip-reconcile", "stopped", "shutdown")
_RUNNING = ("running", "enabled")
_FINISHED = ("completionTime", "completionTimestamp", "finishedAt", "completedAt")
_HEALTHY = ("", "healthy", "suspended", "progressing", "unknown")
# What a field is called whose object names another, and the kind that it then names.
_NAMED_KINDS = {"secret": "Secret", "configmap": "ConfigMap", "serviceaccount": "ServiceAccount", "service": "Service"}
_REFERENCE = re.compile(r"^(?P<what>\w*?)(?:Key)?(?:Refs?|Reference|References|Selector)$")
_DEFAULT_KINDS = {"issuer": "Issuer", "scaletarget": "Deployment"}


class CustomWire(Value, frozen=True):
    """A custom resource as it comes, but for its metadata not yet looked into."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)
    spec: msgspec.Raw = msgspec.Raw(b"null")
    status: msgspec.Raw = msgspec.Raw(b"null")


def custom_resource(kind: type[T], wire: CustomWire) -> T:
    """The projection of one custom resource."""
    spec, status = _mapping(wire.spec), _mapping(wire.status)
    return kind(metadata=wire.metadata, spec=_spec(kind, wire.metadata, spec), status=_status(status))


def _mapping(raw: msgspec.Raw) -> dict[str, Any]:
    value = msgspec.json.decode(raw)
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return excerpt(value, MAX_MESSAGE_CHARS) if isinstance(value, str) else ""


def _status(status: Mapping[str, Any]) -> CustomStatus:
    health = status.get("health")
    of_health = health if isinstance(health, dict) else {}
    connection = status.get("connectionState")
    error = status.get("error")
    observed = status.get("observedGeneration")
    return CustomStatus(
        conditions=tuple(_conditions(status.get("conditions"))),
        phase=_text(status.get("phase")) or _text(status.get("state")),
        health=_text(of_health.get("status")) or _text(health),
        connection=_text(connection.get("lastObservedState")) if isinstance(connection, dict) else "",
        reason=_first_text(status, ("reason", "failureReason", "errorReason")),
        message=_first_text(status, ("message", "failureMessage", "errorMessage", "error", "lastError"))
        or _text(of_health.get("message"))
        or _text(error.get("message") if isinstance(error, dict) else ""),
        observed_generation=observed if isinstance(observed, int) and not isinstance(observed, bool) else None,
        finished_at=next((at for name in _FINISHED if (at := _moment(status.get(name)))), None),
        unhealthy=tuple(_unhealthy(status.get("resources"))),
    )


def _first_text(values: Mapping[str, Any], names: Iterable[str]) -> str:
    return next((text for name in names if (text := _text(values.get(name)))), "")


def _conditions(value: Any) -> Iterator[CustomCondition]:
    for item in _mappings(value)[:MAX_CONDITIONS]:
        if _text(item.get("type")):
            generation = item.get("observedGeneration")
            yield CustomCondition(
                type=_text(item["type"]),
                status=str(item.get("status", "")).capitalize(),
                reason=_text(item.get("reason")),
                message=_text(item.get("message")),
                severity=_text(item.get("severity")),
                last_transition_time=_moment(item.get("lastTransitionTime")),
                last_update_time=_moment(item.get("lastUpdateTime")),
                observed_generation=generation if isinstance(generation, int) else None,
            )


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _moment(value: Any) -> Any:
    try:
        return msgspec.convert(value, Moment)
    except msgspec.ValidationError:
        return None


def _unhealthy(value: Any) -> Iterator[ObjectReference]:
    for item in _mappings(value):
        health = item.get("health")
        said = _text(health.get("status")) if isinstance(health, dict) else ""
        if said.lower() not in _HEALTHY and _text(item.get("name")) and _text(item.get("kind")):
            version = f"{_text(item.get('group'))}/{_text(item.get('version'))}".strip("/")
            yield ObjectReference(
                api_version=version,
                kind=_text(item["kind"]),
                namespace=_text(item.get("namespace")),
                name=_text(item["name"]),
            )


def _spec(kind: type[CustomResource], metadata: Metadata, spec: Mapping[str, Any]) -> CustomSpec:
    marks = {key.rpartition("/")[2]: value for key, value in metadata.annotations.items()}
    return CustomSpec(
        is_suspended=_is_switched_off(spec) or any(name in marks and marks[name] != "false" for name in _SUSPENDING),
        references=tuple(dict.fromkeys(_references(spec)))[:MAX_REFERENCES],
        secrets=tuple(dict.fromkeys(_secrets(kind, metadata, spec))),
    )


def _is_switched_off(spec: Mapping[str, Any]) -> bool:
    """Whether a spec asks for nothing to run: `suspend: true`, `enabled: false`, no replicas (KubeVirt: Halted)."""
    if any(spec.get(name) is True for name in _SUSPENDING) or any(spec.get(name) is False for name in _RUNNING):
        return True
    return spec.get("runStrategy") == "Halted" or spec.get("replicas") == 0


def _secrets(kind: type[CustomResource], metadata: Metadata, spec: Mapping[str, Any]) -> Iterator[str]:
    """The names of the Secrets, of its own namespace, that an object of this spec is there to make.

    A name at the top (cert-manager), that of its target or destination (external-secrets, Vault), the connection's
    (Crossplane), or its own where a kind is a form of Secret (SealedSecret).
    """
    target, destination, connection = (
        spec.get(name) for name in ("target", "destination", "writeConnectionSecretToRef")
    )
    named = [item.get("name") for item in (target, destination, connection) if isinstance(item, dict)]
    if kind.kind.partition(".")[0].endswith("Secret") and not any(named):
        named.append(metadata.name)
    yield from (name for name in (spec.get("secretName"), *named) if isinstance(name, str) and name)


def _references(value: Any, depth: int = 0) -> Iterator[ObjectReference]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from _references(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _reference(key, item)
            yield from _references(item, depth + 1)


def _reference(key: str, item: Any) -> Iterator[ObjectReference]:
    match = _REFERENCE.match(key)
    if match is None:
        if isinstance(item, str) and item and key.endswith("Name") and key[:-4].lower() in _NAMED_KINDS:
            yield ObjectReference(kind=_NAMED_KINDS[key[:-4].lower()], name=item)
        return
    for one in _mappings(item) or ([item] if isinstance(item, dict) else []):
        what, name = match["what"].lower(), one.get("name")
        kind = _text(one.get("kind")) or _DEFAULT_KINDS.get(what) or _kind_of(what)
        if kind and isinstance(name, str) and name:
            version = _text(one.get("apiVersion")) or (f"{one['group']}/" if _text(one.get("group")) else "")
            yield ObjectReference(
                api_version=version if group_of(version) else "",
                kind=kind,
                namespace=_text(one.get("namespace")),
                name=name,
            )


def _kind_of(what: str) -> str:
    return next((kind for word, kind in _NAMED_KINDS.items() if what.endswith(word)), "")
