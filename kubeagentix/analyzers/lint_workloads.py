"""Advice on how workloads are run: nothing here is broken, but each choice makes an outage out of a small change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Remedy, ResourceRef, Severity
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import PersistentVolumeClaim
from kubeagentix.domain.workloads import CronJob, Deployment

ID = "lint-workloads"
CONTROLLER_PERIOD_S = 10  # how often CronJob controllers of old looked; a deadline under that may pass unseen
_SHARED = ("ReadWriteMany", "ReadOnlyMany")


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per workload and rule."""
    for deployment in snapshot.all(Deployment):
        if deployment.spec.replicas:
            yield from _all_at_once(snapshot, deployment)
            yield from _shared_claims(snapshot, deployment)
    for cron_job in snapshot.all(CronJob):
        yield from _short_deadline(snapshot, cron_job)


def _all_at_once(snapshot: Snapshot, deployment: Deployment) -> Iterator[Finding]:
    rolling, replicas = deployment.spec.strategy.rolling_update, deployment.spec.replicas
    most = rolling.max_unavailable if rolling else None
    if replicas < 2 or (most != "100%" and not (isinstance(most, int) and most >= replicas)):
        return
    yield _advice(
        snapshot.ref(deployment),
        reason="MaxUnavailableAll",
        title=f"a rollout may take all {replicas} pods away at once",
        cause=f"maxUnavailable {most} of {replicas} replicas leaves nobody to serve until new pods are ready.",
        seen=f"maxUnavailable: {most}",
        locator="spec.strategy.rollingUpdate.maxUnavailable",
    )


def _shared_claims(snapshot: Snapshot, deployment: Deployment) -> Iterator[Finding]:
    """A volume for one node under several pods, or under an update that needs the old and the new pod at once."""
    is_recreated = deployment.spec.strategy.type == "Recreate"
    if deployment.spec.replicas < 2 and is_recreated:
        return
    for volume in deployment.spec.template.spec.volumes:
        name = volume.persistent_volume_claim.claim_name if volume.persistent_volume_claim else ""
        claim = snapshot.get(PersistentVolumeClaim, deployment.namespace, name)
        if claim is None or not claim.spec.access_modes or any(mode in _SHARED for mode in claim.spec.access_modes):
            continue
        modes = ", ".join(claim.spec.access_modes)
        how = f"{deployment.spec.replicas} replicas" if deployment.spec.replicas > 1 else "a rolling update"
        yield _advice(
            snapshot.ref(deployment),
            reason="SharedVolume",
            title=f"{how} on claim {name}, which one node at a time may have",
            cause=f"Claim {name} is {modes}: pods on other nodes than the first wait for it.",
            seen=f"volume {volume.name}: claim {name}",
            locator=f"spec.template.spec.volumes[{volume.name}]",
            detail=name,
        )


def _short_deadline(snapshot: Snapshot, cron_job: CronJob) -> Iterator[Finding]:
    deadline = cron_job.spec.starting_deadline_seconds
    if deadline is None or deadline >= CONTROLLER_PERIOD_S or cron_job.spec.suspend:
        return
    yield _advice(
        snapshot.ref(cron_job),
        reason="ShortStartingDeadline",
        title=f"runs are skipped when they start {deadline} s late",
        cause=f"startingDeadlineSeconds {deadline} is shorter than the {CONTROLLER_PERIOD_S} s between two looks of "
        "the CronJob controller, or than a moment's delay.",
        seen=f"startingDeadlineSeconds: {deadline}",
        locator="spec.startingDeadlineSeconds",
    )


def _advice(
    ref: ResourceRef, *, reason: str, title: str, cause: str, seen: str, locator: str, detail: str = ""
) -> Finding:
    look: Remedy = kubectl.read("See the spec", f"get {kubectl.arguments(ref)} -o yaml")
    return Finding.of(
        analyzer=ID,
        reason=f"Lint/{reason}",
        ref=ref,
        title=f"{ref}: {title}",
        severity=Severity.INFO,
        confidence=0.9,
        cause=cause,
        evidence=(Evidence.of(ref, "spec", seen, locator=locator),),
        remedies=(look,),
        detail=detail,
    )


plugin = AnalyzerPlugin(id=ID, title="Advice on how workloads are run", analyze=analyze, is_lint=True)
