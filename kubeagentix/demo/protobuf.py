"""Reads the protobuf bodies that kubectl's imperative commands send (create, autoscale, auth, drain).

Kubernetes' wire format is a schema of messages by field number; below is the part of it that those commands use. A
field that is not known here and not empty is refused, never dropped in silence: clients can always send JSON.
Source: generated.proto of k8s.io/api and k8s.io/apimachinery.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from kubeagentix.demo.api_errors import StatusError, bad_request
from kubeagentix.demo.store import rfc3339

_MAGIC = b"k8s\x00"

# message: number, JSON name, type. `[]T` is a list, `map` has string values; `T?` is a pointer, kept even if zero.
# No type is a string; `inline` puts the message's fields into its parent; `-` is skipped (what the server fills in).
_SCHEMA = """
Unknown: 1 typeMeta TypeMeta, 2 raw bytes, 3 contentEncoding, 4 contentType
TypeMeta: 1 apiVersion, 2 kind
ObjectMeta: 1 name, 2 generateName, 3 namespace, 4 selfLink, 5 uid, 6 resourceVersion, 7 generation int,
  8 creationTimestamp Time, 9 deletionTimestamp Time, 10 deletionGracePeriodSeconds int?, 11 labels map,
  12 annotations map, 13 ownerReferences []OwnerReference, 14 finalizers []string, 17 managedFields -
OwnerReference: 1 kind, 3 name, 4 uid, 5 apiVersion, 6 controller bool?, 7 blockOwnerDeletion bool?
LabelSelector: 1 matchLabels map, 2 matchExpressions []LabelSelectorRequirement
LabelSelectorRequirement: 1 key, 2 operator, 3 values []string
DeleteOptions: 1 gracePeriodSeconds int?, 2 preconditions Preconditions, 3 orphanDependents bool?,
  4 propagationPolicy, 5 dryRun []string
Preconditions: 1 uid, 2 resourceVersion
Namespace: 1 metadata ObjectMeta, 2 spec NamespaceSpec, 3 status -
NamespaceSpec: 1 finalizers []string
ConfigMap: 1 metadata ObjectMeta, 2 data map, 3 binaryData map:bytes, 4 immutable bool?
Secret: 1 metadata ObjectMeta, 2 data map:bytes, 3 type, 4 stringData map, 5 immutable bool?
ServiceAccount: 1 metadata ObjectMeta, 2 secrets []LocalObject, 3 imagePullSecrets []LocalObject,
  4 automountServiceAccountToken bool?
LocalObject: 1 name
ResourceQuota: 1 metadata ObjectMeta, 2 spec ResourceQuotaSpec, 3 status -
ResourceQuotaSpec: 1 hard map:Quantity, 2 scopes []string
Service: 1 metadata ObjectMeta, 2 spec ServiceSpec, 3 status -
ServiceSpec: 1 ports []ServicePort, 2 selector map, 3 clusterIP, 4 type, 5 externalIPs []string, 7 sessionAffinity,
  8 loadBalancerIP, 10 externalName, 11 externalTrafficPolicy, 12 healthCheckNodePort int,
  13 publishNotReadyAddresses bool, 17 ipFamilyPolicy, 18 clusterIPs []string, 19 ipFamilies []string,
  22 internalTrafficPolicy
ServicePort: 1 name, 2 protocol, 3 port int, 4 targetPort IntOrString, 5 nodePort int, 6 appProtocol
Pod: 1 metadata ObjectMeta, 2 spec PodSpec, 3 status -
PodTemplateSpec: 1 metadata ObjectMeta, 2 spec PodSpec
PodSpec: 2 containers []Container, 3 restartPolicy, 4 terminationGracePeriodSeconds int?, 5 activeDeadlineSeconds int?,
  6 dnsPolicy, 7 nodeSelector map, 8 serviceAccountName, 9 serviceAccount, 10 nodeName, 11 hostNetwork bool,
  12 hostPID bool, 13 hostIPC bool, 15 imagePullSecrets []LocalObject, 16 hostname, 17 subdomain, 19 schedulerName,
  20 initContainers []Container, 24 priorityClassName
Container: 1 name, 2 image, 3 command []string, 4 args []string, 5 workingDir, 6 ports []ContainerPort, 7 env []EnvVar,
  8 resources ResourceRequirements, 13 terminationMessagePath, 14 imagePullPolicy, 16 stdin bool, 17 stdinOnce bool,
  18 tty bool, 20 terminationMessagePolicy
ContainerPort: 1 name, 2 hostPort int, 3 containerPort int, 4 protocol, 5 hostIP
EnvVar: 1 name, 2 value
ResourceRequirements: 1 limits map:Quantity, 2 requests map:Quantity
Deployment: 1 metadata ObjectMeta, 2 spec DeploymentSpec, 3 status -
DeploymentSpec: 1 replicas int?, 2 selector LabelSelector, 3 template PodTemplateSpec, 4 strategy DeploymentStrategy,
  5 minReadySeconds int, 6 revisionHistoryLimit int?, 7 paused bool, 9 progressDeadlineSeconds int?
