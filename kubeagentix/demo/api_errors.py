"""The API server's errors: `Status` objects, worded as kube-apiserver words them.

Source: k8s.io/apimachinery/pkg/api/errors, and the answers of a kube-apiserver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubeagentix.demo.kinds import ServedKind


class StatusError(Exception):
    """An answer that is a failure: HTTP code and Status object."""

    def __init__(
        self, code: int, reason: str, message: str, details: dict[str, Any] | None = None, *, retry_after_s: int = 0
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after_s = retry_after_s

    @property
    def body(self) -> dict[str, Any]:
        """The Status object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **({"details": self.details} if self.details is not None else {}),
            "code": self.code,
        }


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why an object is invalid."""

    field: str
    reason: str
    message: str


def details_of(group: str, resource: str, name: str = "") -> dict[str, Any]:
    """`details` of a Status about an object; absent parts are left out, as the server does."""
    parts = {"name": name, "group": group, "kind": resource}
    return {key: value for key, value in parts.items() if value}


def success(**details: Any) -> dict[str, Any]:
    """The Status object of a success."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return {**status, "details": details} if details else status


def not_found(kind: ServedKind, name: str) -> StatusError:
    """404 for an object."""
    return StatusError(
        404, "NotFound", f'{kind.resource} "{name}" not found', details_of(kind.group, kind.plural, name)
    )


def no_such_resource() -> StatusError:
    """404 for a resource or subresource that is not served."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(kind: ServedKind, name: str) -> StatusError:
    """409 for a name that is taken."""
    details = details_of(kind.group, kind.plural, name)
    return StatusError(409, "AlreadyExists", f'{kind.resource} "{name}" already exists', details)


def conflict(kind: ServedKind, name: str, why: str = "") -> StatusError:
    """409 for a write based on an outdated object, or for a failed precondition."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    return StatusError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}',
        details_of(kind.group, kind.plural, name),
    )


def bad_request(message: str) -> StatusError:
    """400."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """401."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(group: str, resource: str, name: str, why: str) -> StatusError:
    """403 for a resource; `why` follows `is forbidden: `."""
    qualified = f"{resource}.{group}" if group else resource
    subject = f'{qualified} "{name}"' if name else qualified
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {why}", details_of(group, resource, name))


def method_not_allowed() -> StatusError:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, {})


def not_acceptable() -> StatusError:
    """406."""
    return StatusError(406, "NotAcceptable", "406: Not Acceptable", {})


def expired(message: str) -> StatusError:
    """410."""
    return StatusError(410, "Expired", message)


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    """415."""
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return StatusError(415, "UnsupportedMediaType", message)


def unprocessable() -> StatusError:
    """422 for a JSON patch that cannot be applied."""
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """422 for an object with wrong fields."""
    lines = [f"{cause.field}: {cause.message}" for cause in causes]
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    qualified = f"{kind}.{group}" if group else kind
    details = {
        **details_of(group, kind, name),
        "causes": [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes],
    }
    return StatusError(422, "Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def not_implemented(what: str) -> StatusError:
    """501 for what only a cluster with real nodes can do."""
    return StatusError(501, "NotImplemented", f"{what} is not possible: this cluster simulates its nodes", {})
