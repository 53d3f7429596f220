"""Ingresses: backends and certificates that are not there or do not fit, and paths that two of them claim."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.backends import describe_ports, find_port, is_deserted, is_switched_off
from kubeagentix.analysis.certificates import KEY_MISMATCH, validity
from kubeagentix.analysis.ingress_controllers import class_of, named_class
from kubeagentix.analysis.shortfall import is_older_than
from kubeagentix.analysis.spelling import nearest
from kubeagentix.analysis.tls_names import covers, names_of
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.network import Ingress, IngressServiceBackend, IngressTls, Service
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import Secret

ID = "ingresses"
CANARY_ANNOTATION = "nginx.ingress.kubernetes.io/canary"  # a twin of another Ingress, on purpose
ACTION_PORT = "use-annotation"  # the AWS controller's backends that are actions, not Services
ADDRESS_GRACE_S = 300.0  # controllers and clouds need minutes to give an address, issuers to give a certificate
SECRET_GRACE_S = 30.0  # what is applied together is there within seconds
ISSUER_ANNOTATIONS = ("cert-manager", "acme", "cert.gardener.cloud")  # somebody will make the certificate


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Ingress, reason and thing that is wrong."""
    for ingress in snapshot.all(Ingress):
        if ingress.metadata.deletion_timestamp is None:
            for backend in _backends(ingress):
                yield from _backend(snapshot, ingress, backend)
            for entry in ingress.spec.tls:
                yield from _tls(snapshot, ingress, entry)
    yield from _duplicates(snapshot)


def _class_name(snapshot: Snapshot, ingress: Ingress) -> str:
    found = class_of(snapshot, ingress)
    return found.name if found is not None else named_class(ingress)


def _backends(ingress: Ingress) -> tuple[IngressServiceBackend, ...]:
    """The different Service backends, the default one first."""
    found = [ingress.spec.default_backend.service] if ingress.spec.default_backend else []
    found.extend(path.backend.service for rule in ingress.spec.rules for path in rule.http.paths)
    real = [item for item in found if item is not None and item.name and item.port.name != ACTION_PORT]
    return tuple({(item.name, item.port.name, item.port.number): item for item in real}.values())


def _backend(snapshot: Snapshot, ingress: Ingress, backend: IngressServiceBackend) -> Iterator[Finding]:
    if not snapshot.was_read(Service, ingress.namespace, name=backend.name):
        return
    service = snapshot.get(Service, ingress.namespace, backend.name)
    if service is None:
        yield _backend_not_found(snapshot, ingress, backend)
        return
    port = find_port(service, backend.port)
    if port is None and service.spec.type != "ExternalName":
        yield _port_not_found(snapshot, ingress, backend, service)
    elif is_deserted(snapshot, service, port):
        yield _no_endpoints(snapshot, ingress, service)


def _where(ingress: Ingress, name: str) -> str:
    """`shop.example.org/cart`: the first place that leads to that Service."""
    for rule in ingress.spec.rules:
        for path in rule.http.paths:
            if path.backend.service is not None and path.backend.service.name == name:
                return f"{rule.host or '*'}{path.path or '/'}"
    return "everything else (the default backend)"


def _backend_not_found(snapshot: Snapshot, ingress: Ingress, backend: IngressServiceBackend) -> Finding:
    ref = snapshot.ref(ingress)
    like = nearest(backend.name, (item.name for item in snapshot.in_namespace(Service, ingress.namespace)))
    hint = f" There is Service {like}: was that meant?" if like else ""
    return Finding.of(
        analyzer=ID,
        reason="BackendServiceNotFound",
        ref=ref,
        title=f"{ref} leads {_where(ingress, backend.name)} to Service {backend.name}, which does not exist",
        severity=Severity.CRITICAL,
        confidence=0.95,
        cause=f"There is no Service {backend.name} in namespace {ingress.namespace}, so requests there get an error."
        f"{hint}",
        evidence=(
            Evidence.of(
                ref, "spec", f"backend {backend.name} for {_where(ingress, backend.name)}", locator="spec.rules"
            ),
        ),
        remedies=(
            kubectl.read("See the Services", "get services", ingress.namespace),
            kubectl.edit(ref, "Name the Service that is meant"),
        ),
        points_at=(snapshot.named("Service", ingress.namespace, backend.name),),
        detail=backend.name,
    )


