"""What a container's own account of its failure means in its cluster: in words, and in the objects it points at.

A log names hosts, files and variables; the snapshot knows which Service a host is, whether it exists, and what the
pod's spec says of the variable. Shared by the analyzers of crashes, of init containers and of probes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.addresses import aliased, resolve_host, service_said
from kubeagentix.analysis.backends import backing_of, describe_ports
from kubeagentix.analysis.config_uses import config_naming
from kubeagentix.analysis.containers import PodContainer
from kubeagentix.analysis.denials import denials_in
from kubeagentix.analysis.granting import can_i
from kubeagentix.analysis.heaps import heap_option
from kubeagentix.analysis.logs import LoggedFailure
from kubeagentix.analysis.mentions import endpoint_in, is_address, path_in, user_in
from kubeagentix.analysis.paths import PATH_SIGNATURES, about_path, bringer_of, missing_sub_paths
from kubeagentix.analysis.phrases import advice_of, phrase_of
from kubeagentix.analysis.refusals import refusals_of
from kubeagentix.analysis.resolution import service_meant, unresolved
from kubeagentix.analysis.rights import lack_of, who
from kubeagentix.analysis.signatures import (
    ADDRESS_IN_USE,
    AUTHENTICATION_FAILED,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_HOST,
    CERTIFICATE_INVALID,
    CERTIFICATE_UNTRUSTED,
    CONFIG_INVALID,
    CONNECTION_REFUSED,
    CONNECTION_RESET,
    CONNECTION_TIMEOUT,
    FORBIDDEN,
    MISSING_DATABASE,
    MISSING_KEY,
    MISSING_ROLE,
    MISSING_VARIABLE,
    NO_LEADER,
    NO_SUCH_HOST,
    NOT_FOUND,
    OUT_OF_MEMORY,
    RATE_LIMITED,
    SERVER_ERROR,
    SERVICE_LINK,
    SETTING_MISTYPED,
    TLS_MISMATCH,
    TLS_UNSUPPORTED,
    TOO_MANY_CONNECTIONS,
    UNREACHABLE,
    UPSTREAM_UNAVAILABLE,
    VALUE_MISTYPED,
)
from kubeagentix.analysis.spelling import nearest
from kubeagentix.analysis.variables import about_account, about_server_names, about_service_link, about_variable
from kubeagentix.domain.diagnosis import HOST, Remedy, ResourceRef
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Container
from kubeagentix.domain.snapshot import Snapshot

CONNECTION_SIGNATURES = (
    *(CONNECTION_REFUSED, NO_SUCH_HOST, CONNECTION_TIMEOUT, CONNECTION_RESET, UPSTREAM_UNAVAILABLE, NO_LEADER),
    *(AUTHENTICATION_FAILED, MISSING_ROLE, TOO_MANY_CONNECTIONS, RATE_LIMITED, TLS_MISMATCH, TLS_UNSUPPORTED),
    *(CERTIFICATE_EXPIRED, CERTIFICATE_HOST, CERTIFICATE_UNTRUSTED, CERTIFICATE_INVALID),
    *(UNREACHABLE, NOT_FOUND, SERVER_ERROR),
)
# What a server says that is there and turns a client away.
_ANSWERS = (AUTHENTICATION_FAILED, MISSING_ROLE, TOO_MANY_CONNECTIONS, RATE_LIMITED, NOT_FOUND, SERVER_ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A failure in its cluster: a phrase for a title, a cause in sentences, objects pointed at, and what to do."""

    phrase: str
    cause: str
    points_at: tuple[ResourceRef, ...] = ()
    remedies: tuple[Remedy, ...] = ()