DeploymentStrategy: 1 type, 2 rollingUpdate RollingUpdateDeployment
RollingUpdateDeployment: 1 maxUnavailable IntOrString, 2 maxSurge IntOrString
Job: 1 metadata ObjectMeta, 2 spec JobSpec, 3 status -
JobSpec: 1 parallelism int?, 2 completions int?, 3 activeDeadlineSeconds int?, 4 selector LabelSelector,
  5 manualSelector bool?, 6 template PodTemplateSpec, 7 backoffLimit int?, 8 ttlSecondsAfterFinished int?,
  9 completionMode, 10 suspend bool?
CronJob: 1 metadata ObjectMeta, 2 spec CronJobSpec, 3 status -
CronJobSpec: 1 schedule, 2 startingDeadlineSeconds int?, 3 concurrencyPolicy, 4 suspend bool?,
  5 jobTemplate JobTemplateSpec, 6 successfulJobsHistoryLimit int?, 7 failedJobsHistoryLimit int?, 8 timeZone
JobTemplateSpec: 1 metadata ObjectMeta, 2 spec JobSpec
Role: 1 metadata ObjectMeta, 2 rules []PolicyRule
ClusterRole: 1 metadata ObjectMeta, 2 rules []PolicyRule, 3 aggregationRule AggregationRule
AggregationRule: 1 clusterRoleSelectors []LabelSelector
PolicyRule: 1 verbs []string, 2 apiGroups []string, 3 resources []string, 4 resourceNames []string,
  5 nonResourceURLs []string
RoleBinding: 1 metadata ObjectMeta, 2 subjects []Subject, 3 roleRef RoleRef
ClusterRoleBinding: 1 metadata ObjectMeta, 2 subjects []Subject, 3 roleRef RoleRef
Subject: 1 kind, 2 apiGroup, 3 name, 4 namespace
RoleRef: 1 apiGroup, 2 kind, 3 name
Ingress: 1 metadata ObjectMeta, 2 spec IngressSpec, 3 status -
IngressSpec: 1 defaultBackend IngressBackend, 2 tls []IngressTLS, 3 rules []IngressRule, 4 ingressClassName
IngressTLS: 1 hosts []string, 2 secretName
IngressRule: 1 host, 2 http inline:IngressRuleValue
IngressRuleValue: 1 http HTTPIngressRuleValue
HTTPIngressRuleValue: 1 paths []HTTPIngressPath
HTTPIngressPath: 1 path, 2 backend IngressBackend, 3 pathType
IngressBackend: 4 service IngressServiceBackend
IngressServiceBackend: 1 name, 2 port ServiceBackendPort
ServiceBackendPort: 1 name, 2 number int
PodDisruptionBudget: 1 metadata ObjectMeta, 2 spec PodDisruptionBudgetSpec, 3 status -
PodDisruptionBudgetSpec: 1 minAvailable IntOrString, 2 selector LabelSelector, 3 maxUnavailable IntOrString,
  4 unhealthyPodEvictionPolicy
Eviction: 1 metadata ObjectMeta, 2 deleteOptions DeleteOptions
PriorityClass: 1 metadata ObjectMeta, 2 value int?, 3 globalDefault bool, 4 description, 5 preemptionPolicy
HorizontalPodAutoscaler: 1 metadata ObjectMeta, 2 spec HorizontalPodAutoscalerSpec, 3 status -
HorizontalPodAutoscalerSpec: 1 scaleTargetRef CrossVersionObjectReference, 2 minReplicas int?, 3 maxReplicas int,
  4 metrics []MetricSpec
CrossVersionObjectReference: 1 kind, 2 name, 3 apiVersion
MetricSpec: 1 type, 4 resource ResourceMetricSource
ResourceMetricSource: 1 name, 2 target MetricTarget
MetricTarget: 1 type, 2 value Quantity, 3 averageValue Quantity, 4 averageUtilization int?
SelfSubjectAccessReview: 1 metadata ObjectMeta, 2 spec AccessReviewSpec, 3 status -
SubjectAccessReview: 1 metadata ObjectMeta, 2 spec AccessReviewSpec, 3 status -
LocalSubjectAccessReview: 1 metadata ObjectMeta, 2 spec AccessReviewSpec, 3 status -
AccessReviewSpec: 1 resourceAttributes ResourceAttributes?, 2 nonResourceAttributes NonResourceAttributes?, 3 user,
  4 groups []string, 6 uid