def _port_not_found(snapshot: Snapshot, ingress: Ingress, backend: IngressServiceBackend, service: Service) -> Finding:
    ref, wanted = snapshot.ref(ingress), backend.port.name or backend.port.number
    like = nearest(str(wanted), (port.name for port in service.spec.ports if port.name)) if backend.port.name else ""
    return Finding.of(
        analyzer=ID,
        reason="BackendPortNotFound",
        ref=ref,
        title=f"{ref} asks for port {wanted} of Service {service.name}, which has {describe_ports(service)}",
        severity=Severity.CRITICAL,
        confidence=0.95,
        cause=f"The backend of {_where(ingress, service.name)} names a port that the Service does not have."
        + (f" It has one named {like}: was that meant?" if like else ""),
        evidence=(
            Evidence.of(ref, "spec", f"backend {service.name} port {wanted}", locator="spec.rules"),
            Evidence.of(snapshot.ref(service), "spec", f"ports {describe_ports(service)}", locator="spec.ports"),
        ),
        remedies=(kubectl.describe(snapshot.ref(service)), kubectl.edit(ref, "Name a port that the Service has")),
        detail=f"{service.name}:{wanted}",
    )


def _no_endpoints(snapshot: Snapshot, ingress: Ingress, service: Service) -> Finding:
    ref, service_ref = snapshot.ref(ingress), snapshot.ref(service)
    is_off = is_switched_off(snapshot, service)
    return Finding.of(
        analyzer=ID,
        reason="BackendNoEndpoints",
        ref=ref,
        title=f"{ref}: nobody answers behind {_where(ingress, service.name)} ({service_ref} has no ready endpoints)",
        severity=Severity.INFO if is_off else Severity.CRITICAL,
        confidence=0.6,
        cause=f"Requests there get an error (503 as a rule), as {service_ref} has nobody to pass them to.",
        evidence=(
            Evidence.of(service_ref, "status", f"{service_ref} has no ready endpoints", locator="endpoints"),
            Evidence.of(ref, "spec", f"backend {service.name}", locator="spec.rules"),
        ),
        remedies=(
            kubectl.read(
                "See its endpoints", f"get endpointslices -l kubernetes.io/service-name={service.name}", ref.namespace
            ),
            kubectl.describe(service_ref),
        ),
        points_at=(service_ref,),
        is_symptom=not is_off,
        detail=service.name,
    )


def _tls(snapshot: Snapshot, ingress: Ingress, entry: IngressTls) -> Iterator[Finding]:
    if not entry.secret_name or not snapshot.was_read(Secret, ingress.namespace, name=entry.secret_name):
        return
    secret = snapshot.get(Secret, ingress.namespace, entry.secret_name)
    if secret is None:
        issued = any(word in key for key in ingress.metadata.annotations for word in ISSUER_ANNOTATIONS)
        allowance_s = ADDRESS_GRACE_S if issued else SECRET_GRACE_S
        if is_older_than(ingress.metadata.creation_timestamp, allowance_s, snapshot.taken_at):
            yield _tls_finding(
                snapshot,
                ingress,
                entry,
                reason="TLSSecretNotFound",
                what="does not exist",
                cause="Clients get another certificate, or none.",
            )
        return
    missing = [key for key in ("tls.crt", "tls.key") if key not in secret.keys or key in secret.empty_keys]
    if missing or secret.problem:
        why = secret.problem or f"it has no {' and no '.join(missing)} (type {secret.type or 'Opaque'})"
        yield _tls_finding(
            snapshot, ingress, entry, reason="TLSSecretInvalid", what="holds no usable certificate", cause=f"{why}."
        )
        return
    if secret.type != "kubernetes.io/tls":
        yield _tls_finding(
            snapshot,
            ingress,
            entry,
            reason="TLSSecretType",
            what=f"is of type {secret.type or 'Opaque'}",
            cause="It holds a certificate and a key; some controllers take them from Secrets of type kubernetes.io/tls "
            "only.",
            severity=Severity.INFO,
        )
    yield from _certificate(snapshot, ingress, entry, secret)


def _certificate(snapshot: Snapshot, ingress: Ingress, entry: IngressTls, secret: Secret) -> Iterator[Finding]:
    certificate = secret.certificate
    if secret.key_fits is False:
        yield _tls_finding(
            snapshot,
            ingress,
            entry,
            reason=KEY_MISMATCH,
            what="comes with a key that is not its own",
            cause="The public key in tls.crt is not that of tls.key, so no controller can serve it.",
        )
    if certificate is None:
        return
    wrong = validity(certificate, snapshot.taken_at)
    if wrong is not None:
        reason, what, cause = wrong
        severity = Severity.WARNING if reason == "TLSCertificateExpiring" else Severity.CRITICAL
        yield _tls_finding(snapshot, ingress, entry, reason=reason, what=what, cause=cause, severity=severity)
    names = names_of(certificate)
    uncovered = [host for host in _tls_hosts(ingress, entry) if not covers(names, host)]
    if names and uncovered:
        yield _tls_finding(
            snapshot,
            ingress,
            entry,
            reason="TLSHostMismatch",
            what=f"is not for {', '.join(uncovered[:3])}",
            cause=f"It names {', '.join(names[:8])}.",
        )


