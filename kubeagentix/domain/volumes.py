"""Volumes: where the files come from that a pod's containers see."""

from __future__ import annotations

from kubeagentix.domain.meta import Quantity, Value


class KeyToPath(Value, frozen=True):
    """`items[]` of a projected volume."""

    key: str = ""
    path: str = ""


class ConfigMapVolume(Value, frozen=True):
    """`configMap` of a volume or of a projection."""

    name: str = ""
    optional: bool = False
    items: tuple[KeyToPath, ...] = ()


class SecretVolume(Value, frozen=True):
    """`secret` of a volume."""

    secret_name: str = ""
    optional: bool = False
    items: tuple[KeyToPath, ...] = ()


class SecretProjection(Value, frozen=True):
    """`projected.sources[].secret`."""

    name: str = ""
    optional: bool = False
    items: tuple[KeyToPath, ...] = ()


class VolumeProjection(Value, frozen=True):
    """`projected.sources[]`."""

    config_map: ConfigMapVolume | None = None
    secret: SecretProjection | None = None


class ProjectedVolume(Value, frozen=True):
    """`projected`."""

    sources: tuple[VolumeProjection, ...] = ()


class ClaimVolume(Value, frozen=True):
    """`persistentVolumeClaim`."""

    claim_name: str = ""
    read_only: bool = False


class HostPathVolume(Value, frozen=True):
    """`hostPath`."""

    path: str = ""
    type: str = ""


class EmptyDirVolume(Value, frozen=True):
    """`emptyDir`."""

    medium: str = ""
    size_limit: Quantity | None = None


class EphemeralVolume(Value, frozen=True):
    """`ephemeral`: a claim named after the pod and the volume is made from a template."""


class NfsVolume(Value, frozen=True):
    """`nfs`."""

    server: str = ""
    path: str = ""


class CsiVolume(Value, frozen=True):
    """`csi`: a volume that a driver makes for this pod alone."""

    driver: str = ""


class Volume(Value, frozen=True):
    """`spec.volumes[]`."""

    name: str = ""
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    projected: ProjectedVolume | None = None
    persistent_volume_claim: ClaimVolume | None = None
    host_path: HostPathVolume | None = None
    empty_dir: EmptyDirVolume | None = None
    ephemeral: EphemeralVolume | None = None
    nfs: NfsVolume | None = None
    csi: CsiVolume | None = None