def explain(snapshot: Snapshot, container: PodContainer, failure: LoggedFailure) -> Explanation:
    """What `failure` means for this container."""
    phrase = phrase_of(failure.signature, failure.subject, failure.line)
    cause = f'Its log says: "{failure.line}".{advice_of(failure.signature)}'
    literal = _unreplaced(container, failure.line)
    if literal is not None or failure.signature in CONNECTION_SIGNATURES:
        return literal or _about_connection(snapshot, container, failure)
    if failure.signature in (MISSING_VARIABLE, MISSING_KEY) and failure.subject:
        return _about_setting(snapshot, container, failure, phrase, cause)
    if failure.signature == FORBIDDEN:
        return _about_rights(snapshot, container, failure, phrase, cause)
    if failure.signature in PATH_SIGNATURES:
        words, points_at = about_path(snapshot, container, failure)
        return Explanation(phrase=phrase, cause=cause + words, points_at=points_at)
    if failure.signature == MISSING_DATABASE:
        return _about_database(snapshot, container, failure, phrase, cause)
    return _about_itself(snapshot, container, failure, phrase, cause)


def _unreplaced(container: PodContainer, line: str) -> Explanation | None:
    """A `$(NAME)` of the spec that the process got as it stands, which is what becomes of variables that nobody sets.

    Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    spec = container.spec
    written = (*spec.command, *spec.args, *(item.value for item in spec.env))
    for match in re.finditer(r"\$\(([A-Za-z_]\w*)\)", line):
        if any(match[0] in text.replace(f"${match[0]}", "") for text in written):  # $$ is how it is meant to stand
            like = nearest(match[1], (item.name for item in spec.env))
            meant = f" There is {like}: was that meant?" if like else ""
            return Explanation(
                phrase=f"{match[0]} is passed on as it stands, as no variable {match[1]} was set before it",
                cause=f'Its log says: "{line}". Kubernetes puts a variable of env in the place of its name, and leaves '
                f"what it does not know.{meant}",
            )
    return None


def _about_itself(
    snapshot: Snapshot, container: PodContainer, failure: LoggedFailure, phrase: str, cause: str
) -> Explanation:
    """What is for the container's own settings and limits to explain."""
    if failure.signature in (SETTING_MISTYPED, VALUE_MISTYPED):
        return _about_type(snapshot, container, failure, phrase, cause)
    if failure.signature == CONFIG_INVALID:
        path = failure.subject.partition(":")[0]
        pod = container.pod
        for mount, lost, words in missing_sub_paths(snapshot, pod.namespace, pod.spec, container.spec):
            if mount.mount_path == path:
                return Explanation(phrase=phrase, cause=f"{cause} {words}", points_at=(lost,))
        source = bringer_of(snapshot, container, path)
        cause += f" The file is of {source}." if source is not None else ""
        return Explanation(phrase=phrase, cause=cause, points_at=(source,) if source is not None else ())
    if failure.signature == OUT_OF_MEMORY:
        cause += _about_memory(container)
    elif failure.signature == SERVICE_LINK:
        name, words = about_service_link(snapshot, container.pod.namespace, failure.subject)
        phrase, cause = (f"{phrase} ({name})" if name else phrase), cause + words
    elif failure.signature == ADDRESS_IN_USE:
        cause += _about_port(container, failure.subject)
    return Explanation(phrase=phrase, cause=cause)


def _about_setting(
    snapshot: Snapshot, container: PodContainer, failure: LoggedFailure, phrase: str, cause: str
) -> Explanation:
    """A setting that is missing: from the mounted file that the log names, or else from the environment."""
    source = bringer_of(snapshot, container, path_in(failure.line))
    if source is not None:
        named = f"{source.kind} {source.name}"
        return Explanation(
            phrase=f"{phrase} ({named})",
            cause=f"{cause} {path_in(failure.line)} is a file of {named}.",
            points_at=(source,),
            remedies=(
                kubectl.read("See what it holds", f"describe {source.kind.lower()} {source.name}", source.namespace),
            ),
        )
    words, points_at = about_variable(snapshot, container, failure.subject)
    remedies = _set(snapshot, container, failure.subject)
    return Explanation(phrase=phrase, cause=f"{cause} {words}", points_at=points_at, remedies=remedies)


