"""From the API's JSON to typed objects, a page at a time; what must not be kept is left behind here.

The fast way decodes a whole page at once with the garbage collector paused (building objects, not reading bytes,
is what costs). A page that holds an odd object (a null in place of a list, a number in place of a string) is read
again object by object; one that still does not fit becomes a Gap that names it, and the others are kept.
"""

from __future__ import annotations

import base64
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import msgspec

from kubeagentix.analysis.hosts import MAX_TEXT_CHARS, hosts_in
from kubeagentix.cluster.corefiles import read_corefile
from kubeagentix.cluster.credentials import PULL_TYPES, TLS_TYPE, read_pair, read_registries
from kubeagentix.cluster.custom_objects import CustomWire, custom_resource
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.extensions import (
    ConditionedStatus,
    Conversion,
    CustomResource,
    CustomResourceDefinition,
    DefinitionNames,
    DefinitionSpec,
    DefinitionVersion,
)
from kubeagentix.domain.meta import Metadata, Resource, TrackedMetadata, Value
from kubeagentix.domain.network import Endpoint, EndpointPort, EndpointSlice
from kubeagentix.domain.resources import Kind
from kubeagentix.domain.storage import ConfigMap, Secret, TlsCertificate
from kubeagentix.errors import excerpt


class ListMetadata(Value, frozen=True):
    """`metadata` of a list: how to go on, and from which version on changes can be watched."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Page(Value, frozen=True):
    """One page of a list, decoded."""

    items: tuple[Resource, ...]
    metadata: ListMetadata
    gaps: tuple[Gap, ...] = ()


class _ConfigMapWire(Value, frozen=True):
    metadata: TrackedMetadata = msgspec.field(default_factory=TrackedMetadata)
    data: dict[str, msgspec.Raw] | None = None
    binary_data: dict[str, msgspec.Raw] | None = None
    immutable: bool = False


class _SecretWire(Value, frozen=True):
    metadata: TrackedMetadata = msgspec.field(default_factory=TrackedMetadata)
    type: str = ""
    data: dict[str, str] | None = None
    immutable: bool = False


class _EndpointSliceWire(Value, frozen=True):
    metadata: Metadata = msgspec.field(default_factory=Metadata)
    address_type: str = ""
    # The API server writes null for both where no pod is selected, so there is one on nearly every page.
    endpoints: tuple[Endpoint, ...] | None = ()
    ports: tuple[EndpointPort, ...] | None = ()


class _SchemaProperties(Value, frozen=True):
    status: msgspec.Raw = msgspec.Raw(b"")


class _SchemaRoot(Value, frozen=True):
    properties: _SchemaProperties = msgspec.field(default_factory=_SchemaProperties)
    is_open: bool = msgspec.field(default=False, name="x-kubernetes-preserve-unknown-fields")


class _VersionSchema(Value, frozen=True):
    root: _SchemaRoot = msgspec.field(default_factory=_SchemaRoot, name="openAPIV3Schema")


class _VersionWire(Value, frozen=True):
    name: str = ""
    served: bool = False
    storage: bool = False
    schema: _VersionSchema | None = None
    subresources: dict[str, msgspec.Raw] | None = None


class _DefinitionSpecWire(Value, frozen=True):
    group: str = ""
    scope: str = "Namespaced"
    names: DefinitionNames = msgspec.field(default_factory=DefinitionNames)
    versions: tuple[_VersionWire, ...] = ()
    conversion: Conversion = msgspec.field(default_factory=Conversion)


class _DefinitionWire(Value, frozen=True):
    metadata: Metadata = msgspec.field(default_factory=Metadata)
    spec: _DefinitionSpecWire = msgspec.field(default_factory=_DefinitionSpecWire)
    status: ConditionedStatus = msgspec.field(default_factory=ConditionedStatus)


_WIRE: dict[type[Resource], type[Value]] = {
    ConfigMap: _ConfigMapWire,
    Secret: _SecretWire,
    CustomResourceDefinition: _DefinitionWire,
    EndpointSlice: _EndpointSliceWire,
}


def _wire_of(kind: Kind) -> type[Value]:
    return CustomWire if issubclass(kind.type, CustomResource) else _WIRE.get(kind.type, kind.type)


class _Pause:
    """How many blocks want the collector off; it is on again after the last one, if it was before the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._was_on = False

    def begin(self) -> None:
        with self._lock:
            if not self._blocks:
                self._was_on = gc.isenabled()
                gc.disable()
            self._blocks += 1

    def end(self) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks and self._was_on:
                if not gc.get_freeze_count():  # what was built meanwhile counts as old, else all of it is looked at now
                    gc.freeze()
                    gc.unfreeze()
                gc.enable()


