"""Where a container's settings come from: its env, the ConfigMaps and Secrets behind it, those it may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kubeagentix.analysis.containers import PodContainer
from kubeagentix.analysis.spelling import nearest
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Container, EnvVar, Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import ConfigMap, Secret

_SECRET_NAME = re.compile(r"(?i)PASS(?:WORD|WD)?|PWD|TOKEN|SECRET|CREDENTIAL|API_?KEY|AUTH|DSN|URL|URI")
# By which settings the usual images of databases are given their first account. Source: their pages on Docker Hub
_SERVER_PASSWORDS = re.compile(
    r"^(?:POSTGRES_PASSWORD|(?:MYSQL|MARIADB)_(?:ROOT_)?PASSWORD|REDIS_PASSWORD|MONGO_INITDB_ROOT_PASSWORD"
    r"|MONGODB_ROOT_PASSWORD|POSTGRESQL_PASSWORD|RABBITMQ_DEFAULT_PASS)$"
)
_SERVER_USERS = re.compile(
    r"^(?:POSTGRES(?:QL)?_USER(?:NAME)?|(?:MYSQL|MARIADB)_USER|MONGO_INITDB_ROOT_USERNAME|RABBITMQ_DEFAULT_USER)$"
)
_SERVER_DATABASES = re.compile(r"^(?:POSTGRES(?:QL)?_(?:DB|DATABASE)|(?:MYSQL|MARIADB|MONGO_INITDB)_DATABASE)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The key of a ConfigMap or Secret that a variable is taken from. `keys` is None where the object is not known."""

    ref: ResourceRef
    key: str
    keys: tuple[str, ...] | None

    def __str__(self) -> str:
        return f"key {self.key} of {self.ref.kind} {self.ref.name}"


def about_variable(snapshot: Snapshot, container: PodContainer, name: str) -> tuple[str, tuple[ResourceRef, ...]]:
    """What the spec says of a variable that the program misses, in sentences, and the objects that it points at."""
    # Of variables of one name the last is what the process sees.
    variable = next((item for item in reversed(container.spec.env) if item.name == name), None)
    if variable is not None:
        return _about_set(snapshot, container, variable)
    words, points_at = _about_env_from(snapshot, container, name)
    like = nearest(name, (item.name for item in container.spec.env))
    hint = f" It sets {like}: was that meant?" if like else ""
    nothing = " (nor does its envFrom bring it)" if container.spec.env_from else ""
    return (
        f"The container's env does not set {name}{nothing}.{hint or words or _elsewhere(snapshot, container, name)}",
        (() if hint else points_at),
    )


def _about_set(snapshot: Snapshot, container: PodContainer, variable: EnvVar) -> tuple[str, tuple[ResourceRef, ...]]:
    origin = origin_of(snapshot, container.pod.namespace, variable)
    if origin is None:
        is_empty = not variable.value and variable.value_from is None
        return f"The pod does set {variable.name}" + (", to an empty value." if is_empty else "."), ()
    words = f"The pod takes {variable.name} from {origin}"
    if origin.keys is None:
        is_gone = snapshot.lacks(origin.ref)
        return f"{words}{', which does not exist' if is_gone else ''}.", (origin.ref,)
    if origin.key not in origin.keys:
        like = nearest(origin.key, origin.keys)
        return f"{words}, which has no such key{f' (it has {like})' if like else ''}.", (origin.ref,)
    secret = snapshot.get(Secret, origin.ref.namespace, origin.ref.name) if origin.ref.kind == Secret.kind else None
    is_empty = secret is not None and origin.key in secret.empty_keys
    return f"{words}{', whose value is empty' if is_empty else ''}.", (origin.ref,)


def _about_env_from(snapshot: Snapshot, container: PodContainer, name: str) -> tuple[str, tuple[ResourceRef, ...]]:
    """The ConfigMap or Secret of envFrom that is missing, or has a key of nearly that name."""
    for source in container.spec.env_from:
        named = source.config_map_ref or source.secret_ref
        if named is None:
            continue
        kind = ConfigMap if source.config_map_ref is not None else Secret
        ref = snapshot.named(kind.kind, container.pod.namespace, named.name)
        if snapshot.lacks(ref):
            return f" Its envFrom names {ref.kind} {ref.name}, which does not exist.", (ref,)
        found = snapshot.find(ref)
        keys = found.keys if isinstance(found, ConfigMap | Secret) else ()
        brought = {f"{source.prefix}{key}": key for key in keys}
        like = nearest(_folded(name), (_folded(item) for item in brought))
        meant = next((item for item in brought if _folded(item) == like), "")
        if meant:
            as_what = f", which it brings as {meant}" if meant != brought[meant] else ""
            return f" {ref.kind} {ref.name} has the key {brought[meant]}{as_what}: was that meant?", (ref,)
    return "", ()


def _folded(name: str) -> str:
    # Keys of files and names of variables differ by custom: db.host, db-host, DB_HOST
    return re.sub(r"[.-]", "_", name).upper()