def _about_type(
    snapshot: Snapshot, container: PodContainer, failure: LoggedFailure, phrase: str, cause: str
) -> Explanation:
    """A setting of another type than the program takes; one that is told by its value is the variable that has it."""
    name = failure.subject
    if failure.signature == VALUE_MISTYPED:
        names = {item.name for item in container.spec.env if item.value and item.value == failure.subject}
        if len(names) != 1:
            return Explanation(phrase=phrase, cause=cause)
        name = names.pop()
        phrase = phrase_of(SETTING_MISTYPED, name, failure.line)
    if not any(item.name == name for item in container.spec.env):
        return Explanation(phrase=phrase, cause=cause)
    words, points_at = about_variable(snapshot, container, name)
    remedies = _set(snapshot, container, name)
    return Explanation(phrase=phrase, cause=f"{cause} {words}", points_at=points_at, remedies=remedies)


def _about_database(
    snapshot: Snapshot, container: PodContainer, failure: LoggedFailure, phrase: str, cause: str
) -> Explanation:
    """A database that its server does not have, and the one that the server's own settings make."""
    host = endpoint_in(failure.line) or _spoken_of(snapshot, container, failure)
    target = other_end(snapshot, container.pod.namespace, container.spec, host)
    where = f" The server is {target}." if target is not None else ""
    made = about_server_names(snapshot, target, is_user=False, name=failure.subject)
    return Explanation(
        phrase=phrase,
        cause=f"{cause}{where}{made}",
        remedies=(kubectl.describe(target),) if target is not None and snapshot.find(target) is not None else (),
    )


def _about_connection(snapshot: Snapshot, container: PodContainer, failure: LoggedFailure) -> Explanation:
    named = "" if failure.subject.startswith("user ") else failure.subject
    host = named or endpoint_in(failure.line) or service_said(snapshot, container.pod.namespace, failure.line)
    host = host or _spoken_of(snapshot, container, failure)
    host = asked_name(container.pod.namespace, container.spec, host)
    is_user = bool(failure.subject) and not named
    phrase = phrase_of(failure.signature, failure.subject if is_user else host, failure.line)
    cause = f'Its log says: "{failure.line}".{advice_of(failure.signature)}'
    if address := aliased(container.pod, host):
        cause += f" The pod's hostAliases give {host} the address {address}, whatever DNS has for it."
        return Explanation(phrase=f"{phrase} ({address}, by hostAliases)", cause=cause)
    target = other_end(snapshot, container.pod.namespace, container.spec, host)
    if failure.signature == NO_SUCH_HOST:
        return _about_name(snapshot, container, failure, host, target, phrase=phrase)
    if target is None:
        words, secrets = _about_credentials(snapshot, container, failure, target)
        told, remedies = _about_source(snapshot, container, host)
        words += told
        return Explanation(phrase=phrase, cause=cause + words, points_at=(*_outside(host), *secrets), remedies=remedies)
    exists = snapshot.find(target) is not None
    points_at: tuple[ResourceRef, ...] = (target,)
    port = asked_port(snapshot, container.pod.namespace, container.spec, failure, target, named=host)
    wrong_port = _wrong_port(snapshot, target, port)
    if snapshot.lacks(target) and target.kind == "Service":
        cause += f" There is no Service {target.name} in namespace {target.namespace}."
        cause += service_meant(snapshot, target)
        phrase += f": no such Service in {target.namespace}" if target.namespace != container.pod.namespace else ""
    elif wrong_port:
        cause += f" That is {target}, which {wrong_port}."
        points_at = ()  # however the Service is, nobody answers there
    elif failure.signature in _ANSWERS and _has_no_pods(snapshot, target):
        cause += f" That is {target}: somebody answered there, though no pod stands behind it now."
        points_at = ()  # what it lacks is not what the answer complains of
    else:
        cause += f" That is {target}."
    words, secrets = _about_credentials(snapshot, container, failure, target)
    if target.name not in phrase:
        phrase += f" ({target.kind} {target.name})"
    if wrong_port:
        phrase += f": the Service {wrong_port}"
    return Explanation(
        phrase=phrase,
        cause=cause + words,
        points_at=(*points_at, *secrets),
        remedies=(kubectl.describe(target),) if exists else _list_services(target),
    )


