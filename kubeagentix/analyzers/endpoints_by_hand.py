"""Services without a selector, whose endpoints somebody has to write, and nobody has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.backends import is_deserted
from kubeagentix.analysis.connections import missed_by
from kubeagentix.analysis.policies import isolating
from kubeagentix.analysis.selectors import IDENTITY_KEYS, Candidate, candidates
from kubeagentix.analysis.signatures import CONNECTION_REFUSED, CONNECTION_TIMEOUT, NO_SUCH_HOST
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.network import Service
from kubeagentix.domain.snapshot import Snapshot

ID = "endpoints-by-hand"


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Service."""
    for service in snapshot.all(Service):
        if service.metadata.deletion_timestamp is not None or service.spec.type == "ExternalName":
            continue
        if service.spec.selector or not service.spec.ports or _is_the_api_servers(service):
            continue
        if is_deserted(snapshot, service):
            yield _by_hand(snapshot, service)
        else:
            yield from _unreachable(snapshot, service)


def _is_the_api_servers(service: Service) -> bool:
    """Whether it is `kubernetes`, whose endpoints the API server writes; who reads this has reached it."""
    return (service.namespace, service.name) == ("default", "kubernetes")


def _unreachable(snapshot: Snapshot, service: Service) -> Iterator[Finding]:
    """Endpoints that were written, and at which nobody answers those who ask."""
    ref = snapshot.ref(service)
    missed = [
        item
        for item in missed_by(snapshot, ref)
        if item.signature == CONNECTION_REFUSED
        or (item.signature == CONNECTION_TIMEOUT and not isolating(snapshot, item.client, "Egress"))
    ]
    places = [
        f"{address}:{port.port}"
        for piece in snapshot.endpoint_slices(service)
        for endpoint in piece.endpoints
        for address in endpoint.addresses
        for port in piece.ports
    ]
    asked = {item.port for item in missed} - {None}
    is_asked_right = not asked or any(port.port in asked for port in service.spec.ports)
    if not missed or not places or not is_asked_right:
        return
    yield Finding.of(
        analyzer=ID,
        reason="EndpointsNotAnswering",
        ref=ref,
        title=f"{ref} leads to {', '.join(places[:3])}, written by hand, where nobody answers",
        severity=Severity.CRITICAL,
        confidence=0.75,
        cause="It has no selector; its endpoints are what somebody wrote, and those who ask there get no answer.",
        evidence=(
            Evidence.of(ref, "spec", f"endpoints {', '.join(places[:5])}", locator="endpointslices"),
            *(item.evidence(snapshot) for item in missed[:2]),
        ),
        remedies=(
            kubectl.read("See what was written by hand", f"get endpoints {ref.name} -o yaml", ref.namespace),
            kubectl.describe(ref),
        ),
    )


def _by_hand(snapshot: Snapshot, service: Service) -> Finding:
    ref, is_headless = snapshot.ref(service), service.spec.cluster_ip == "None"
    # A name that is not resolved says something of endpoints only where it stands for them.
    missed = [item for item in missed_by(snapshot, ref) if is_headless or item.signature != NO_SUCH_HOST]
    among = candidates(snapshot, service.namespace)
    meant = next((item for item in among if service.name in (item.ref.name, *_identities(item))), None)
    hint = f" {meant.ref} bears its name: was a selector forgotten?" if meant is not None else ""
    wanted = {key: meant.labels[key] for key in IDENTITY_KEYS if key in meant.labels} if meant is not None else {}
    return Finding.of(
        analyzer=ID,
        reason="NoEndpoints/NoSelector",
        ref=ref,
        title=f"{ref} has no selector, and no endpoints were written for it",
        severity=Severity.CRITICAL if missed else Severity.INFO if is_headless else Severity.WARNING,
        confidence=0.9 if missed else 0.7,
        cause="Without a selector nobody but its maker gives it EndpointSlices (or Endpoints), and there are none "
        f"with a ready address.{hint}",
        evidence=(
            Evidence.of(ref, "spec", "no selector", locator="spec.selector"),
            Evidence.of(ref, "status", "no EndpointSlice of it has a ready address", locator="endpointslices"),
            *(item.evidence(snapshot) for item in missed[:2]),
        ),
        remedies=(
            kubectl.read(
                "See its endpoints", f"get endpointslices -l kubernetes.io/service-name={ref.name}", ref.namespace
            ),
            kubectl.read("See what was written by hand", f"get endpoints {ref.name} -o yaml", ref.namespace),
            *((kubectl.select(ref, wanted, meant.ref),) if meant is not None and wanted else ()),
        ),
    )


def _identities(item: Candidate) -> tuple[str, ...]:
    return tuple(item.labels[key] for key in IDENTITY_KEYS if key in item.labels)


plugin = AnalyzerPlugin(
    id=ID, title="Services without a selector and without endpoints", analyze=analyze, scope="workload"
)
