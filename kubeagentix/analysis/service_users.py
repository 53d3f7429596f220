"""Who is meant to ask a Service: routes that lead to it, what the API server calls, and settings that name it.

A bare word in a command or a variable counts where a Service of that name is beside it: to take one user too many for
real keeps a warning, to miss one takes it away. What programs have built in, or read from Secrets, is not seen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from kubeagentix.analysis.mentions import is_address
from kubeagentix.analysis.templates import templates
from kubeagentix.analysis.webhook_backends import CONFIGURATIONS
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.extensions import APIService
from kubeagentix.domain.network import GRPCRoute, HTTPRoute, Ingress, Service
from kubeagentix.domain.pods import PodSpec
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap
from kubeagentix.domain.workloads import StatefulSet

Place = tuple[str, str]  # namespace and name of a Service; "" and its address
_WORD = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_EXPOSED = ("NodePort", "LoadBalancer")


def users_of(snapshot: Snapshot, service: Service) -> tuple[ResourceRef, ...]:
    """The objects that name a Service as where they, or others through them, go; each once."""
    known = snapshot.derived(_users)
    named = known.get((service.namespace, service.name), ())
    return tuple(dict.fromkeys((*named, *known.get(("", service.spec.cluster_ip), ()))))


def is_for_nobody(snapshot: Snapshot, service: Service) -> bool:
    """Whether a Service is for the inside of the cluster, and nothing there names it."""
    is_known = snapshot.was_read(Ingress, service.namespace)
    return is_known and service.spec.type not in _EXPOSED and not users_of(snapshot, service)


def _users(snapshot: Snapshot) -> Mapping[Place, tuple[ResourceRef, ...]]:
    services = {(item.namespace, item.name) for item in snapshot.all(Service)}
    services |= {("", item.spec.cluster_ip) for item in snapshot.all(Service)}
    found: dict[Place, list[ResourceRef]] = defaultdict(list)
    for place, user in (*_routed(snapshot), *_called_by_server(snapshot), *_set(snapshot)):
        if place in services:
            found[place].append(user)
    return {place: tuple(dict.fromkeys(users)) for place, users in found.items()}


def _routed(snapshot: Snapshot) -> Iterator[tuple[Place, ResourceRef]]:
    for ingress in snapshot.all(Ingress):
        backends = [path.backend for rule in ingress.spec.rules for path in rule.http.paths]
        backends += [ingress.spec.default_backend] if ingress.spec.default_backend else []
        names = [backend.service.name for backend in backends if backend.service is not None]
        yield from (((ingress.namespace, name), snapshot.ref(ingress)) for name in names)
        yield from _places(snapshot.ref(ingress), ingress.metadata.annotations.values())
    for route in (*snapshot.all(HTTPRoute), *snapshot.all(GRPCRoute)):
        for target in (target for rule in route.spec.rules for target in rule.backend_refs):
            yield (target.namespace or route.namespace, target.name), snapshot.ref(route)


def _called_by_server(snapshot: Snapshot) -> Iterator[tuple[Place, ResourceRef]]:
    for kind in CONFIGURATIONS:
        for configuration in snapshot.all(kind):
            for webhook in configuration.webhooks:
                if (service := webhook.client_config.service) is not None:
                    yield (service.namespace, service.name), snapshot.ref(configuration)
    for api in snapshot.all(APIService):
        if api.spec.service is not None:
            yield (api.spec.service.namespace, api.spec.service.name), snapshot.ref(api)


def _set(snapshot: Snapshot) -> Iterator[tuple[Place, ResourceRef]]:
    for template in templates(snapshot):
        yield from _places(template.workload, _texts(template.spec))
    for config in snapshot.all(ConfigMap):
        yield from _places(snapshot.ref(config), (host for hosts in config.hosts.values() for host in hosts))
    for stateful_set in snapshot.all(StatefulSet):
        yield (stateful_set.namespace, stateful_set.spec.service_name), snapshot.ref(stateful_set)


def _texts(spec: PodSpec) -> Iterator[str]:
    for container in (*spec.init_containers, *spec.containers):
        yield from (*container.command, *container.args, *(variable.value for variable in container.env))


def _places(user: ResourceRef, texts: Iterable[str]) -> Iterator[tuple[Place, ResourceRef]]:
    """The Services that words of `texts` may mean: `db`, `db.shop.svc`, `db-0.db`, an address."""
    for word in {word for text in texts for word in _WORD.findall(text.lower())}:
        first, *rest = word.split(".")
        if not rest:
            yield (user.namespace, first), user
        elif is_address(word):
            yield ("", word), user
        else:
            yield (rest[0], first), user
            yield (user.namespace, rest[0]), user