def _has_no_pods(snapshot: Snapshot, target: ResourceRef) -> bool:
    service = snapshot.find(target)
    if not isinstance(service, Service) or not service.spec.selector:
        return False
    backing = backing_of(snapshot, service)
    return backing.is_empty and not backing.pods


def _about_source(snapshot: Snapshot, container: PodContainer, host: str) -> tuple[str, tuple[Remedy, ...]]:
    """Which ConfigMap of the container's names the host, in a sentence, and how to see it."""
    sources = tuple(config_naming(snapshot, container.pod, container.spec, host))
    words = "".join(f" {ref.kind} {ref.name} names it (key {key})." for ref, key in sources)
    return words, tuple(kubectl.describe(ref) for ref, _ in sources[:1])


def _about_credentials(
    snapshot: Snapshot, container: PodContainer, failure: LoggedFailure, server: ResourceRef | None
) -> tuple[str, tuple[ResourceRef, ...]]:
    """For a refused account: where its password comes from on both sides; nothing for other failures."""
    if failure.signature not in (AUTHENTICATION_FAILED, MISSING_ROLE):
        return "", ()
    words, secrets = about_account(snapshot, container, server)
    user = user_in(failure.line).removeprefix("user ")
    return words + (about_server_names(snapshot, server, is_user=True, name=user) if user else ""), secrets


def _about_name(
    snapshot: Snapshot,
    container: PodContainer,
    failure: LoggedFailure,
    host: str,
    target: ResourceRef | None,
    *,
    phrase: str,
) -> Explanation:
    """A name that was not resolved."""
    story = unresolved(snapshot, container.pod, host, target, failure.line)
    is_there = target is not None and snapshot.find(target) is not None
    if target is not None and snapshot.lacks(target):
        phrase += f": {_no_service(snapshot, container, target)}"
    elif target is not None and target.name not in phrase:
        phrase += f" ({target.kind} {target.name})"
    remedies = tuple(kubectl.describe(ref) for ref in story.points_at if snapshot.find(ref) is not None)
    lists = _list_services(target) if target is not None and not is_there else ()
    told, looks = ("", ()) if is_there else _about_source(snapshot, container, host)
    return Explanation(
        phrase=phrase,
        cause=f'Its log says: "{failure.line}".{story.words}{told}',
        points_at=story.points_at or (_outside(host) if target is None else ()),
        remedies=(*(remedies or lists), *looks),
    )


def _no_service(snapshot: Snapshot, container: PodContainer, missing: ResourceRef) -> str:
    """That there is no such Service, and which other namespace has one of that name."""
    is_own = missing.namespace == container.pod.namespace
    place = "its namespace" if is_own else f"namespace {missing.namespace}"
    others = snapshot.namespaces_with(Service, missing.name)
    return f"no Service {missing.name} in {place}{f', but one in {others[0]}' if others else ''}"


def _outside(host: str) -> tuple[ResourceRef, ...]:
    """The host as something outside the cluster that others may blame too; nothing for the container itself."""
    name = host.rpartition("@")[2].partition(":")[0].strip("[]").lower().rstrip(".")
    is_own = name in ("localhost", "0.0.0.0") or name.startswith("127.")  # noqa: S104  compared, not bound
    return (ResourceRef(kind=HOST, name=name),) if re.fullmatch(r"[\w.:-]+", name) and not is_own else ()


def _spoken_of(snapshot: Snapshot, container: PodContainer, failure: LoggedFailure) -> str:
    """The host of an error that names none: where the lines above say it connects, or the only one it is told of."""
    above = (endpoint_in(line) for line in reversed(failure.excerpt) if re.search(r"(?i)\bconnecting to\b", line))
    found = {host: resolve_host(snapshot, container.pod.namespace, host) for host in hosts_named_in(container.spec)}
    known = {host: target for host, target in found.items() if target is not None}
    return next(above, "") or (next(iter(known)) if len(set(known.values())) == 1 else "")