def _tls_hosts(ingress: Ingress, entry: IngressTls) -> tuple[str, ...]:
    return entry.hosts or tuple(dict.fromkeys(rule.host for rule in ingress.spec.rules if rule.host))


def _tls_finding(
    snapshot: Snapshot,
    ingress: Ingress,
    entry: IngressTls,
    *,
    reason: str,
    what: str,
    cause: str,
    severity: Severity = Severity.CRITICAL,
) -> Finding:
    ref, secret = snapshot.ref(ingress), snapshot.named("Secret", ingress.namespace, entry.secret_name)
    hosts = ", ".join(_tls_hosts(ingress, entry)) or "all hosts"
    subject = "TLS Secret" if reason.startswith("TLSSecret") else "certificate of Secret"
    return Finding.of(
        analyzer=ID,
        reason=reason,
        ref=ref,
        title=f"{ref}: {subject} {entry.secret_name} {what}",
        severity=severity,
        confidence=0.95,
        cause=cause,
        evidence=(
            Evidence.of(ref, "spec", f"Secret {entry.secret_name} for {hosts}", locator="spec.tls"),
            Evidence.of(secret, "status", f"Secret {entry.secret_name} {what}", excerpt=cause),
        ),
        remedies=(
            kubectl.read("See the Secret, without its values", f"describe secret {entry.secret_name}", ref.namespace),
            kubectl.read("See whether an issuer is at work on it", "get events", ref.namespace),
            *_create_secret(secret, reason),
        ),
        points_at=(secret,) if reason == "TLSSecretNotFound" else (),
        detail=entry.secret_name,
    )


def _create_secret(secret: ResourceRef, reason: str) -> tuple[Remedy, ...]:
    if reason != "TLSSecretNotFound":
        return ()
    command = f"create secret tls {secret.name} --cert=FILE --key=FILE"
    return (kubectl.write("Create it from a certificate and its key", command, secret.namespace),)


def _duplicates(snapshot: Snapshot) -> Iterator[Finding]:
    """Two Ingresses of one class that lead the same host and path to different Services: the younger is told of."""
    claims: dict[tuple[str, str, str, str], list[tuple[Ingress, str]]] = defaultdict(list)
    for ingress in sorted(snapshot.all(Ingress), key=_age):
        if ingress.metadata.annotations.get(CANARY_ANNOTATION) == "true":
            continue
        for rule in ingress.spec.rules:
            for path in rule.http.paths:
                service = path.backend.service.name if path.backend.service else ""
                key = (_class_name(snapshot, ingress), rule.host, path.path or "/", path.path_type)
                claims[key].append((ingress, f"{ingress.namespace}/{service}"))
    for (_, host, place, _), found in claims.items():
        first, first_target = found[0]
        rivals = [(other, target) for other, target in found if other is not first and target != first_target]
        if rivals:
            yield _duplicate(snapshot.ref(rivals[-1][0]), snapshot.ref(first), f"{host or '*'}{place}")


def _age(ingress: Ingress) -> tuple[float, str, str]:
    made = ingress.metadata.creation_timestamp
    return (made.timestamp() if made else 0.0, ingress.namespace, ingress.name)


def _duplicate(ref: ResourceRef, first: ResourceRef, where: str) -> Finding:
    return Finding.of(
        analyzer=ID,
        reason="DuplicatePath",
        ref=ref,
        title=f"{ref} claims {where}, which {first} claims too",
        severity=Severity.WARNING,
        confidence=0.8,
        cause="Which of the two Services answers is up to the controller; most keep the older Ingress.",
        evidence=tuple(Evidence.of(item, "spec", f"{where} in {item}", locator="spec.rules") for item in (ref, first)),
        remedies=(kubectl.describe(first), kubectl.edit(ref, "Give it another path or host")),
        detail=where,
    )


plugin = AnalyzerPlugin(id=ID, title="Ingresses, their backends and certificates", analyze=analyze)