_pause = _Pause()


@contextmanager
def gc_paused() -> Iterator[None]:
    """The cyclic garbage collector off for the block, in any thread: it triples the cost of building many objects."""
    _pause.begin()
    try:
        yield
    finally:
        _pause.end()


def decode_page(kind: Kind, body: bytes) -> Page:
    """One page of a list of `kind`. Raises msgspec.DecodeError if `body` is no JSON list at all."""
    try:
        with gc_paused():
            page = page_decoder(kind).decode(body)
    except msgspec.ValidationError:
        return _decode_one_by_one(kind, body)
    except (UnicodeDecodeError, msgspec.DecodeError):  # of bytes that are no text, by the version of msgspec
        mended = body.decode(errors="replace").encode()
        if mended == body:
            raise
        return _decode_one_by_one(kind, mended)
    except RecursionError as error:
        raise msgspec.DecodeError("it is nested too deeply") from error
    items = page.items or ()
    is_final = _wire_of(kind) is kind.type
    return Page(
        items=tuple(items) if is_final else tuple(_finish(kind, item) for item in items), metadata=page.metadata
    )


def decode_object(kind: Kind, body: bytes) -> Resource:
    """One object. Raises msgspec.DecodeError if it does not fit even when repaired."""
    try:
        return _finish(kind, typed(body, _wire_of(kind)))
    except msgspec.ValidationError:
        return project(kind, typed(body, Any))


def project(kind: Kind, manifest: dict[str, Any]) -> Resource:
    """One object from its plain form, repaired where it is odd. Raises msgspec.ValidationError if it cannot be."""
    # By way of JSON: msgspec.convert cannot make the Raw values by which sizes are taken without decoding.
    return _finish(kind, typed(msgspec.json.encode(_without_nulls(manifest)), _wire_of(kind), is_strict=False))


# A type that msgspec meets for the first time can be seen half read by another thread, which then crashes the process.
_building = threading.Lock()


def typed(body: bytes | msgspec.Raw, wanted: Any, *, is_strict: bool = True) -> Any:
    """`body` as a value of the type `wanted`, from any thread. Raises msgspec.DecodeError."""
    with _building:
        decoder = _decoder(wanted, is_strict)
    try:
        return decoder.decode(body)
    except RecursionError as error:
        raise msgspec.DecodeError("it is nested too deeply") from error


@cache
def _decoder(wanted: Any, is_strict: bool) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(wanted, strict=is_strict)


def page_decoder(kind: Kind) -> msgspec.json.Decoder[Any]:
    """What decodes a page of a list of `kind` that holds nothing odd: `items` in the form of the wire, `metadata`."""
    with _building:
        return _decoder(_page_type(_wire_of(kind)), True)


@cache
def _page_type(wire: type[Value]) -> type[msgspec.Struct]:
    # `items` must be there, if only as null: what has none is a Status or a proxy's answer, and no empty list.
    return msgspec.defstruct(
        f"{wire.__name__}Page",
        [("items", list[wire] | None), ("metadata", ListMetadata, msgspec.field(default_factory=ListMetadata))],  # type: ignore[valid-type]
    )


class _RawPage(Value, frozen=True):
    items: list[msgspec.Raw] | None
    metadata: dict[str, Any] | None = None


def _decode_one_by_one(kind: Kind, body: bytes) -> Page:
    page = typed(body, _RawPage)
    items, gaps = [], []
    for raw in page.items or ():
        try:
            items.append(decode_object(kind, bytes(raw)))
        except (msgspec.DecodeError, AttributeError, TypeError, RecursionError) as error:
            namespace, name = _named(raw)
            what = f"{kind.name} {namespace}/{name}" if namespace else f"{kind.name} {name}".rstrip()
            why = f"not readable: {excerpt(str(error))}"
            gaps.append(Gap(what=what, why=why, kind=kind.name, namespace=namespace))
    texts = {key: value for key, value in (page.metadata or {}).items() if isinstance(value, str)}
    metadata = msgspec.convert(texts, ListMetadata)
    return Page(items=tuple(items), metadata=metadata, gaps=tuple(gaps))