def _wrong_port(snapshot: Snapshot, target: ResourceRef, port: int | None) -> str:
    """`has no port 80 (its ports: 8080)`, or "". A headless Service leads to its pods, whatever ports it names."""
    service = snapshot.get(Service, target.namespace, target.name) if target.kind == "Service" else None
    if service is None or port is None or service.spec.cluster_ip == "None" or not service.spec.ports:
        return ""
    is_served = any(item.port == port for item in service.spec.ports)
    return "" if is_served else f"has no port {port} (its ports: {describe_ports(service)})"


def _list_services(missing: ResourceRef) -> tuple[Remedy, ...]:
    return (kubectl.read("See which Services there are", "get services", missing.namespace),)


def _set(snapshot: Snapshot, container: PodContainer, variable: str) -> tuple[Remedy, ...]:
    if not re.fullmatch(r"[A-Za-z_]\w*", variable):
        return ()
    workload = snapshot.workload_of(container.pod)
    command = f"set env {workload.kind.lower()}/{workload.name} -c {container.name} {variable}=VALUE"
    return (kubectl.write(f"Set {variable}", command, workload.namespace),)


def _account(snapshot: Snapshot, subject: str) -> tuple[ResourceRef, ...]:
    parts = subject.split(":")
    if parts[:2] != ["system", "serviceaccount"] or len(parts) != 4:
        return ()
    return (snapshot.named("ServiceAccount", parts[2], parts[3]),)


def _about_rights(
    snapshot: Snapshot, container: PodContainer, failure: LoggedFailure, phrase: str, cause: str
) -> Explanation:
    """What the API server's RBAC denied; other servers' answers are told as they are."""
    refusals = refusals_of(snapshot, container)
    asked = next(denials_in(failure.line), refusals[-1].request if refusals else None)
    if asked is None:
        return Explanation(phrase=phrase, cause=cause, points_at=_account(snapshot, failure.subject))
    account, lack = who(snapshot, asked), lack_of(snapshot, asked)
    if lack is None:
        phrase = f"{account} was not allowed to {asked.verb} {asked.what}"
        return Explanation(
            phrase=phrase,
            cause=f"{cause} By now RBAC allows it: the right was given since.",
            remedies=(can_i(asked),),
        )
    return Explanation(
        phrase=f"{account} may not {asked.verb} {asked.what}",
        cause=f"{cause} {lack.words[0].upper()}{lack.words[1:]}.",
        points_at=tuple(dict.fromkeys((lack.ref, *(item.lack.ref for item in refusals), *lack.involved))),
        remedies=(can_i(asked),),
    )


def _about_port(container: PodContainer, port: str) -> str:
    """Who else may hold the port: on the node with hostNetwork, else only the pod's other containers."""
    pod = container.pod
    if pod.spec.host_network:
        return f" The pod uses the network of node {pod.spec.node_name}, where another pod or process holds it."
    others = [item for item in pod.spec.containers if item.name != container.name]
    number = re.sub(r"\D", "", port)
    holder = next((o for o in others if any(str(p.container_port) == number for p in o.ports)), None)
    if holder is not None:
        return f" Container {holder.name} of the pod declares that port; the containers of a pod share one network."
    names = ", ".join(item.name for item in others)
    return f" The containers of a pod share one network, so {names} may hold it." if names else ""


def _about_memory(container: PodContainer) -> str:
    limit, heap = container.spec.resources.limits.get("memory"), heap_option(container.spec)
    told = f" Its heap is set by {heap[0]}." if heap is not None else ""
    bound = f" Its memory limit is {limit}." if limit else " It has no memory limit: the bound is its runtime's own."
    return f"{bound}{told} Raise what bounds it, or find what holds the memory."


