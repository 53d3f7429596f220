"""Which ConfigMaps and Secrets, and which of their keys, something in the picture names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from kubeagentix.analysis.templates import templates
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.network import Ingress
from kubeagentix.domain.pods import Container, Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, Secret, ServiceAccount
from kubeagentix.domain.volumes import KeyToPath, Volume

Place = tuple[str, str, str]  # kind, namespace, name
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class ConfigUses:
    """`whole` are used with all their keys; `keys` has the keys of those that are used key by key.

    `words` are (namespace, word) of everything that stands in commands, arguments and variables: what a process
    reads through the API is often named there.
    """

    whole: set[Place] = field(default_factory=set)
    keys: dict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
    words: set[tuple[str, str]] = field(default_factory=set)

    def is_used(self, place: Place) -> bool:
        """Whether anything names it."""
        return place in self.whole or place in self.keys or place[1:] in self.words


def config_uses(snapshot: Snapshot) -> ConfigUses:
    """What pods, pod templates, ServiceAccounts and Ingresses use."""
    uses = ConfigUses()
    specs = [(template.namespace, template.spec) for template in templates(snapshot)]
    specs += [(pod.namespace, pod.spec) for pod in snapshot.all(Pod)]
    for namespace, spec in specs:
        for kind, name, keys in _named(spec):
            if keys is None:
                uses.whole.add((kind, namespace, name))
            else:
                uses.keys[(kind, namespace, name)].update(keys)
        uses.words.update((namespace, word) for text in _texts(spec) for word in _WORD.findall(text))
    for account in snapshot.all(ServiceAccount):
        uses.whole.update(("Secret", account.namespace, item.name) for item in account.image_pull_secrets)
    for ingress in snapshot.all(Ingress):
        uses.whole.update(("Secret", ingress.namespace, item.secret_name) for item in ingress.spec.tls)
        for value in ingress.metadata.annotations.values():  # controllers take Secrets for sign-ins from there
            uses.words.update((ingress.namespace, word) for word in _WORD.findall(value))
    return uses


def config_naming(snapshot: Snapshot, pod: Pod, container: Container, host: str) -> Iterator[tuple[ResourceRef, str]]:
    """The ConfigMaps that a container is given, as variables or files, and the key in which one names `host`."""
    mounted = {mount.name for mount in container.volume_mounts}
    used = [*_of_container(container)]
    used += [item for volume in pod.spec.volumes if volume.name in mounted for item in _of_volume(volume)]
    wanted = host.partition(":")[0].lower()
    for name in dict.fromkeys(name for kind, name, _ in used if kind == ConfigMap.kind):
        found = snapshot.get(ConfigMap, pod.namespace, name)
        for key, hosts in found.hosts.items() if found is not None else ():
            if wanted and wanted in (item.partition(":")[0].lower() for item in hosts):
                yield snapshot.named(ConfigMap.kind, pod.namespace, name), key
                break


def others_missing(snapshot: Snapshot, pod: Pod, told: ResourceRef) -> str:
    """Which further ConfigMaps and Secrets a pod cannot do without and do not exist, as a sentence, or ""."""
    needed = (snapshot.named(kind, pod.namespace, name) for kind, name in _needed(pod.spec))
    others = [ref for ref in dict.fromkeys(needed) if ref != told and snapshot.lacks(ref)]
    if not others:
        return ""
    return f"It will lack {' and '.join(f'{ref.kind} {ref.name}' for ref in others)} next: of that name there is none."


def _needed(spec: PodSpec) -> Iterator[tuple[str, str]]:
    """(kind, name) of what containers and volumes take that is not optional."""
    for container in (*spec.init_containers, *spec.containers):
        taken = [source.value_from for source in container.env if source.value_from is not None]
        maps = [*(item.config_map_ref for item in container.env_from), *(item.config_map_key_ref for item in taken)]
        secrets = [*(item.secret_ref for item in container.env_from), *(item.secret_key_ref for item in taken)]
        yield from ((ConfigMap.kind, ref.name) for ref in maps if ref is not None and not ref.optional)
        yield from ((Secret.kind, ref.name) for ref in secrets if ref is not None and not ref.optional)
    for volume in spec.volumes:
        if volume.config_map is not None and not volume.config_map.optional:
            yield ConfigMap.kind, volume.config_map.name
        if volume.secret is not None and not volume.secret.optional:
            yield Secret.kind, volume.secret.secret_name


def _named(spec: PodSpec) -> Iterator[tuple[str, str, set[str] | None]]:
    """(kind, name, keys) that a pod uses; None for all keys."""
    for container in (*spec.init_containers, *spec.containers):
        yield from _of_container(container)
    for volume in spec.volumes:
        yield from _of_volume(volume)
    yield from (("Secret", item.name, None) for item in spec.image_pull_secrets)


def _of_container(container: Container) -> Iterator[tuple[str, str, set[str] | None]]:
    for source in container.env_from:
        if source.config_map_ref:
            yield "ConfigMap", source.config_map_ref.name, None
        if source.secret_ref:
            yield "Secret", source.secret_ref.name, None
    for variable in container.env:
        taken = variable.value_from
        if taken and taken.config_map_key_ref:
            yield "ConfigMap", taken.config_map_key_ref.name, {taken.config_map_key_ref.key}
        if taken and taken.secret_key_ref:
            yield "Secret", taken.secret_key_ref.name, {taken.secret_key_ref.key}


def _of_volume(volume: Volume) -> Iterator[tuple[str, str, set[str] | None]]:
    if volume.config_map:
        yield "ConfigMap", volume.config_map.name, _keys(volume.config_map.items)
    if volume.secret:
        yield "Secret", volume.secret.secret_name, _keys(volume.secret.items)
    for source in volume.projected.sources if volume.projected else ():
        if source.config_map:
            yield "ConfigMap", source.config_map.name, _keys(source.config_map.items)
        if source.secret:
            yield "Secret", source.secret.name, _keys(source.secret.items)


def _keys(items: tuple[KeyToPath, ...]) -> set[str] | None:
    return {item.key for item in items} or None


def _texts(spec: PodSpec) -> Iterator[str]:
    for container in (*spec.init_containers, *spec.containers):
        yield from (*container.command, *container.args, *(variable.value for variable in container.env))
