"""Volumes whose files lie in memory, where they count for the memory limit of the container that writes them.

Source: https://kubernetes.io/docs/concepts/storage/volumes/#emptydir
"""

from __future__ import annotations

from kubeagentix.domain.pods import Container, Pod


def volumes_in_memory(pod: Pod, container: Container) -> tuple[str, ...]:
    """The names of the memory-backed volumes that a container mounts."""
    mounted = {mount.name for mount in container.volume_mounts}
    return tuple(
        volume.name
        for volume in pod.spec.volumes
        if volume.name in mounted and volume.empty_dir is not None and volume.empty_dir.medium == "Memory"
    )


def about_files_in_memory(pod: Pod, container: Container) -> str:
    """That the files of such volumes count for the container's limit, as a sentence after others; "" without any."""
    names = volumes_in_memory(pod, container)
    return f" The files in its volume {', '.join(names)} (emptyDir in memory) count for it too." if names else ""