def asked_name(namespace: str, container: Container, host: str) -> str:
    """The name that a container is told of, where `host` is that name with a part of the pod's search list.

    Resolvers such as BusyBox's print the last name that they tried: `db.svc.cluster.local` for `db`.
    Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-config
    """
    name, _, port = host.rstrip(".").partition(":")
    for told in hosts_named_in(container):
        asked = told.partition(":")[0].rstrip(".")
        tail = name.removeprefix(f"{asked}.")
        is_searched = re.fullmatch(rf"(?:{re.escape(namespace)}\.)?svc\.[a-z0-9.-]+|cluster\.local", tail)
        if asked and tail != name and is_searched:
            return f"{asked}:{port}" if port else asked
    return host


def hosts_named_in(container: Container) -> Iterator[str]:
    """The hosts (with ports, where given) that a container's command, args and env name, in that order.

    Of variables of one name the last is what the process sees.
    """
    for text in (*container.command, *container.args):
        for pattern in _HOST_ARGUMENTS:
            for match in pattern.finditer(text):
                yield ":".join(filter(None, match.groups()))
        endpoint = endpoint_in(text)
        if endpoint:
            yield endpoint
    for variable in {variable.name: variable for variable in container.env}.values():
        endpoint = endpoint_in(variable.value)
        if endpoint:
            yield endpoint
        elif variable.name.upper().endswith(("HOST", "HOSTNAME", "ADDRESS", "ADDR", "SERVER")) and variable.value:
            yield variable.value


# How scripts that wait for something name it.
_HOST_ARGUMENTS = (
    re.compile(r"\b(?:nc|ncat|netcat|telnet)(?: -\w+(?: \d+)?)* ([a-z][\w.-]*) (\d+)"),
    re.compile(r"\b(?:nslookup|dig|getent hosts|ping(?: -\w+(?: \d+)?)*) ([a-z][\w.-]*)"),
    re.compile(r"(?:\s-h|--host)[ =]([a-z][\w.-]*)"),
    re.compile(r"/dev/tcp/([a-z][\w.-]*)/(\d+)"),
)


def asked_port(
    snapshot: Snapshot,
    namespace: str,
    container: Container,
    failure: LoggedFailure,
    target: ResourceRef | None,
    *,
    named: str = "",
) -> int | None:
    """The port that was asked for: as the error has it, or the lines above it, or the only one that was told of.

    `named` is the other end as far as the error names it.
    """
    host, _, port = named.rpartition(":")
    if host and port.isdigit():
        return int(port)
    above = re.findall(rf"{re.escape(named)}:(\d{{2,5}})\b", "\n".join(failure.excerpt)) if named else []
    if above:
        return int(above[-1])
    told = {port for host, port in _ports_told(container) if resolve_host(snapshot, namespace, host) == target}
    return int(told.pop()) if target is not None and len(told) == 1 else None


def _ports_told(container: Container) -> Iterator[tuple[str, str]]:
    """(host, port) of the hosts that a container is told of: `db:5432`, or DB_HOST and DB_PORT."""
    for named in hosts_named_in(container):
        host, _, port = named.rpartition(":")
        if host and port.isdigit():
            yield host, port
    values = {variable.name.upper(): variable.value for variable in container.env if variable.value}
    for name, host in values.items():
        port = values.get(f"{name[: -len('HOST')]}PORT", "") if name.endswith("HOST") else ""
        if port.isdigit():
            yield host, port


def other_end(snapshot: Snapshot, namespace: str, container: Container, named: str) -> ResourceRef | None:
    """What a failed connection of `container` led to: what its log names, or else the only host it was told of.

    An address that nothing in the picture has may be that of a Service in a namespace that was not read; it is, if
    the only host that the container was told of is one.
    """
    named = asked_name(namespace, container, named)
    found = resolve_host(snapshot, namespace, named) if named else None
    if found is not None or (named and not is_address(named)):
        return found
    known = {resolve_host(snapshot, namespace, host) for host in hosts_named_in(container)} - {None}
    only = known.pop() if len(known) == 1 else None
    return only if only is not None and (not named or not snapshot.covers(only.namespace)) else None
