"""Certificates that pods mount: out of their time, with another key than their own, or none at all.

Those that an Ingress serves are told of there, as it is the Ingress that people see fail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeagentix.analysis import affected, kubectl
from kubeagentix.analysis.certificates import KEY_MISMATCH, mounted_secrets, validity
from kubeagentix.analysis.templates import templates
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.network import Ingress
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import Secret

ID = "certificates"
USERS_SHOWN = 3


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Secret that pods mount and reason."""
    served = {(ingress.namespace, entry.secret_name) for ingress in snapshot.all(Ingress) for entry in ingress.spec.tls}
    for (namespace, name), users in _users(snapshot).items():
        secret = snapshot.get(Secret, namespace, name)
        if secret is not None and (namespace, name) not in served:
            yield from _of_secret(snapshot, secret, users)


def _users(snapshot: Snapshot) -> dict[tuple[str, str], list[ResourceRef]]:
    """The workloads that want pods and mount a Secret, by (namespace, name) of the Secret."""
    found: dict[tuple[str, str], list[ResourceRef]] = defaultdict(list)
    for template in templates(snapshot):
        for name in dict.fromkeys(mounted_secrets(template.spec)) if template.wanted else ():
            found[(template.namespace, name)].append(template.workload)
    return found


def _of_secret(snapshot: Snapshot, secret: Secret, users: list[ResourceRef]) -> Iterator[Finding]:
    if secret.key_fits is False:
        cause = "The public key in tls.crt is not that of tls.key, so no TLS server starts with the two of them."
        what = "holds a key that is not its certificate's"
        yield _finding(snapshot, secret, users, reason=KEY_MISMATCH, what=what, cause=cause)
    elif secret.problem and secret.type == "kubernetes.io/tls":
        what, cause = "holds no usable certificate", f"{secret.problem}."
        yield _finding(snapshot, secret, users, reason="TLSSecretInvalid", what=what, cause=cause)
    wrong = validity(secret.certificate, snapshot.taken_at) if secret.certificate is not None else None
    if wrong is not None:
        reason, what, cause = wrong
        yield _finding(snapshot, secret, users, reason=reason, what=f"holds a certificate that {what}", cause=cause)


def _finding(
    snapshot: Snapshot, secret: Secret, users: list[ResourceRef], *, reason: str, what: str, cause: str
) -> Finding:
    ref = snapshot.ref(secret)
    fail = any(not pod.is_ready for user in users for pod in affected.live_pods(snapshot, user))
    named = ", ".join(str(user) for user in users[:USERS_SHOWN])
    subject = f" (subject {secret.certificate.subject})" if secret.certificate is not None else ""
    return Finding.of(
        analyzer=ID,
        reason=reason,
        ref=ref,
        title=f"{ref} {what}",
        # Pods that are well may not serve with it, or not check it.
        severity=Severity.CRITICAL if fail and reason != "TLSCertificateExpiring" else Severity.WARNING,
        confidence=0.9,
        cause=f"{cause} It is mounted by {named}.",
        evidence=(
            Evidence.of(ref, "status", f"{ref}{subject} {what}", excerpt=cause, locator="data[tls.crt]"),
            Evidence.of(users[0], "spec", f"{users[0]} mounts Secret {secret.name}", locator="spec.volumes"),
        ),
        remedies=(
            kubectl.read("See the Secret, without its values", f"describe secret {secret.name}", secret.namespace),
            kubectl.write(
                "Put a certificate and its key in",
                f"create secret tls {secret.name} --cert=FILE --key=FILE --dry-run=client -o yaml | kubectl apply -f -",
                secret.namespace,
            ),
        ),
        explains=tuple(users),
    )


plugin = AnalyzerPlugin(id=ID, title="Certificates that pods mount", analyze=analyze, scope="namespace")
