"""What a path inside a container is: which volume is mounted there, what it holds, and who may write to it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from kubeagentix.analysis.containers import PodContainer
from kubeagentix.analysis.logs import LoggedFailure
from kubeagentix.analysis.mentions import port_in
from kubeagentix.analysis.signatures import (
    DATA_CORRUPTED,
    DATA_VERSION,
    DIRECTORY_NOT_EMPTY,
    DISK_FULL,
    IS_A_DIRECTORY,
    LOCK_HELD,
    MISSING_FILE,
    PERMISSION_DENIED,
    READ_ONLY,
    SOCKET_MISSING,
    WRONG_USER,
)
from kubeagentix.analysis.spelling import nearest
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.pods import Container, Pod, PodSpec, VolumeMount
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, Secret
from kubeagentix.domain.volumes import KeyToPath, Volume

PATH_SIGNATURES = (
    *(DISK_FULL, IS_A_DIRECTORY, MISSING_FILE, PERMISSION_DENIED, READ_ONLY, SOCKET_MISSING),
    *(LOCK_HELD, DIRECTORY_NOT_EMPTY, DATA_VERSION, DATA_CORRUPTED, WRONG_USER),
)
_OF_A_DATA_DIRECTORY = (LOCK_HELD, DIRECTORY_NOT_EMPTY, DATA_VERSION, DATA_CORRUPTED, WRONG_USER)
KEYS_SHOWN = 8
FIRST_FREE_PORT = 1024  # Linux: net.ipv4.ip_unprivileged_port_start
_SEARCHED = ("/bin", "/sbin", "/usr", "/usr/bin", "/usr/sbin", "/usr/local", "/usr/local/bin", "/usr/local/sbin")
ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"


def about_path(
    snapshot: Snapshot, container: PodContainer, failure: LoggedFailure
) -> tuple[str, tuple[ResourceRef, ...]]:
    """What the spec says of the path that failed, in sentences, and the objects that it points at."""
    signature = failure.signature
    user = _about_user(container) if signature in (PERMISSION_DENIED, WRONG_USER) else ""
    user += _about_powers(container, failure.line) if signature == PERMISSION_DENIED else ""
    if signature == PERMISSION_DENIED and failure.subject.startswith("port "):
        return user, ()
    if failure.subject.startswith(ACCOUNT_DIRECTORY):
        return _about_token(container), ()
    found = _mount_of(container, failure.subject)
    if found is None and signature in _OF_A_DATA_DIRECTORY:
        found = _only_claim(container)
    if signature in (IS_A_DIRECTORY, MISSING_FILE):
        pod = container.pod
        for mount, source, words in missing_sub_paths(snapshot, pod.namespace, pod.spec, container.spec):
            if mount == (found[0] if found is not None else None) or not failure.subject:
                return f" {words}", (source,)
    if found is None:
        return user + _about_image(container, signature, failure.subject), ()
    mount, volume = found
    place = f" {mount.mount_path} is {_describe(container, volume)}"
    detail, points_at = _detail(snapshot, container, failure, mount, volume)
    return f"{user}{place}{detail}.", points_at


def _about_token(container: PodContainer) -> str:
    is_off = container.pod.spec.automount_service_account_token is False
    why = " The pod has automountServiceAccountToken: false." if is_off else ""
    return f" That is the token by which a pod is known to the API server.{why}"


def _about_image(container: PodContainer, signature: str, path: str) -> str:
    """What is to be said of a path on no volume of the pod's."""
    if signature == READ_ONLY:
        return _about_root(container)
    if signature not in (MISSING_FILE, SOCKET_MISSING) or not path.startswith("/"):
        return ""
    base = posixpath.basename(path)
    mounted = [
        mount.mount_path for mount in container.spec.volume_mounts if not mount.mount_path.startswith("/var/run/")
    ]
    like = nearest(posixpath.dirname(path), mounted) if mounted else ""
    meant = f" (there is one at {like})" if like else ""
    return f" No volume is mounted there{meant}: {base or path} would have to be in the image."


def _only_claim(container: PodContainer) -> tuple[VolumeMount, Volume] | None:
    """The one mount of a claim that a container has: where a server keeps its data, if it names no place."""
    volumes = {volume.name: volume for volume in container.pod.spec.volumes}
    claims = [
        (mount, volumes[mount.name])
        for mount in container.spec.volume_mounts
        if mount.name in volumes and _claim_of(container, volumes[mount.name]) is not None
    ]
    return claims[0] if len(claims) == 1 else None


def about_script(container: PodContainer, path: str) -> str:
    """Why a file that a volume brings cannot be executed, in a sentence; "" for what the image brings."""
    found = _mount_of(container, path)
    if found is None:
        return ""
    mount, volume = found
    place = f"{mount.mount_path} is {_describe(container, volume)}"
    mode = ": its files can be executed only with a defaultMode such as 0755"
    return f"{place}{mode if _is_always_read_only(volume) else ''}."