def _elsewhere(snapshot: Snapshot, container: PodContainer, name: str) -> str:
    """Who has that very name and does not give it to this container: another container, or one ConfigMap or Secret."""
    pod = container.pod
    for spec in (*pod.spec.containers, *pod.spec.init_containers):
        if spec.name != container.name and any(item.name == name for item in spec.env):
            return f" Container {spec.name} of the same pod does set it."
    sources = [
        *(item for item in snapshot.in_namespace(ConfigMap, pod.namespace) if name in item.keys),
        *(item for item in snapshot.in_namespace(Secret, pod.namespace) if name in item.keys),
    ]
    if len(sources) != 1:
        return ""
    return f" {sources[0].kind} {sources[0].name} has a key of that name, which the container does not read."


def origin_of(snapshot: Snapshot, namespace: str, variable: EnvVar) -> Origin | None:
    """Which key of which object a variable is taken from; None for one with a value of its own."""
    source = variable.value_from
    if source is None or (source.config_map_key_ref is None and source.secret_key_ref is None):
        return None
    selector, kind = source.secret_key_ref, Secret.kind
    if selector is None:
        selector, kind = source.config_map_key_ref, ConfigMap.kind
    if selector is None:
        return None
    ref = snapshot.named(kind, namespace, selector.name)
    found = snapshot.find(ref)
    return Origin(ref=ref, key=selector.key, keys=found.keys if isinstance(found, ConfigMap | Secret) else None)


def credentials_of(snapshot: Snapshot, namespace: str, container: Container) -> tuple[tuple[str, Origin], ...]:
    """(variable, its origin) of what a container is given to prove who it is."""
    found = ((item.name, origin_of(snapshot, namespace, item)) for item in container.env)
    return tuple(
        (name, origin)
        for name, origin in found
        if origin is not None and (_SECRET_NAME.search(name) or _SECRET_NAME.search(origin.key))
        if origin.ref.kind == Secret.kind
    )


def about_account(
    snapshot: Snapshot, container: PodContainer, server: ResourceRef | None
) -> tuple[str, tuple[ResourceRef, ...]]:
    """Where a refused password comes from, and where the server's own does, in sentences; the Secrets of both."""
    own = credentials_of(snapshot, container.pod.namespace, container.spec)
    theirs = list(_server_settings(snapshot, server, _SERVER_PASSWORDS))
    words = "".join(f" It takes {name} from {origin}." for name, origin in own[:2])
    given = [(name, origin) for name, origin in theirs if isinstance(origin, Origin)]
    refs = [origin.ref for _, origin in own[:2]]
    if given:
        name, origin = given[0]
        is_same = any((item.ref, item.key) == (origin.ref, origin.key) for _, item in own)
        words += f" The server takes {name} from {'the same key' if is_same else origin}"
        # Source: the images' pages: the settings count only while the data directory is empty
        words += ", when it starts on an empty volume: a later change does not reach it." if is_same else "."
        refs.append(origin.ref)
    return words, tuple(dict.fromkeys(refs))


def about_server_names(snapshot: Snapshot, server: ResourceRef | None, *, is_user: bool, name: str) -> str:
    """Which user or database the server's own settings make, where that is another than `name`; in a sentence."""
    pattern = _SERVER_USERS if is_user else _SERVER_DATABASES
    made = [(setting, value) for setting, value in _server_settings(snapshot, server, pattern) if value]
    if not made or any(value == name for _, value in made):
        return ""
    setting, value = made[0]
    return f" The server's {setting} is {value if isinstance(value, str) else f'taken from {value}'}."


def _server_settings(
    snapshot: Snapshot, server: ResourceRef | None, pattern: re.Pattern[str]
) -> Iterator[tuple[str, Origin | str]]:
    """(variable, its value or origin) of the containers behind a Service whose names match."""
    service = snapshot.get(Service, server.namespace, server.name) if server and server.kind == "Service" else None
    pods: tuple[Pod, ...] = ()
    if service is not None:
        pods = snapshot.pods_selected(service.namespace, service.spec.selector)
    for pod in pods[:1]:
        for spec in pod.spec.containers:
            for variable in spec.env:
                if pattern.match(variable.name):
                    yield variable.name, origin_of(snapshot, pod.namespace, variable) or variable.value


def about_service_link(snapshot: Snapshot, namespace: str, address: str) -> tuple[str, str]:
    """(the variable's name or "", a sentence) for a `tcp://address:port` that a program took for its own setting."""
    host = address.partition("://")[2].rpartition(":")[0]
    service = next(
        (item for item in snapshot.in_namespace(Service, namespace) if host and item.spec.cluster_ip == host), None
    )
    if service is None:
        return "", " It is a variable that Kubernetes sets for a Service; enableServiceLinks: false leaves them out."
    name = f"{service.name.upper().replace('-', '_')}_PORT"
    return name, (
        f" Kubernetes sets {name} to that address because there is a Service {service.name}; the program takes it for "
        "its own setting. Set the variable yourself, or enableServiceLinks: false."
    )
