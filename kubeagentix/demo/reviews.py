"""Access reviews: may this user do that (`kubectl auth can-i`), what may they do, who are they (`auth whoami`)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from kubeagentix.demo.access import MASTERS, Access
from kubeagentix.demo.answers import json_answer
from kubeagentix.demo.api_errors import method_not_allowed
from kubeagentix.demo.calls import Call, User, check_type

_EVERYTHING = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)


def is_review(call: Call) -> bool:
    """Whether a call is for one of the reviews, which are answered and not stored."""
    return call.kind is not None and call.kind.verbs == ("create",)


def review(access: Access, call: Call) -> web.Response:
    """The answered review. Raises StatusError 405 for anything but POST."""
    if call.verb != "create":
        raise method_not_allowed()
    body = call.manifest()
    check_type(call.served, body)
    spec = body.get("spec") or {}
    answered: dict[str, Any] = {
        "kind": body["kind"],
        "apiVersion": body["apiVersion"],
        "metadata": {"creationTimestamp": None},
    }
    match call.served.kind:
        case "SelfSubjectReview":
            answered["status"] = {"userInfo": _user_info(call.user)}
        case "SelfSubjectRulesReview":
            answered |= {"spec": {}, "status": _rules(access, call.user, spec.get("namespace", ""))}
        case kind:
            asked = call.user if kind == "SelfSubjectAccessReview" else _subject(spec)
            answered |= {"spec": spec, "status": {"allowed": access.allows_attributes(asked, spec)}}
    return json_answer(answered, 201)


def _subject(spec: dict[str, Any]) -> User:
    return User(name=spec.get("user", ""), groups=tuple(spec.get("groups") or ()), uid=spec.get("uid", ""))


def _user_info(user: User) -> dict[str, Any]:
    info: dict[str, Any] = {"username": user.name, "groups": list(user.groups)}
    return {**info, "uid": user.uid} if user.uid else info


def _rules(access: Access, user: User, namespace: str) -> dict[str, Any]:
    rules = [*access.rules(user, namespace), *(_EVERYTHING if MASTERS in user.groups else ())]
    resource_keys = ("verbs", "apiGroups", "resources", "resourceNames")
    return {
        "resourceRules": [
            {key: rule[key] for key in resource_keys if rule.get(key)} for rule in rules if rule.get("resources")
        ],
        "nonResourceRules": [
            {key: rule[key] for key in ("verbs", "nonResourceURLs")} for rule in rules if rule.get("nonResourceURLs")
        ],
        "incomplete": False,
    }
