"""What a request means: the verb, resource, namespace and name that a URL and method stand for.

Source: k8s.io/apiserver/pkg/endpoints/request (RequestInfoFactory).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import yaml

from kubeagentix.demo import protobuf
from kubeagentix.demo.api_errors import bad_request, not_found, unsupported_media_type
from kubeagentix.demo.kinds import Catalog, ServedKind

PROTOBUF = "application/vnd.kubernetes.protobuf"
BODY_TYPES = ("application/json", "application/yaml", PROTOBUF)
_METHOD_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who is asking."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, understood. `resource` is empty for paths outside the resource API."""

    method: str
    path: str
    verb: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: User = User(name="system:anonymous", groups=("system:unauthenticated",))
    group: str = ""
    version: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    kind: ServedKind | None = None

    @property
    def served(self) -> ServedKind:
        """The kind asked for, which the caller knows to be served."""
        assert self.kind is not None
        return self.kind

    @property
    def is_dry_run(self) -> bool:
        """Whether the write must not be kept. A deletion that has a body says so there, and its query does not count.

        Source: k8s.io/apiserver/pkg/endpoints/handlers/delete.go
        """
        if self.method == "DELETE" and self.body:
            return "All" in (self.manifest().get("dryRun") or [])
        return self.query.get("dryRun") == "All"

    @property
    def media_type(self) -> str:
        """The body's media type, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip()

    def flag(self, name: str) -> bool:
        """A boolean query parameter, absent or `0` or `false` meaning no."""
        return self.query.get(name, "false").lower() not in ("", "0", "false")

    def integer(self, name: str) -> int | None:
        """An integer query parameter, or None. Raises StatusError 400."""
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None

    def manifest(self) -> dict[str, Any]:
        """The body as an object: JSON, YAML or protobuf. Raises StatusError 400 or 415."""
        if self.media_type == PROTOBUF:
            return protobuf.decode(self.body)
        if self.media_type not in ("", *BODY_TYPES):
            raise unsupported_media_type(BODY_TYPES)
        obj = parse_json_or_yaml(self.body, self.served.kind)
        if not isinstance(obj, dict):
            raise bad_request(f"the object provided is unrecognized (must be of type {self.served.kind})")
        return obj


def parse_json_or_yaml(body: bytes, what: str) -> Any:
    """A request body as plain data. Raises StatusError 400."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        pass
    try:
        parsed = yaml.safe_load(body)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise bad_request(f"error parsing {what}: {str(error)[:200]}") from error
    if isinstance(parsed, dict):
        return parsed
    raise bad_request(
        f"the object provided is unrecognized (must be of type {what}): couldn't get version/kind; json parse error: "
        f"invalid character '{body[:1].decode(errors='replace')}' looking for beginning of value ({body[:32].hex()})"
    )


def understand(call: Call, catalog: Catalog) -> Call:
    """`call` with its resource parts filled in from method, path and query."""
    parts = [part for part in call.path.split("/") if part]
    base = replace(call, verb=call.method.lower())
    if parts[:2] == ["api", "v1"]:
        group, version, rest = "", "v1", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) >= 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return base
    if not rest:
        return base
    is_watch_path = rest[0] == "watch" and len(rest) > 1
    namespace, resource, name, subresource = _resource_parts(rest[1:] if is_watch_path else rest)
    if not resource:
        return base
    understood = replace(
        base,
        group=group,
        version=version,
        resource=resource,
        namespace=namespace,
        name=name,
        subresource=subresource,
        kind=catalog.at(group, version, resource),
    )
    return replace(understood, verb=_verb(understood, is_watch_path))


def _resource_parts(parts: list[str]) -> tuple[str, str, str, str]:
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) == 2 or (len(parts) == 3 and parts[2] in _NAMESPACE_SUBRESOURCES):
            return namespace, "namespaces", namespace, parts[2] if len(parts) == 3 else ""
        parts = parts[2:]
    padded = [*parts, "", "", ""]
    return namespace, padded[0], padded[1], "/".join(parts[2:])


def _verb(call: Call, is_watch_path: bool) -> str:
    verb = _METHOD_VERBS.get(call.method, call.method.lower())
    if verb == "get" and (is_watch_path or (call.flag("watch") and not call.subresource)):
        return "watch"
    if verb == "get" and not call.name:
        return "list"
    if verb == "delete" and not call.name:
        return "deletecollection"
    return verb


def check_type(kind: ServedKind, obj: dict[str, Any]) -> None:
    """Fill in or check apiVersion and kind of an object sent to `kind`. Raises StatusError 400."""
    sent_version, sent_kind = obj.setdefault("apiVersion", kind.api_version), obj.setdefault("kind", kind.kind)
    if (sent_version, sent_kind) == (kind.api_version, kind.kind):
        return
    if sent_kind == kind.kind:
        expected = f"the API version in the data ({sent_version}) does not match the expected API version"
        raise bad_request(f"{expected} ({kind.api_version})")
    raise bad_request(
        f'{sent_kind} in version "{kind.version}" cannot be handled as a {kind.kind}: no kind "{sent_kind}" is '
        f'registered for version "{sent_version}" in scheme "pkg/api/legacyscheme/scheme.go:30"'
    )


def existing(kind: ServedKind, obj: dict[str, Any] | None, name: str) -> dict[str, Any]:
    """`obj`, or StatusError 404 if there is none."""
    if obj is None:
        raise not_found(kind, name)
    return obj
