"""Why a label selector selects nothing: what comes nearest to it, and by which labels it misses.

The idea: people mistype or forget one label. A set of pods that shares the telling labels with the selector is what
was meant; one that shares only a label everybody has (an instance, a team) and is served by somebody else is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from kubeagentix.analysis.spelling import shared_ends, shortlist
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.network import Service
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.workloads import DaemonSet, Deployment, ReplicaSet, ReplicationController, StatefulSet

# Labels that say which program a pod is, by Kubernetes' recommendation and older habit.
IDENTITY_KEYS = ("app", "app.kubernetes.io/name", "k8s-app", "name", "run", "component", "app.kubernetes.io/component")
SIMILAR = 0.7  # `web` and `webb` are 0.86 alike, `web` and `db` 0.4
ONE_SLIP = 0.8  # how alike two words are that one slip of a finger tells apart, however short: `api` and `apl`
SLIP_MIN_CHARS = 3  # two letters are too few to tell a slip from another word
EXTENDED = 0.75  # `cart` and `cart-service`, which may also be two things


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A workload (or bare pod) whose pods a selector might have meant. `replicas` is None where nobody counts."""

    ref: ResourceRef
    labels: Mapping[str, str]
    replicas: int | None
    pods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A candidate, and the pairs of the selector that it misses: (key, wanted value, its value or None)."""

    candidate: Candidate
    differences: tuple[tuple[str, str, str | None], ...]

    def in_words(self) -> str:
        """`version: v2` is asked for, the pods have `version: v1`."""
        return "; ".join(
            f"{key}={wanted} is asked for, {self._got(key, wanted, got)}" for key, wanted, got in self.differences
        )

    def _got(self, key: str, wanted: str, got: str | None) -> str:
        if got is not None:
            is_case = got.casefold() == wanted.casefold()
            return f"the pods have {key}={got}" + (" (labels are case-sensitive)" if is_case else "")
        elsewhere = self._elsewhere(wanted)
        return f"the pods have no label {key}" + (f", but {elsewhere}={wanted}" if elsewhere else "")

    def _elsewhere(self, value: str) -> str:
        """Another key under which the pods have that value."""
        return next((key for key in IDENTITY_KEYS if self.candidate.labels.get(key) == value), "")

    def correction(self) -> Mapping[str, str | None]:
        """What the differing keys of the selector ought to be, None for those to drop, so that it takes the pods."""
        changes: dict[str, str | None] = {}
        for key, wanted, got in self.differences:
            changes[key] = got
            if got is None and (elsewhere := self._elsewhere(wanted)):
                changes[elsewhere] = wanted
        return changes


def candidates(snapshot: Snapshot, namespace: str) -> tuple[Candidate, ...]:
    """The workloads of a namespace by their template's labels, and the pods of others by their own."""
    return snapshot.derived(_candidates, namespace)


def _candidates(snapshot: Snapshot, namespace: str) -> tuple[Candidate, ...]:
    found: list[Candidate] = []
    workloads: list[Deployment | StatefulSet | ReplicationController | DaemonSet] = [
        *snapshot.in_namespace(Deployment, namespace),
        *snapshot.in_namespace(StatefulSet, namespace),
        *(item for item in snapshot.in_namespace(ReplicationController, namespace) if item.controller is None),
        *snapshot.in_namespace(DaemonSet, namespace),
    ]
    for workload in workloads:
        ref, labels = snapshot.ref(workload), workload.spec.template.metadata.labels
        replicas = None if isinstance(workload, DaemonSet) else workload.spec.replicas
        found.append(Candidate(ref=ref, labels=labels, replicas=replicas, pods=len(snapshot.pods_of(ref))))
    found += _of_unknown_controllers(snapshot, namespace, {candidate.ref for candidate in found})
    known = {candidate.ref for candidate in found}
    for pod in snapshot.in_namespace(Pod, namespace):
        ref = snapshot.workload_of(pod)
        if ref not in known and not pod.is_finished and ref.kind not in ("Job", "CronJob"):
            known.add(ref)
            pods = len(snapshot.pods_of(ref))
            found.append(Candidate(ref=ref, labels=pod.metadata.labels, replicas=None, pods=pods))
    return tuple(found)


def _of_unknown_controllers(snapshot: Snapshot, namespace: str, known: set[ResourceRef]) -> Iterator[Candidate]:
    """ReplicaSets of their own, or of what is not read (a Rollout, say): they tell if any pod is wanted."""
    for replica_set in snapshot.in_namespace(ReplicaSet, namespace):
        ref = snapshot.workload_of(replica_set)
        if ref not in known:
            labels, pods = replica_set.spec.template.metadata.labels, snapshot.children(Pod, snapshot.ref(replica_set))
            yield Candidate(ref=ref, labels=labels, replicas=replica_set.spec.replicas, pods=len(pods))


