"""What the simulated controllers share: the objects, the clock, and what scenarios said of programs and registries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kubeagentix.demo.apps import ANY_APP, App
from kubeagentix.demo.store import Manifest, Store, rfc3339

if TYPE_CHECKING:
    from kubeagentix.demo.kubelet import PodOutcome

# The alphabet of generated names: no vowels and no look-alikes (apimachinery's util/rand).
SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryRule:
    """What a registry says to pulls of images that start with `prefix`.

    `answer` is not-found, or denied unless the pod brings a pull secret.
    """

    prefix: str
    is_denied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRule:
    """A validating webhook: `refuse` gives the reason to refuse a pod in `namespace`, or an empty text."""

    namespace: str
    webhook: str
    refuse: Callable[[Mapping[str, Any]], str]


@dataclass(slots=True, kw_only=True)
class World:
    """The store and what cannot be stored. `clock` is when things happen now; history is built with it set back."""

    store: Store
    clock: datetime
    apps: dict[tuple[str, str, str], App] = field(default_factory=dict)  # namespace, workload, container
    onsets: dict[tuple[str, str], datetime] = field(default_factory=dict)  # namespace, workload: healthy until then
    registry: list[RegistryRule] = field(default_factory=list)
    admission: list[AdmissionRule] = field(default_factory=list)
    lost_nodes: dict[str, datetime] = field(default_factory=dict)
    outcomes: dict[str, PodOutcome] = field(default_factory=dict)  # pod uid: what was last rendered
    refusals: dict[str, str] = field(default_factory=dict)  # controller uid: why the API server last refused its pods
    is_history: bool = True  # while the past is made up; what is then rendered again was never so before
    spared: set[str] = field(default_factory=set)  # uids of pods that have not been evicted yet

    @property
    def now(self) -> datetime:
        """The store's time, to the second."""
        return self.store.now().astimezone(UTC).replace(microsecond=0)

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """One object, not to be changed, or None."""
        return self.store.peek(self.store.catalog.named(kind), namespace, name)

    def all(self, kind: str, namespace: str | None = None) -> Sequence[Manifest]:
        """The objects of a kind, not to be changed."""
        return self.store.peek_all(self.store.catalog.named(kind), namespace)

    def owned(self, kind: str, owner: Mapping[str, Any]) -> list[Manifest]:
        """The objects of a kind that `owner` controls."""
        uid = owner["metadata"]["uid"]
        return [
            obj
            for obj in self.all(kind, owner["metadata"].get("namespace"))
            if any(reference["uid"] == uid for reference in obj["metadata"].get("ownerReferences") or ())
        ]

    def workload_name(self, pod: Mapping[str, Any]) -> str:
        """The name scenarios know a pod's workload by: its topmost controller's, or its own."""
        namespace, current = pod["metadata"].get("namespace", ""), pod
        while owners := current["metadata"].get("ownerReferences"):
            above = self.find(owners[0]["kind"], namespace, owners[0]["name"])
            if above is None:
                return str(owners[0]["name"])
            current = above
        return str(current["metadata"]["name"])

    def app(self, pod: Mapping[str, Any], container: str) -> App:
        """The program that runs in that container; one that does nothing wrong if no scenario said."""
        key = (pod["metadata"].get("namespace", ""), self.workload_name(pod), container)
        return self.apps.get(key, ANY_APP)

    def onset(self, pod: Mapping[str, Any]) -> datetime:
        """When what is wrong with the pod began: at its creation, or later if its scenario says so."""
        created = moment(pod["metadata"]["creationTimestamp"])
        began = self.onsets.get((pod["metadata"].get("namespace", ""), self.workload_name(pod)), created)
        return max(began, created)


def moment(text: str) -> datetime:
    """A time from its RFC 3339 text."""
    return datetime.fromisoformat(text)


def stamp(at: datetime) -> str:
    """A time as the API writes it."""
    return rfc3339(at)


def seconds(count: float) -> timedelta:
    """That many seconds."""
    return timedelta(seconds=count)


def token(seed: str, length: int) -> str:
    """A generated name's random part; the same for the same seed."""
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=16).digest(), "big")
    letters = []
    for _ in range(length):
        number, index = divmod(number, len(SAFE_ALPHABET))
        letters.append(SAFE_ALPHABET[index])
    return "".join(letters)


def digest(seed: str) -> str:
    """A sha256 as image and container ids have it; the same for the same seed."""
    return hashlib.sha256(seed.encode()).hexdigest()


def metadata(
    name: str,
    namespace: str = "",
    *,
    created: datetime,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    owner: Mapping[str, Any] | None = None,
) -> Manifest:
    """`metadata` of a new object, controlled by `owner`."""
    result: Manifest = {"name": name, "creationTimestamp": stamp(created)}
    if namespace:
        result["namespace"] = namespace
    if labels:
        result["labels"] = dict(labels)
    if annotations:
        result["annotations"] = dict(annotations)
    if owner is not None:
        result["ownerReferences"] = [
            {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    return result
