"""`--show-payload`: what would be sent to a model, as one JSON document, and nothing sent."""

from __future__ import annotations

from kubeagentix.cli import output
from kubeagentix.domain.payloads import NOBODY, Payload


def show(payload: Payload | None) -> None:
    """Writes it to standard output."""
    output.write(f"{payload if payload is not None else NOBODY}\n", is_document=True)
