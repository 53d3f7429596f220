"""Subresources beside status and log: scale, eviction, service account tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from aiohttp import web

from kubeagentix.demo.access import Access, service_account_groups
from kubeagentix.demo.answers import json_answer
from kubeagentix.demo.api_errors import (
    Cause,
    StatusError,
    conflict,
    invalid,
    method_not_allowed,
    no_such_resource,
    not_implemented,
    success,
)
from kubeagentix.demo.calls import Call
from kubeagentix.demo.patches import apply_patch
from kubeagentix.demo.reads import find
from kubeagentix.demo.selectors import format_selector, selects
from kubeagentix.demo.store import Manifest, Store, plain_copy, rfc3339
from kubeagentix.demo.writes import read_patch, remove_object, replace_object

_TOKEN_LIFETIME_S = 3600
_NEEDS_NODES = frozenset({"exec", "attach", "portforward", "proxy", "ephemeralcontainers"})


def answer(store: Store, access: Access, call: Call) -> web.Response:
    """The answer to a call for a subresource. Raises StatusError 404 or 405 for what is not served."""
    if call.subresource.partition("/")[0] in _NEEDS_NODES:
        raise not_implemented(f"{call.resource}/{call.subresource}")
    if call.subresource == "scale" and "scale" in call.served.subresources:
        return _scale(store, call)
    handler = _CREATORS.get((call.served.kind, call.subresource))
    if handler is None:
        raise no_such_resource()
    if call.verb != "create":
        raise method_not_allowed()
    return handler(store, access, call)


def _scale(store: Store, call: Call) -> web.Response:
    obj = find(store, call)
    scale = _scale_of(obj)
    if call.verb == "get":
        return json_answer(scale)
    if call.verb not in ("update", "patch"):
        raise method_not_allowed()
    wanted = call.manifest() if call.verb == "update" else apply_patch(call.media_type, scale, read_patch(call))
    version = wanted.get("metadata", {}).get("resourceVersion", "")
    if version not in ("", obj["metadata"]["resourceVersion"]):
        raise conflict(call.served, call.name)
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if replicas < 0:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise invalid("Scale", "autoscaling", call.name, [Cause("spec.replicas", "FieldValueInvalid", message)])
    new = plain_copy(obj)
    new["spec"]["replicas"] = replicas
    return json_answer(_scale_of(replace_object(store, call, obj, new)))


def _scale_of(obj: Manifest) -> Manifest:
    spec, selector = obj.get("spec") or {}, (obj.get("spec") or {}).get("selector") or {}
    keys = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    is_plain = "matchLabels" not in selector and "matchExpressions" not in selector  # a ReplicationController's
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: obj["metadata"][key] for key in keys if key in obj["metadata"]},
        "spec": {"replicas": spec.get("replicas", 1)},
        "status": {
            "replicas": (obj.get("status") or {}).get("replicas", 0),
            "selector": format_selector({"matchLabels": selector} if is_plain else selector),
        },
    }


def _evict(store: Store, _: Access, call: Call) -> web.Response:
    pod = find(store, call)
    for budget in store.peek_all(store.catalog.named("PodDisruptionBudget"), call.namespace):
        is_meant = selects((budget.get("spec") or {}).get("selector"), pod["metadata"].get("labels") or {})
        if is_meant and (budget.get("status") or {}).get("disruptionsAllowed", 0) <= 0:
            raise _budget_spent(budget)
    remove_object(store, call, pod)
    return json_answer({**success(), "code": 201}, 201)


def _budget_spent(budget: Manifest) -> StatusError:
    status, name = budget.get("status") or {}, budget["metadata"]["name"]
    needs, has = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
    message = f"The disruption budget {name} needs {needs} healthy pods and has {has} currently"
    details = {"causes": [{"reason": "DisruptionBudget", "message": message}]}
    why = "Cannot evict pod as it would violate the pod's disruption budget."
    return StatusError(429, "TooManyRequests", why, details)


def _create_token(store: Store, access: Access, call: Call) -> web.Response:
    account = find(store, call)
    name = f"system:serviceaccount:{account['metadata']['namespace']}:{call.name}"
    token = access.add_user(name, groups=service_account_groups(name))
    request = call.manifest()
    spec = request.get("spec") or {}
    seconds = spec.get("expirationSeconds") or _TOKEN_LIFETIME_S
    expires = rfc3339(store.now() + timedelta(seconds=seconds))
    answered = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": call.name, "namespace": call.namespace, "creationTimestamp": rfc3339(store.now())},
        "spec": {"audiences": ["https://kubernetes.default.svc"], **spec, "expirationSeconds": seconds},
        "status": {"token": token, "expirationTimestamp": expires},
    }
    return json_answer(answered, 201)


_CREATORS: dict[tuple[str, str], Callable[[Store, Access, Call], web.Response]] = {
    ("Pod", "eviction"): _evict,
    ("ServiceAccount", "token"): _create_token,
}