def hidden_by_mount(snapshot: Snapshot, container: PodContainer, command: str) -> str:
    """Which mount lies over the place where the image has `command`, in a sentence; "" for none."""
    mounts = container.spec.volume_mounts
    if "/" in command:
        found = _mount_of(container, command)
        over = found[0] if found is not None and not found[0].sub_path else None
    else:
        over = next((item for item in mounts if item.mount_path.rstrip("/") in _SEARCHED and not item.sub_path), None)
    if over is None or bringer_of(snapshot, container, command) is not None:
        return ""
    return f"Volume {over.name} is mounted at {over.mount_path}, and hides what the image has there."


def brought_file(snapshot: Snapshot, container: PodContainer, path: str) -> str:
    """`ConfigMap scripts`: the object that brings the file at `path`, if one does and has it; else ""."""
    source = bringer_of(snapshot, container, path)
    return f"{source.kind} {source.name}" if source is not None else ""


def bringer_of(snapshot: Snapshot, container: PodContainer, path: str) -> ResourceRef | None:
    """The ConfigMap or Secret that brings the file at `path`, if one does and has it."""
    found = _mount_of(container, path)
    held = _files_of(snapshot, container.pod.namespace, found[1]) if found is not None else None
    if found is None or held is None:
        return None
    name = found[0].sub_path or posixpath.relpath(path, found[0].mount_path)
    return held[0] if name in held[1] else None


def _detail(
    snapshot: Snapshot, container: PodContainer, failure: LoggedFailure, mount: VolumeMount, volume: Volume
) -> tuple[str, tuple[ResourceRef, ...]]:
    """What of a mount explains the failure, to follow its description; and the object that would have to change."""
    signature, path = failure.signature, failure.subject
    claim = _claim_of(container, volume)
    if signature == READ_ONLY and (mount.read_only or _is_always_read_only(volume)):
        return ", mounted read-only" if mount.read_only else ", which is always read-only", ()
    if signature == PERMISSION_DENIED and _keeps_its_owner(container, volume):
        return ", and the pod sets no fsGroup that would give it the files", ()
    if signature == LOCK_HELD and claim is not None:
        return _others_on(snapshot, container, claim), (claim,)
    if signature == DIRECTORY_NOT_EMPTY and claim is not None:
        return ", whose file system may hold lost+found: name a directory below it, or mount with a subPath", ()
    held = _files_of(snapshot, container.pod.namespace, volume) if signature == MISSING_FILE else None
    if held is None:
        return "", (claim,) if signature == DISK_FULL and claim is not None else ()
    source, names = held
    wanted = posixpath.relpath(path, mount.mount_path) if path.startswith("/") else path
    like = nearest(wanted, names)
    meant = f"; {like} is the nearest to {wanted}" if like and wanted not in names else ""
    return f", which holds: {_listed(names)}{meant}", (source,) if wanted not in names else ()


def _others_on(snapshot: Snapshot, container: PodContainer, claim: ResourceRef) -> str:
    """Which other pods mount the claim; "" for none."""
    others = [
        pod.name
        for pod in snapshot.in_namespace(Pod, claim.namespace)
        if pod.name != container.pod.name
        and not pod.is_finished
        and any(
            item.persistent_volume_claim and item.persistent_volume_claim.claim_name == claim.name
            for item in pod.spec.volumes
        )
    ]
    return f", which pod {others[0]} mounts too" if others else ""


def _about_user(container: PodContainer) -> str:
    for context in (container.spec.security_context, container.pod.spec.security_context):
        if context is not None and context.run_as_user is not None:
            return f" The container runs as user {context.run_as_user}."
    return ""


def _about_powers(container: PodContainer, line: str) -> str:
    """What a right that is no matter of files would take: a port below 1024, or what only root may do."""
    context = container.spec.security_context
    dropped = context.capabilities.drop if context is not None and context.capabilities is not None else ()
    without = f" Its securityContext drops {', '.join(dropped)}." if dropped else ""
    port = port_in(line).removeprefix("port ")
    if re.search(r"\b(?:bind|listen)", line) and (not port or int(port) < FIRST_FREE_PORT):
        return f"{without} A port below 1024 is for root, or takes the capability NET_BIND_SERVICE."
    return without if re.search(r"(?i)operation not permitted", line) else ""


def _about_root(container: PodContainer) -> str:
    context = container.spec.security_context
    if context is None or not context.read_only_root_filesystem:
        return ""
    return " The container has readOnlyRootFilesystem: true; mount an emptyDir where it writes."


