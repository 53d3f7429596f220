"""Snapshots as files: gzip-compressed JSON, so that an incident can be diagnosed elsewhere, with the same result.

What is saved are the projections, not the API's objects, so a file holds no more than the snapshot did, and credentials
are masked in it. Files come
from elsewhere: what they unpack to is bounded, and whatever is wrong with one is told in one line.
"""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from kubeagentix.cluster.projections import gc_paused, typed
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.extensions import CustomResource, custom_type
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.parts import Part
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.snapshot import ContainerLog, Snapshot
from kubeagentix.errors import NotFoundError, SnapshotError, excerpt
from kubeagentix.redaction import Redactor

FORMAT = "kubeagentix-snapshot"
SCHEMA_VERSION = 1
MAX_BYTES = 2 << 30  # unpacked; some hundred thousand pods
_CHUNK_BYTES = 1 << 20
_LEVEL = 6  # of gzip: beyond it, time doubles for a few per cent


class _File(msgspec.Struct, kw_only=True):
    # The order of these fields is that of the file, so that what it is can be read from its first bytes.
    format: str
    schema_version: int
    cluster: str
    server_version: str
    taken_at: datetime
    namespace: str | None
    neighbours: tuple[str, ...]
    gaps: tuple[Gap, ...]
    logs: tuple[ContainerLog, ...]
    objects: dict[str, msgspec.Raw]
    custom: tuple[_CustomKind, ...] = ()
    parts: tuple[Part, ...] | None = None


class _CustomKind(msgspec.Struct, kw_only=True):
    """The objects of one custom kind, with what its type is made of."""

    name: str
    group: str
    items: msgspec.Raw


class _Header(msgspec.Struct):
    format: str = ""
    schema_version: int = 0


def save(snapshot: Snapshot, path: str | os.PathLike[str]) -> None:
    """Write `snapshot` to `path`, readable by its owner only; whole or not at all. Raises SnapshotError."""
    target = Path(path)
    snapshot = masked(snapshot)
    encoder = msgspec.json.Encoder()
    body = encoder.encode(
        _File(
            format=FORMAT,
            schema_version=SCHEMA_VERSION,
            cluster=snapshot.cluster,
            server_version=snapshot.server_version,
            taken_at=snapshot.taken_at,
            namespace=snapshot.namespace,
            neighbours=snapshot.neighbours,
            gaps=snapshot.gaps,
            logs=snapshot.logs,
            objects={
                name: msgspec.Raw(encoder.encode(items)) for name, items in snapshot.objects.items() if name in KINDS
            },
            custom=tuple(
                _CustomKind(name=name, group=_group(items), items=msgspec.Raw(encoder.encode(items)))
                for name, items in snapshot.objects.items()
                if name not in KINDS
            ),
            parts=tuple(sorted(snapshot.parts, key=str)) if snapshot.parts is not None else None,
        )
    )
    try:
        _write_atomically(target, body)
    except OSError as error:
        raise SnapshotError(f"cannot write {target}: {error.strerror}", hint="name another file") from error


def masked(snapshot: Snapshot) -> Snapshot:
    """`snapshot` without the credentials in its variables, arguments, annotations, events, conditions and logs."""
    redactor = Redactor()
    objects = {kind: redactor.value(items) for kind, items in snapshot.objects.items()}
    if redactor.count:  # what was recognised late may also stand, by itself, in what came before
        objects = {kind: redactor.value(items) for kind, items in objects.items()}
    logs = tuple(replace(log, lines=redactor.lines(log.lines)) for log in snapshot.logs)
    return replace(snapshot, objects=objects, logs=logs, gaps=redactor.value(snapshot.gaps))


def load(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Snapshot:
    """The snapshot saved at `path`, equal to the one that was saved but for masked credentials.

    Raises NotFoundError where there is no such file, SnapshotError where it is damaged, of another version, no
    snapshot, or would unpack to more than `max_bytes`.
    """
    source = Path(path)
    body = _unpack(source, max_bytes)
    try:
        _check_header(source, typed(body, _Header))
        with gc_paused():
            stored: _File = typed(body, _File)
            objects = {name: _objects(name, raw) for name, raw in stored.objects.items()}
            objects |= {kind.name: _custom_objects(kind) for kind in stored.custom}
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
        raise SnapshotError(
            f"{source} is no usable snapshot: {excerpt(str(error))}", hint="save it again where it came from"
        ) from error
    return Snapshot(
        cluster=stored.cluster,
        server_version=stored.server_version,
        taken_at=stored.taken_at,
        namespace=stored.namespace,
        neighbours=stored.neighbours,
        objects=objects,
        logs=stored.logs,
        gaps=stored.gaps,
        parts=frozenset(stored.parts) if stored.parts is not None else None,
    )


def _group(items: tuple[Resource, ...]) -> str:
    return next((item.group for item in items if isinstance(item, CustomResource)), "")


def _custom_objects(kind: _CustomKind) -> tuple[Resource, ...]:
    if kind.name in KINDS:
        raise msgspec.ValidationError(f"it holds custom objects of the kind {kind.name}")
    resource = custom_type(kind.name, kind.group)
    items: tuple[Resource, ...] = typed(kind.items, tuple[resource, ...])  # type: ignore[valid-type]
    return items


def _objects(kind_name: str, raw: msgspec.Raw) -> tuple[Resource, ...]:
    kinds: Mapping[str, Any] = KINDS
    if kind_name not in kinds:
        raise msgspec.ValidationError(f"it holds objects of an unknown kind {excerpt(kind_name, 63)!r}")
    resource = kinds[kind_name].type
    items: tuple[Resource, ...] = typed(raw, tuple[resource, ...])  # type: ignore[valid-type]
    return items


def _check_header(source: Path, header: _Header) -> None:
    if header.format != FORMAT:
        raise SnapshotError(f"{source} is no snapshot of KubeAgentiX", hint="`kubeagentix snapshot save` makes one")
    if header.schema_version != SCHEMA_VERSION:
        raise SnapshotError(
            f"{source} has schema version {header.schema_version}; this KubeAgentiX reads {SCHEMA_VERSION}",
            hint="use the version of KubeAgentiX that saved it",
        )


def _unpack(source: Path, max_bytes: int) -> bytes:
    chunks, size = io.BytesIO(), 0
    try:
        with gzip.open(source, "rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > max_bytes:
                    raise SnapshotError(
                        f"{source} unpacks to more than {max_bytes >> 20} MiB", hint="no snapshot is this large"
                    )
                chunks.write(chunk)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {source}", hint="check the path") from error
    except gzip.BadGzipFile as error:
        reason = "damaged" if "CRC" in str(error) or "length" in str(error) else "no snapshot: not compressed with gzip"
        raise SnapshotError(f"{source} is {reason}", hint="`kubeagentix snapshot save` makes one") from error
    except (EOFError, zlib.error) as error:
        raise SnapshotError(f"{source} is damaged: it ends early or was changed", hint="copy it again") from error
    except OSError as error:
        raise SnapshotError(f"cannot read {source}: {error.strerror}", hint="check the path") from error
    return chunks.getvalue()


def _write_atomically(target: Path, body: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # made with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed:
            packed.write(body)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
