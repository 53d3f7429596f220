"""OpenAPI v3, as much of it as `kubectl apply` and `create` need.

That is which objects there are, and that PATCH and POST take `fieldValidation` and `dryRun`. There are no schemas, so
`kubectl explain` finds no fields. Of a `List` kubectl asks version 2, in protobuf, whose document is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubeagentix.demo.kinds import Catalog, ServedKind

V2_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
V2_DOCUMENT = b"\n\x032.0"  # openapi.v2.Document with nothing but `swagger: "2.0"`: no schema refuses anything
_QUERY = ("dryRun", "fieldManager", "fieldValidation")
_INFO = {"title": "Kubernetes", "version": "v1.34.1"}


def document(catalog: Catalog, path: str) -> dict[str, Any] | None:
    """The OpenAPI v3 document at `path`, or None if there is none."""
    by_path = {kind.path: [other for other in catalog if other.path == kind.path] for kind in catalog}
    rest = path.removeprefix("/openapi/v3").rstrip("/")
    if not rest:
        return {"paths": {url[1:]: {"serverRelativeURL": f"/openapi/v3{url}?hash=1"} for url in by_path}}
    if rest not in by_path:
        return None
    return _group_version(by_path[rest])


def _group_version(kinds: Sequence[ServedKind]) -> dict[str, Any]:
    paths, schemas = {}, {}
    for kind in kinds:
        type_of = [{"group": kind.group, "version": kind.version, "kind": kind.kind}]
        scope = "/namespaces/{namespace}" if kind.is_namespaced else ""
        collection = f"{kind.path}{scope}/{kind.plural}"
        paths[collection] = {"post": _operation("post", type_of)}
        paths[f"{collection}/{{name}}"] = {
            method: _operation(method, type_of) for method in ("get", "put", "patch", "delete")
        }
        schemas[f"io.k8s.{kind.group or 'core'}.{kind.version}.{kind.kind}"] = {
            "type": "object",
            "description": f"{kind.kind} ({kind.api_version})",
            "x-kubernetes-group-version-kind": type_of,
        }
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas}}


def _operation(method: str, type_of: Sequence[dict[str, str]]) -> dict[str, Any]:
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _QUERY]
    return {
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": method,
        "x-kubernetes-group-version-kind": type_of[0],
    }