def _mount_of(container: PodContainer, path: str) -> tuple[VolumeMount, Volume] | None:
    """The mount that `path` is on, with its volume; None where it is on the image's own file system."""
    if "/" not in path and not container.spec.working_dir:
        return None
    whole = posixpath.normpath(posixpath.join(container.spec.working_dir or "/", path))
    holding = [mount for mount in container.spec.volume_mounts if _is_under(whole, mount.mount_path)]
    mount = max(holding, key=lambda item: len(item.mount_path), default=None)
    volumes = (item for item in container.pod.spec.volumes if mount is not None and item.name == mount.name)
    volume = next(volumes, None)
    return (mount, volume) if mount is not None and volume is not None else None


def _is_under(path: str, directory: str) -> bool:
    directory = directory.rstrip("/")
    return path == directory or path.startswith(f"{directory}/")


def _is_always_read_only(volume: Volume) -> bool:
    # What shows objects of the API is read-only, whatever the mount says.
    return volume.config_map is not None or volume.secret is not None or volume.projected is not None


def _keeps_its_owner(container: PodContainer, volume: Volume) -> bool:
    """Whether nothing hands the volume's files to the pod: fsGroup would, on claims."""
    security = container.pod.spec.security_context
    is_claim = volume.persistent_volume_claim is not None or volume.ephemeral is not None
    return is_claim and (security is None or security.fs_group is None)


def _describe(container: PodContainer, volume: Volume) -> str:
    claim, what = _claim_of(container, volume), ""
    if volume.config_map is not None:
        what = f"ConfigMap {volume.config_map.name}"
    elif volume.secret is not None:
        what = f"Secret {volume.secret.secret_name}"
    elif claim is not None:
        what = f"PersistentVolumeClaim {claim.name}"
    elif volume.host_path is not None:
        what = f"path {volume.host_path.path} of the node"
    elif volume.empty_dir is not None:
        limit = volume.empty_dir.size_limit
        what = f"emptyDir{' in memory' if volume.empty_dir.medium == 'Memory' else ''}"
        what += f" of at most {limit}" if limit is not None else ""
    return f"volume {volume.name}{f' ({what})' if what else ''}"


def _claim_of(container: PodContainer, volume: Volume) -> ResourceRef | None:
    pod = container.pod
    if volume.persistent_volume_claim is not None:
        name = volume.persistent_volume_claim.claim_name
    elif volume.ephemeral is not None:
        name = f"{pod.name}-{volume.name}"
    else:
        return None
    return ResourceRef(kind="PersistentVolumeClaim", namespace=pod.namespace, name=name)


def _files_of(snapshot: Snapshot, namespace: str, volume: Volume) -> tuple[ResourceRef, tuple[str, ...]] | None:
    """The ConfigMap or Secret that a volume shows, and the names of its files; None for others, or if unread."""
    if volume.config_map is not None:
        name, items = volume.config_map.name, volume.config_map.items
        found: ConfigMap | Secret | None = snapshot.get(ConfigMap, namespace, name)
    elif volume.secret is not None:
        name, items = volume.secret.secret_name, volume.secret.items
        found = snapshot.get(Secret, namespace, name)
    else:
        return None
    return (snapshot.ref(found), _files(found, items)) if found is not None else None


def _files(source: ConfigMap | Secret, items: tuple[KeyToPath, ...]) -> tuple[str, ...]:
    return tuple(item.path for item in items if item.key in source.keys) if items else tuple(sorted(source.keys))


def missing_sub_paths(
    snapshot: Snapshot, namespace: str, spec: PodSpec, container: Container
) -> Iterator[tuple[VolumeMount, ResourceRef, str]]:
    """Mounts of a container whose `subPath` is no file of their ConfigMap or Secret, that object, and both in words.

    The kubelet does not refuse them: it makes an empty directory of that name.
    Source: makeMounts in pkg/kubelet/kubelet_pods.go.
    """
    volumes = {volume.name: volume for volume in spec.volumes}
    for mount in container.volume_mounts:
        volume, path = volumes.get(mount.name), posixpath.normpath(mount.sub_path)
        held = _files_of(snapshot, namespace, volume) if volume is not None and mount.sub_path else None
        if (
            path.startswith(".")
            or held is None
            or any(_is_under(path, name) or _is_under(name, path) for name in held[1])
        ):
            continue
        source, names = held
        words = (
            f"subPath {mount.sub_path} of the mount at {mount.mount_path} is no key of {source.kind} {source.name} "
            f"(it has: {_listed(names)}), so an empty directory is mounted there."
        )
        yield mount, source, words


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - KEYS_SHOWN} more" if len(names) > KEYS_SHOWN else ""
    return (", ".join(names[:KEYS_SHOWN]) or "nothing") + more
