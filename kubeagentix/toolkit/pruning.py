"""What of an object a reader needs: no bookkeeping, no Secret's value, and (where asked) nothing that is a default.

A Secret's values are replaced by their sizes before anything else sees them, in whatever an object is wrapped.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from collections.abc import Mapping
from typing import Any

from kubeagentix.domain.meta import LAST_APPLIED

SHORTEST_VALUE = 4
LONGEST_ANNOTATION = 120  # of a Secret: a name, a date, a digest; a copy of the object is longer
_BOOKKEEPING = ("managedFields", "selfLink", "resourceVersion", "uid", "generateName")
# Annotations that repeat the object, or that controllers keep for themselves.
_NOISE = (LAST_APPLIED, "kubectl.kubernetes.io/restartedAt", "deprecated.daemonset.template.generation")
_TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
_EVICTION = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")  # tolerated by every pod for 300 s

# What the API server fills in where nothing is written. Source: pkg/apis/{core,apps}/v1/defaults.go
_DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "dnsPolicy": ("ClusterFirst",),
    "schedulerName": ("default-scheduler",),
    "restartPolicy": ("Always",),
    "terminationGracePeriodSeconds": (30,),
    "securityContext": ({},),
    "enableServiceLinks": (True,),
    "preemptionPolicy": ("PreemptLowerPriority",),
    "priority": (0,),
    "imagePullPolicy": ("IfNotPresent",),
    "protocol": ("TCP",),
    "scheme": ("HTTP",),
    "successThreshold": (1,),
    "progressDeadlineSeconds": (600,),
    "revisionHistoryLimit": (10,),
    "strategy": ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},),
    "podManagementPolicy": ("OrderedReady",),
    "sessionAffinity": ("None",),
    "internalTrafficPolicy": ("Cluster",),
    "ipFamilyPolicy": ("SingleStack",),
    "ipFamilies": (["IPv4"],),
    "defaultMode": (420,),
    "resources": ({},),
}


def pruned(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An object (or a List of objects) without bookkeeping, in kubectl's order; Secrets with sizes for values."""
    return _tidy(masked(obj))


def _tidy(obj: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(obj.get("items"), list):
        items = [_tidy(item) if isinstance(item, Mapping) else item for item in obj["items"]]
        return {**{key: obj[key] for key in ("apiVersion", "kind") if key in obj}, "items": items}
    obj = _without_nulls(obj)
    first = {key: obj[key] for key in ("apiVersion", "kind", "metadata") if key in obj}
    if isinstance(first.get("metadata"), Mapping):
        first["metadata"] = _metadata(first["metadata"])
    return {**first, **{key: value for key, value in obj.items() if key not in first}}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {key: _without_nulls(item) for key, item in value.items() if item is not None}


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in metadata.items() if key not in _BOOKKEEPING}
    annotations = kept.get("annotations")
    if isinstance(annotations, Mapping):
        kept["annotations"] = {key: value for key, value in annotations.items() if key not in _NOISE}
    owners = kept.get("ownerReferences")
    if isinstance(owners, list):
        kept["ownerReferences"] = [{"kind": item.get("kind"), "name": item.get("name")} for item in owners]
    return {key: value for key, value in kept.items() if value not in ({}, [], None, "")}


def masked(obj: Any) -> Any:
    """A copy in which no Secret, however deep, has a value: `password: 12 bytes`."""
    if isinstance(obj, list):
        return [masked(item) for item in obj]
    if not isinstance(obj, Mapping):
        return obj
    if obj.get("kind") == "Secret":
        return _masked_secret(obj)
    if obj.get("kind") == "SecretList" and isinstance(obj.get("items"), list):
        return {**obj, "items": [_masked_secret(item) for item in obj["items"]]}
    return {key: masked(value) for key, value in obj.items()}


def _masked_secret(obj: Any) -> Any:
    if not isinstance(obj, Mapping):
        return obj
    metadata = obj.get("metadata")
    kept = {key: value for key, value in obj.items() if key not in ("data", "stringData")}
    if isinstance(metadata, Mapping):
        annotations = _annotations(metadata.get("annotations") or {}, _values(obj))
        kept["metadata"] = {**{key: item for key, item in metadata.items() if key != "annotations"}}
        if annotations:
            kept["metadata"]["annotations"] = annotations
    for field in ("data", "stringData"):
        values = obj.get(field)
        if isinstance(values, Mapping):
            kept[field] = {key: _size(value, is_encoded=field == "data") for key, value in values.items()}
    return kept


def _values(secret: Mapping[str, Any]) -> set[str]:
    """What a Secret holds, as it is written and as it is meant; what is too short to tell apart is left out."""
    found: set[str] = set()
    for field in ("data", "stringData"):
        values = secret.get(field)
        found |= {str(value) for value in values.values()} if isinstance(values, Mapping) else set()
    for text in [*found]:
        with contextlib.suppress(binascii.Error, ValueError):
            found.add(base64.b64decode(text, validate=True).decode())
    return {text for text in found if len(text) >= SHORTEST_VALUE}


def _annotations(annotations: Mapping[str, Any], values: set[str]) -> dict[str, Any]:
    """The annotations of a Secret: copies of the manifest, which some tools keep there, hold the values once more."""
    kept = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    return {
        key: _size(value, is_encoded=False)
        if len(str(value)) > LONGEST_ANNOTATION or any(item in str(value) for item in values)
        else value
        for key, value in kept.items()
    }


def _size(value: Any, *, is_encoded: bool) -> str:
    text = str(value or "")
    try:
        length = len(base64.b64decode(text, validate=True)) if is_encoded else len(text.encode())
    except (binascii.Error, ValueError):
        length = len(text.encode())
    return f"{length} bytes"


def without_defaults(value: Any) -> Any:
    """A copy without fields that hold what the API server fills in, and without every pod's token volume."""
    if isinstance(value, list):
        return [without_defaults(item) for item in value if not _is_everywhere(item)]
    if not isinstance(value, Mapping):
        return value
    kept = {key: without_defaults(item) for key, item in value.items() if item not in _DEFAULTS.get(key, ())}
    if kept.get("serviceAccount") == kept.get("serviceAccountName"):
        kept.pop("serviceAccount", None)
    emptied = {key for key, item in kept.items() if item in ({}, []) and value[key] not in ({}, [])}
    return {key: item for key, item in kept.items() if key not in emptied}


def _is_everywhere(item: Any) -> bool:
    """Whether a volume, mount or toleration is one that every pod has."""
    if not isinstance(item, Mapping):
        return False
    return _TOKEN_VOLUME.fullmatch(str(item.get("name", ""))) is not None or (
        item.get("key") in _EVICTION and item.get("tolerationSeconds") == 300
    )