class _Named(msgspec.Struct):
    metadata: dict[str, Any] = {}


def _named(raw: msgspec.Raw) -> tuple[str, str]:
    """(namespace, name) of an object that does not decode, as far as it tells."""
    try:
        metadata = typed(raw, _Named).metadata
    except msgspec.DecodeError:
        return "", ""
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _finish(kind: Kind, item: Any) -> Resource:
    if isinstance(item, CustomWire):
        return custom_resource(cast("type[CustomResource]", kind.type), item)
    if isinstance(item, _DefinitionWire):
        return _definition(item)
    if isinstance(item, _ConfigMapWire):
        return _config_map(item)
    if isinstance(item, _SecretWire):
        return _secret(item)
    if isinstance(item, _EndpointSliceWire):
        return EndpointSlice(
            metadata=item.metadata,
            address_type=item.address_type,
            endpoints=item.endpoints or (),
            ports=item.ports or (),
        )
    return cast("Resource", item)


def _definition(wire: _DefinitionWire) -> CustomResourceDefinition:
    spec = wire.spec
    return CustomResourceDefinition(
        metadata=wire.metadata,
        spec=DefinitionSpec(
            group=spec.group,
            scope=spec.scope,
            names=spec.names,
            versions=tuple(
                DefinitionVersion(
                    name=version.name, served=version.served, storage=version.storage, has_status=_has_status(version)
                )
                for version in spec.versions
            ),
            conversion=spec.conversion,
        ),
        status=wire.status,
    )


def _has_status(version: _VersionWire) -> bool:
    if version.schema is None or version.schema.root.is_open or "status" in (version.subresources or {}):
        return True
    return bool(bytes(version.schema.root.properties.status))


def _config_map(wire: _ConfigMapWire) -> ConfigMap:
    entries = {**(wire.data or {}), **(wire.binary_data or {})}
    return ConfigMap(
        metadata=wire.metadata,
        keys=tuple(entries),
        size_bytes=sum(len(bytes(value)) for value in entries.values()),
        hosts=_hosts(wire.data or {}),
        corefile=read_corefile(_text(bytes(entries["Corefile"]))) if "Corefile" in (wire.data or {}) else None,
        immutable=wire.immutable,
    )


def _hosts(data: dict[str, msgspec.Raw]) -> dict[str, tuple[str, ...]]:
    """The hosts that each value names: all that is kept of the values."""
    texts = ((key, bytes(raw)) for key, raw in data.items())
    found = ((key, tuple(hosts_in(key, _text(raw)))) for key, raw in texts if len(raw) <= MAX_TEXT_CHARS)
    return {key: hosts for key, hosts in found if hosts}


def _text(raw: bytes) -> str:
    value = typed(raw, Any)
    return value if isinstance(value, str) else ""


def _secret(wire: _SecretWire) -> Secret:
    data = wire.data or {}
    certificate: TlsCertificate | None = None
    key_fits: bool | None = None
    registries: tuple[str, ...] = ()
    problem = ""
    try:
        if data.get("tls.crt") and (wire.type == TLS_TYPE or data.get("tls.key")):
            certificate, key_fits = read_pair(*(base64.b64decode(data.get(key, "")) for key in ("tls.crt", "tls.key")))
        elif wire.type in PULL_TYPES:
            registries, problem = read_registries(wire.type, base64.b64decode(data.get(PULL_TYPES[wire.type], "")))
    except Exception:  # noqa: BLE001  whatever a user has put there, it must cost no other object
        wanted = "tls.crt is no PEM certificate" if wire.type == TLS_TYPE else ""
        problem = f"{PULL_TYPES[wire.type]} is not readable" if wire.type in PULL_TYPES else wanted
    return Secret(
        metadata=wire.metadata,
        type=wire.type,
        keys=tuple(data),
        empty_keys=tuple(key for key, value in data.items() if not value),
        certificate=certificate,
        registries=registries,
        problem=problem,
        key_fits=key_fits,
        size_bytes=sum(len(value) for value in data.values()) * 3 // 4,  # of base64
        immutable=wire.immutable,
    )
