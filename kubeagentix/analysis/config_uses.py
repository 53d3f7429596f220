"""Which ConfigMaps and Secrets, and which of their keys, something in the picture names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from kubeagentix.analysis.templates import templates
from kubeagentix.domain.network import Ingress
from kubeagentix.domain.pods import Container, Pod, PodSpec
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ServiceAccount
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
