"""A simulated operator, as a cluster has many: cert-manager's, for issuers that sign with a key pair of their own.

It reads Issuers and Certificates, makes a CertificateRequest and in the end the Secret, and says in conditions how far
it got.
Source: cert-manager/pkg/controller/{issuers,certificates,certificaterequests}, pkg/issuer/ca (reasons and words).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from kubeagentix.demo.certificates import issue_certificate
from kubeagentix.demo.journal import Note, record
from kubeagentix.demo.store import Manifest
from kubeagentix.demo.world import World, metadata, moment, seconds, stamp

GROUP = "cert-manager.io"
KINDS = (("Issuer", "issuers"), ("Certificate", "certificates"), ("CertificateRequest", "certificaterequests"))
_RETRY_S = 300  # how far the issuer controller's retries are apart in the end
_LASTS = timedelta(days=90)
_Conditions = Sequence[tuple[str, bool, str, str]]


def sync_issuer(issuer: Mapping[str, Any], world: World) -> None:
    """An issuer is ready if its key pair is there."""
    secret = issuer["spec"]["ca"]["secretName"]
    if world.find("Secret", issuer["metadata"]["namespace"], secret) is not None:
        _write(issuer, [("Ready", True, "KeyPairVerified", "Signing CA verified")], world)
        return
    message = f'Error getting keypair for CA issuer: secrets "{secret}" not found'
    _write(issuer, [("Ready", False, "ErrGetKeyPair", message)], world)
    if world.refusals.get(issuer["metadata"]["uid"]) != message:
        world.refusals[issuer["metadata"]["uid"]] = message
        began = moment(issuer["metadata"]["creationTimestamp"])
        count = 1 + int((world.now - began).total_seconds() // _RETRY_S)
        note = Note(
            reason="ErrGetKeyPair", message=message, component="cert-manager-issuers", type="Warning",
            first=began, last=max(world.now - seconds(40), began), count=count,
        )  # fmt: skip
        record(world, issuer, note)


def sync_certificate(certificate: Mapping[str, Any], world: World) -> None:
    """A certificate is ready once its Secret is there, which takes an issuer that is ready."""
    namespace, spec = certificate["metadata"]["namespace"], certificate["spec"]
    issuer = world.find("Issuer", namespace, spec["issuerRef"]["name"])
    is_ready = issuer is not None and _is_ready(issuer)
    _put_request(certificate, world, is_ready=is_ready)
    if is_ready and world.find("Secret", namespace, spec["secretName"]) is None:
        world.store.put(_secret(certificate, world))
    if world.find("Secret", namespace, spec["secretName"]) is not None:
        _write(certificate, [("Ready", True, "Ready", "Certificate is up to date and has not expired")], world)
        return
    message = "Issuing certificate as Secret does not exist"
    conditions = [("Ready", False, "DoesNotExist", message), ("Issuing", True, "DoesNotExist", message)]
    _write(certificate, conditions, world)


def _put_request(certificate: Mapping[str, Any], world: World, *, is_ready: bool) -> None:
    name, namespace = f"{certificate['metadata']['name']}-1", certificate["metadata"]["namespace"]
    request = world.find("CertificateRequest", namespace, name)
    if request is None:
        created = moment(certificate["metadata"]["creationTimestamp"])
        request = world.store.put(
            {
                "apiVersion": certificate["apiVersion"],
                "kind": "CertificateRequest",
                "metadata": metadata(name, namespace, created=created, owner=certificate),
                "spec": {"issuerRef": dict(certificate["spec"]["issuerRef"]), "request": ""},
            }
        )
    approved = ("Approved", True, "cert-manager.io", "Certificate request has been approved by cert-manager.io")
    waiting = "Referenced issuer does not have a Ready status condition"
    issued = "Certificate fetched from issuer successfully"
    ready = ("Ready", True, "Issued", issued) if is_ready else ("Ready", False, "Pending", waiting)
    _write(request, [approved, ready], world)


def _secret(certificate: Mapping[str, Any], world: World) -> Manifest:
    created = max(moment(certificate["metadata"]["creationTimestamp"]), world.clock)
    signed, key = issue_certificate(certificate["spec"]["dnsNames"][0], created, _LASTS)
    data = {"tls.crt": base64.b64encode(signed).decode(), "tls.key": base64.b64encode(key).decode()}
    meta = metadata(certificate["spec"]["secretName"], certificate["metadata"]["namespace"], created=created)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "kubernetes.io/tls", "data": data}


def _is_ready(obj: Mapping[str, Any]) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _write(obj: Mapping[str, Any], conditions: _Conditions, world: World) -> None:
    before = {item["type"]: item for item in (obj.get("status") or {}).get("conditions") or ()}
    began = stamp(min(max(moment(obj["metadata"]["creationTimestamp"]), world.clock), world.now))
    written = []
    for kind, holds, reason, message in conditions:
        status, known = "True" if holds else "False", before.get(kind)
        at = known["lastTransitionTime"] if known and known["status"] == status else began
        written.append(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": at,
                "observedGeneration": obj["metadata"]["generation"],
            }
        )
    world.store.put({**obj, "status": {"conditions": written}})