def served(snapshot: Snapshot, namespace: str) -> frozenset[ResourceRef]:
    """The workloads of a namespace that some Service selects."""
    return snapshot.derived(_served, namespace)


def _served(snapshot: Snapshot, namespace: str) -> frozenset[ResourceRef]:
    by_label: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for item in candidates(snapshot, namespace):
        for pair in item.labels.items():
            by_label[pair].append(item)
    found: set[ResourceRef] = set()
    for service in snapshot.in_namespace(Service, namespace):
        selector = service.spec.selector
        groups = [by_label.get(pair, []) for pair in selector.items()]
        if groups:
            found.update(item.ref for item in matching(selector, sorted(groups, key=len)[0]))
    return frozenset(found)


def matching(selector: Mapping[str, str], among: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The candidates that hold every pair of the selector."""
    return tuple(item for item in among if selector.items() <= item.labels.items())


def nearest(
    selector: Mapping[str, str], among: Iterable[Candidate], *, name: str, served: Iterable[ResourceRef] = ()
) -> NearMiss | None:
    """The candidate that the selector most likely meant, or None. `name` is the selecting object's own.

    `served` are the workloads that somebody else selects already.
    """
    taken = set(served)

    def likeness(item: Candidate) -> int:
        equal = len(selector.items() & item.labels.items())
        if equal:
            return 1000 * equal  # more than any name has letters
        spelled = max(shared_ends(value, item.labels.get(key, "")) for key, value in selector.items())
        return max(spelled, shared_ends(name, item.ref.name))

    scored = [(_score(selector, item, name), item) for item in shortlist(list(among), likeness)]
    likely = [(score, item) for score, item in scored if _is_near(score, is_served=item.ref in taken)]
    if not likely:
        return None
    best = max(likely, key=lambda pair: (*pair[0], pair[1].ref not in taken))[1]
    differences = tuple(
        (key, wanted, best.labels.get(key))
        for key, wanted in sorted(selector.items())
        if best.labels.get(key) != wanted
    )
    return NearMiss(candidate=best, differences=differences)


def _score(selector: Mapping[str, str], item: Candidate, name: str) -> tuple[int, int, float]:
    equal = [key for key, value in selector.items() if item.labels.get(key) == value]
    identity = sum(key in IDENTITY_KEYS for key in equal)
    return identity, len(equal), _likeness(selector, item, name)


def _likeness(selector: Mapping[str, str], item: Candidate, name: str) -> float:
    pairs = [(wanted, item.labels.get(key, "")) for key, wanted in selector.items() if item.labels.get(key) != wanted]
    return max([_alike(wanted, got) for wanted, got in pairs] + [_alike(name, item.ref.name)], default=0.0)


def _alike(left: str, right: str) -> float:
    left, right = left.lower(), right.lower()
    if not left or not right:
        return 0.0
    matcher = SequenceMatcher(None, left, right)
    # The bounds are quick, the ratio is not, and in a large namespace nearly all words are unlike.
    is_likely = matcher.real_quick_ratio() >= SIMILAR and matcher.quick_ratio() >= SIMILAR
    ratio = matcher.ratio() if is_likely else 0.0
    if min(len(left), len(right)) >= SLIP_MIN_CHARS and is_one_slip(left, right):
        return max(ratio, ONE_SLIP)
    return max(ratio, EXTENDED) if _extends(left, right) or _extends(right, left) else ratio


def is_one_slip(left: str, right: str) -> bool:
    """Whether one letter was added, left out or mistaken, or two neighbours swapped."""
    if len(left) > len(right):
        left, right = right, left
    start = next((at for at, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), len(left))
    rest, other = left[start:], right[start:]
    if len(left) < len(right):
        return rest == other[1:]
    return rest[1:] == other[1:] or (rest[2:] == other[2:] and rest[:2] == other[1::-1])


def _extends(longer: str, shorter: str) -> bool:
    """Whether a word was put before or behind the other's."""
    return longer.startswith(f"{shorter}-") or longer.endswith(f"-{shorter}")


def _is_near(score: tuple[int, int, float], *, is_served: bool) -> bool:
    identity, equal, likeness = score
    return identity > 0 or (equal > 0 and not is_served) or likeness >= (ONE_SLIP if is_served else SIMILAR)
