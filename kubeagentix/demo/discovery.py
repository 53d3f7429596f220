"""What the server says it serves: versions, groups, resources, one by one and aggregated (apidiscovery.k8s.io/v2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubeagentix.demo.kinds import Catalog, ServedKind

Groups = Mapping[str, Mapping[str, Sequence[ServedKind]]]

JSON = "application/json"
SERVER_VERSION = {
    "major": "1",
    "minor": "34",
    "emulationMajor": "1",
    "emulationMinor": "34",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "33",
    "gitVersion": "v1.34.1",
    "gitCommit": "93248f9ae092f571eb870b7664c534bfc7d00f03",
    "gitTreeState": "clean",
    "buildDate": "2025-09-09T19:36:54Z",
    "goVersion": "go1.24.6",
    "compiler": "gc",
    "platform": "linux/amd64",
}
AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_CLIENT_CIDRS = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "10.96.0.1:443"}]
# kubectl takes the first group that serves a word, so `pods` must not be metrics.k8s.io's.
_LAST_GROUPS = ("metrics.k8s.io",)
_SUBRESOURCE_VERBS = {"status": ("get", "patch", "update"), "scale": ("get", "patch", "update"), "log": ("get",)}
_SUBRESOURCE_TYPES = {
    "scale": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
    "eviction": {"group": "policy", "version": "v1", "kind": "Eviction"},
    "token": {"group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"},
}


def document(catalog: Catalog, path: str, accept: str) -> tuple[dict[str, Any], str] | None:
    """The discovery document at `path` and its media type, or None if there is none."""
    parts = tuple(part for part in path.split("/") if part)
    groups = _by_group(catalog)
    if parts in (("api",), ("apis",)) and "as=APIGroupDiscoveryList" in accept and "v=v2;" in accept:
        chosen = [group for group in groups if bool(group) is (parts == ("apis",))]
        return _aggregated(groups, chosen), AGGREGATED_TYPE
    plain = _plain_document(groups, parts)
    return (plain, JSON) if plain is not None else None


def _plain_document(groups: Groups, parts: tuple[str, ...]) -> dict[str, Any] | None:
    body: dict[str, Any] | None = None
    match parts:
        case ("version",):
            body = dict(SERVER_VERSION)
        case ("api",):
            body = {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": _CLIENT_CIDRS}
        case ("api", "v1"):
            body = _resource_list("v1", groups[""]["v1"])
        case ("apis",):
            listed = [_group(group, groups[group]) for group in groups if group]
            body = {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        case ("apis", group) if group in groups:
            body = {"kind": "APIGroup", "apiVersion": "v1", **_group(group, groups[group])}
        case ("apis", group, version) if version in groups.get(group, {}):
            body = _resource_list(f"{group}/{version}", groups[group][version])
    return body


def _by_group(catalog: Catalog) -> Groups:
    groups: defaultdict[str, defaultdict[str, list[ServedKind]]] = defaultdict(lambda: defaultdict(list))
    for kind in sorted(catalog, key=lambda kind: kind.group in _LAST_GROUPS):
        groups[kind.group][kind.version].append(kind)
    return groups


def _group(name: str, versions: Mapping[str, Sequence[ServedKind]]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resource_list(group_version: str, kinds: Sequence[ServedKind]) -> dict[str, Any]:
    resources = [entry for kind in sorted(kinds, key=lambda kind: kind.plural) for entry in _entries(kind)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _entries(kind: ServedKind) -> Iterator[dict[str, Any]]:
    yield {
        "name": kind.plural,
        "singularName": singular_of(kind),
        "namespaced": kind.is_namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
        **({"shortNames": list(kind.short_names)} if kind.short_names else {}),
        **({"categories": list(kind.categories)} if kind.categories else {}),
    }
    for subresource in sorted(kind.subresources):
        yield {
            "name": f"{kind.plural}/{subresource}",
            "singularName": "",
            "namespaced": kind.is_namespaced,
            "kind": kind.kind,
            **_SUBRESOURCE_TYPES.get(subresource, {}),
            "verbs": list(_SUBRESOURCE_VERBS.get(subresource, ("create",))),
        }


def singular_of(kind: ServedKind) -> str:
    """The singular by which kubectl knows a kind; metrics have none."""
    return kind.singular or ("" if kind.verbs == ("get", "list") else kind.kind.lower())


def _aggregated(groups: Groups, chosen: Sequence[str]) -> dict[str, Any]:
    items = [
        {
            "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
            "versions": [
                {"version": version, "resources": [_discovered(kind) for kind in kinds], "freshness": "Current"}
                for version, kinds in groups[group].items()
            ],
        }
        for group in chosen
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _discovered(kind: ServedKind) -> dict[str, Any]:
    subresources = [
        {
            "subresource": subresource,
            "responseKind": _SUBRESOURCE_TYPES.get(subresource) or _type(kind),
            "verbs": list(_SUBRESOURCE_VERBS.get(subresource, ("create",))),
        }
        for subresource in sorted(kind.subresources)
    ]
    return {
        "resource": kind.plural,
        "responseKind": _type(kind),
        "scope": "Namespaced" if kind.is_namespaced else "Cluster",
        "singularResource": singular_of(kind),
        "verbs": list(kind.verbs),
        **({"shortNames": list(kind.short_names)} if kind.short_names else {}),
        **({"categories": list(kind.categories)} if kind.categories else {}),
        **({"subresources": subresources} if subresources else {}),
    }


def _type(kind: ServedKind) -> dict[str, str]:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}
