"""How answers leave: JSON, compressed when large, as the object itself, its metadata only, or a table."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from kubeagentix.demo.api_errors import StatusError, not_acceptable

JSON = "application/json"
GZIP_MIN_BYTES = 128 * 1024  # as kube-apiserver: below, compressing costs more than it saves


class Form:
    """The form of answer an Accept header asks for: `object`, `table` or `metadata`."""

    OBJECT = "object"
    TABLE = "table"
    METADATA = "metadata"


def accepted_form(accept: str) -> str:
    """The first acceptable form named by an Accept header. Raises StatusError 406 if there is none."""
    for clause in accept.split(",") if accept else ("*/*",):
        media_type, *parameters = (part.strip() for part in clause.split(";"))
        options = dict(part.split("=", 1) for part in parameters if "=" in part)
        if media_type not in (JSON, "*/*", "application/*"):
            continue
        match options.get("as"):
            case None:
                return Form.OBJECT
            case "Table" if options.get("v") == "v1":
                return Form.TABLE
            case "PartialObjectMetadata" | "PartialObjectMetadataList" if options.get("v") == "v1":
                return Form.METADATA
    raise not_acceptable()


def json_answer(
    body: Any, status: int = 200, *, headers: Mapping[str, str] | None = None, accept_encoding: str = ""
) -> web.Response:
    """`body` as JSON, gzipped if large and welcome."""
    data = msgspec.json.encode(body)
    all_headers = {**common_headers(), "Content-Type": JSON, **(headers or {})}
    if len(data) > GZIP_MIN_BYTES and "gzip" in accept_encoding:
        data = gzip.compress(data, compresslevel=1)
        all_headers["Content-Encoding"] = "gzip"
        all_headers["Vary"] = "Accept-Encoding"
    return web.Response(body=data, status=status, headers=all_headers)


def error_answer(error: StatusError) -> web.Response:
    """A failure as its Status object."""
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else None
    return json_answer(error.body, error.code, headers=headers)


def text_answer(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Plain text."""
    content = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, status=status, headers={**common_headers(), **content, **(headers or {})})


def common_headers() -> dict[str, str]:
    """What every answer of an API server carries."""
    return {"Audit-Id": str(uuid.uuid4()), "Cache-Control": "no-cache, private"}


def metadata_only(obj: Mapping[str, Any]) -> dict[str, Any]:
    """An object as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