ResourceAttributes: 1 namespace, 2 verb, 3 group, 4 version, 5 resource, 6 subresource, 7 name
NonResourceAttributes: 1 path, 2 verb
SelfSubjectRulesReview: 1 metadata ObjectMeta, 2 spec SelfSubjectRulesReviewSpec, 3 status -
SelfSubjectRulesReviewSpec: 1 namespace
SelfSubjectReview: 1 metadata ObjectMeta, 2 status -
TokenRequest: 1 metadata ObjectMeta, 2 spec TokenRequestSpec, 3 status -
TokenRequestSpec: 1 audiences []string, 4 expirationSeconds int?
MapEntry: 1 key, 2 value
"""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    type: str

    @property
    def is_list(self) -> bool:
        return self.type.startswith("[]")

    @property
    def is_map(self) -> bool:
        return self.type.startswith("map")

    @property
    def is_pointer(self) -> bool:
        return self.type.endswith("?")


@cache
def _schema() -> dict[str, dict[int, _Field]]:
    messages = {}
    for line in _SCHEMA.replace(",\n", ",").strip().splitlines():
        message, _, fields = line.partition(":")
        words = [text.split() for text in fields.split(",")]
        messages[message] = {int(number): _Field(name, "".join(kind) or "string") for number, name, *kind in words}
    return messages


def decode(body: bytes) -> dict[str, Any]:
    """A protobuf request body as a manifest. Raises StatusError 400 if it is none, 415 if it is not known here."""
    try:
        if not body.startswith(_MAGIC):
            raise ValueError("no k8s prefix")
        unknown = _message("Unknown", body[len(_MAGIC) :])
        type_meta = unknown["typeMeta"]
        return {**type_meta, **_message(type_meta["kind"], base64.b64decode(unknown.get("raw", "")))}
    except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise bad_request(f"the protobuf body cannot be decoded: {error}") from error


def _message(name: str, data: bytes) -> dict[str, Any]:
    if name not in _schema():
        raise StatusError(415, "UnsupportedMediaType", f"{name} is not accepted as protobuf; send JSON")
    fields, found = _schema()[name], dict[str, Any]()
    for number, raw in _wire_fields(data):
        field = fields.get(number)
        if field is None and raw:
            raise StatusError(
                415, "UnsupportedMediaType", f"field {number} of {name} is not accepted as protobuf; send JSON"
            )
        if field is not None and field.type != "-":
            _store(found, field, raw)
    return found


def _store(found: dict[str, Any], field: _Field, raw: int | bytes) -> None:
    if field.is_list:
        found.setdefault(field.name, []).append(_value(field.type[2:], raw))
    elif field.is_map:
        key, value = _map_entry(field.type.partition(":")[2], _as_bytes(raw))
        found.setdefault(field.name, {})[key] = value
    elif field.type.startswith("inline:"):
        found.update(_message(field.type[7:], _as_bytes(raw)))
    else:
        value = _value(field.type.rstrip("?"), raw)
        if field.is_pointer or value not in (None, "", 0, False, {}):
            found[field.name] = value


def _value(kind: str, raw: int | bytes) -> Any:
    read = _SCALARS.get(kind)
    return read(raw) if read else _message(kind, _as_bytes(raw))


def _text(raw: int | bytes) -> str:
    return _as_bytes(raw).decode()


def _base64(raw: int | bytes) -> str:
    return base64.b64encode(_as_bytes(raw)).decode()


def _quantity(raw: int | bytes) -> str:
    return next((_text(value) for _, value in _wire_fields(_as_bytes(raw))), "0")


def _int_or_string(raw: int | bytes) -> int | str:
    parts = dict(_wire_fields(_as_bytes(raw)))
    return _text(parts.get(3, b"")) if parts.get(1) else _signed(parts.get(2, 0))


def _time(raw: int | bytes) -> str | None:
    seconds = dict(_wire_fields(_as_bytes(raw))).get(1)
    return rfc3339(datetime.fromtimestamp(_signed(seconds), UTC)) if seconds else None


def _map_entry(kind: str, raw: bytes) -> tuple[str, Any]:
    parts = dict(_wire_fields(raw))
    return _as_bytes(parts.get(1, b"")).decode(), _value(kind or "string", parts.get(2, b""))


def _as_bytes(raw: int | bytes) -> bytes:
    if isinstance(raw, int):
        raise ValueError("a number where a text or message belongs")
    return raw


def _signed(raw: int | bytes) -> int:
    if not isinstance(raw, int):
        raise ValueError("a text where a number belongs")
    return raw - (1 << 64) if raw >> 63 else raw


_SCALARS: dict[str, Callable[[int | bytes], Any]] = {
    "string": _text,
    "int": _signed,
    "bool": bool,
    "bytes": _base64,
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "Time": _time,
}


def _wire_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        length, position = {1: (8, position), 5: (4, position)}.get(wire_type) or _varint(data, position)
        if position + length > len(data):
            raise ValueError("cut short")
        yield number, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
