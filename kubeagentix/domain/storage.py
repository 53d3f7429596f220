"""Volumes and what is mounted from names: claims, classes, ConfigMaps and Secrets (never a Secret's values)."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from msgspec import field

from kubeagentix.domain.meta import (
    Condition,
    LabelSelector,
    LocalReference,
    ObjectReference,
    Quantity,
    Resource,
    TrackedResource,
    Value,
)
from kubeagentix.domain.pods import NodeSelector


class StorageRequests(Value, frozen=True):
    """`resources` of a claim."""

    requests: dict[str, Quantity] = {}


class ClaimSpec(Value, frozen=True):
    """`spec` of a PersistentVolumeClaim. An empty `storage_class_name` is no class; None asks for the default."""

    access_modes: tuple[str, ...] = ()
    resources: StorageRequests = field(default_factory=StorageRequests)
    storage_class_name: str | None = None
    volume_name: str = ""
    volume_mode: str = ""
    selector: LabelSelector | None = None


class ClaimStatus(Value, frozen=True):
    """`status` of a PersistentVolumeClaim."""

    phase: str = ""
    capacity: dict[str, Quantity] = {}
    conditions: tuple[Condition, ...] = ()


class PersistentVolumeClaim(Resource, frozen=True):
    """A PersistentVolumeClaim."""

    kind: ClassVar[str] = "PersistentVolumeClaim"
    spec: ClaimSpec = field(default_factory=ClaimSpec)
    status: ClaimStatus = field(default_factory=ClaimStatus)


class VolumeNodeAffinity(Value, frozen=True):
    """`nodeAffinity` of a PersistentVolume: the nodes that can reach it."""

    required: NodeSelector | None = None


class VolumeSpec(Value, frozen=True):
    """`spec` of a PersistentVolume."""

    capacity: dict[str, Quantity] = {}
    access_modes: tuple[str, ...] = ()
    storage_class_name: str = ""
    claim_ref: ObjectReference | None = None
    persistent_volume_reclaim_policy: str = ""
    volume_mode: str = ""
    node_affinity: VolumeNodeAffinity | None = None


class VolumeStatus(Value, frozen=True):
    """`status` of a PersistentVolume."""

    phase: str = ""
    reason: str = ""
    message: str = ""


class PersistentVolume(Resource, frozen=True):
    """A PersistentVolume."""

    kind: ClassVar[str] = "PersistentVolume"
    spec: VolumeSpec = field(default_factory=VolumeSpec)
    status: VolumeStatus = field(default_factory=VolumeStatus)


class StorageClass(Resource, frozen=True):
    """A StorageClass."""

    kind: ClassVar[str] = "StorageClass"
    provisioner: str = ""
    volume_binding_mode: str = ""
    reclaim_policy: str = ""
    allow_volume_expansion: bool = False

    @property
    def is_default(self) -> bool:
        """Whether claims that name no class get this one."""
        return self.metadata.annotations.get("storageclass.kubernetes.io/is-default-class") == "true"


class NameRefusal(Value, frozen=True):
    """Names that CoreDNS is told to answer with an error: all of `zones`, or those that a pattern matches."""

    zones: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    code: str = ""


class Corefile(Value, frozen=True):
    """What a Corefile has CoreDNS do, as far as it decides which names resolve. `rewrites` maps a name to another."""

    directives: tuple[str, ...] = ()
    kubernetes_zones: tuple[str, ...] = ()
    forwards: tuple[str, ...] = ()
    refusals: tuple[NameRefusal, ...] = ()
    rewrites: dict[str, str] = {}


class ConfigMap(TrackedResource, frozen=True):
    """A ConfigMap: its key names, its size, and the hosts that the value of a key names; values are not kept."""

    kind: ClassVar[str] = "ConfigMap"
    keys: tuple[str, ...] = ()
    size_bytes: int = 0
    hosts: dict[str, tuple[str, ...]] = {}
    corefile: Corefile | None = None  # of a key of that name
    immutable: bool = False


class TlsCertificate(Value, frozen=True):
    """What a TLS Secret's certificate says of itself; never the key."""

    subject: str = ""
    issuer: str = ""
    dns_names: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None


class Secret(TrackedResource, frozen=True):
    """A Secret without its values: type, key names, for TLS the certificate, for pull secrets the registry names."""

    kind: ClassVar[str] = "Secret"
    type: str = ""
    keys: tuple[str, ...] = ()
    empty_keys: tuple[str, ...] = ()
    certificate: TlsCertificate | None = None
    registries: tuple[str, ...] = ()
    problem: str = ""  # what is malformed in it, in words, never the value
    key_fits: bool | None = None  # whether tls.key is the key of tls.crt; None where that cannot be told
    size_bytes: int = 0
    immutable: bool = False


class ServiceAccount(Resource, frozen=True):
    """A ServiceAccount."""

    kind: ClassVar[str] = "ServiceAccount"
    image_pull_secrets: tuple[LocalReference, ...] = ()
    automount_service_account_token: bool | None = None
