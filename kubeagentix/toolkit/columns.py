"""Lists as tables: the server's own columns where there is a server, as kubectl shows them, and ours for pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeagentix.cluster.connection import Cluster
from kubeagentix.domain import network, nodes, workloads
from kubeagentix.domain.extensions import CustomResource
from kubeagentix.domain.meta import Resource, condition
from kubeagentix.domain.pods import ContainerStatus, Pod
from kubeagentix.domain.resources import Kind
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.toolkit.objects import list_document
from kubeagentix.toolkit.parted_values import without_credentials
from kubeagentix.toolkit.wording import age, count_of, table

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_BETWEEN = "\x1f"  # the unit separator of ASCII, which is in no cell
# What a STATUS, READY or PHASE column says of an object in order.
FINE = ("Running", "Completed", "Succeeded", "Active", "Bound", "Ready", "Available", "Complete", "True", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Rows of cells. `places` are (namespace, name) of each row; `is_cut`: the server has more."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    places: tuple[tuple[str, str], ...]
    is_cut: bool = False

    @property
    def text(self) -> str:
        """The table."""
        return table(self.header, self.rows)

    def is_fine(self, row: Sequence[str]) -> bool:
        """Whether a row's status is in order, and as many of it are ready as are wanted."""
        for title, cell in zip(self.header, row, strict=True):
            have, slash, want = cell.partition("/")
            if title in ("STATUS", "PHASE") and cell not in FINE:
                return False
            if title in ("READY", "COMPLETIONS") and slash and have != want and "Completed" not in row:
                return False
        return True

    def summary(self, what: str) -> str:
        """The rows that are not in order, and how many there are of each status."""
        bad = [row for row in self.rows if not self.is_fine(row)]
        place = next((index for index, title in enumerate(self.header) if title in ("STATUS", "PHASE")), None)
        counts = Counter(row[place] for row in self.rows) if place is not None else Counter[str]()
        said = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        total = f"{count_of(len(self.rows), what)}{f': {said}' if said else ''}"
        if bad:
            return f"{total}\nnot in order:\n{table(self.header, bad)}"
        names = ", ".join("/".join(filter(None, place)) for place in self.places)
        return f"{total}\n{names}"


async def list_live(
    cluster: Cluster, kind: Kind, namespace: str | None, params: Mapping[str, str | int], *, is_wide: bool
) -> Listing:
    """The server's table. Raises ClusterError and its kin."""
    is_custom = issubclass(kind.type, CustomResource)
    whole = {"includeObject": "Object"} if is_custom else {}  # by which is masked what a column of theirs shows
    document = await list_document(cluster, kind, namespace, {**params, **whole}, accept=TABLE)
    is_cut = bool((document.get("metadata") or {}).get("continue"))
    if document.get("kind") != "Table":  # an aggregated API need not make tables
        places = tuple(_place(item) for item in document.get("items") or ())
        return Listing(
            header=("NAMESPACE", "NAME"),
            rows=tuple((place[0], place[1]) for place in places),
            places=places,
            is_cut=is_cut,
        )
    columns = document.get("columnDefinitions") or []
    kept = [place for place, column in enumerate(columns) if is_wide or not column.get("priority")]
    rows = document.get("rows") or []
    places = tuple(_place(row.get("object") or {}) for row in rows)
    shows_place = namespace is None and kind.is_namespaced
    header = tuple(str(columns[place].get("name", "")).upper() for place in kept)
    cells = [tuple(_cell(row["cells"][place]) for place in kept) for row in rows]
    if is_custom:
        cells = [_masked(row, item.get("object")) for row, item in zip(cells, rows, strict=True)]
    if shows_place:
        header = ("NAMESPACE", *header)
        cells = [(place[0], *row) for place, row in zip(places, cells, strict=True)]
    return Listing(header=header, rows=tuple(cells), places=places, is_cut=is_cut)


def _masked(row: tuple[str, ...], item: Any) -> tuple[str, ...]:
    found = tuple(without_credentials(_BETWEEN.join(row), item).split(_BETWEEN))
    return found if len(found) == len(row) else tuple(without_credentials(cell, item) for cell in row)


def _place(item: Mapping[str, Any]) -> tuple[str, str]:
    metadata = item.get("metadata") or {}
    return metadata.get("namespace", ""), metadata.get("name", "")


def _cell(value: Any) -> str:
    return "" if value in (None, "<none>") else str(value).replace(_BETWEEN, " ")


def list_picture(
    snapshot: Snapshot, kind: Kind, namespace: str | None, matches: Callable[[Resource], bool], limit: int
) -> Listing:
    """The same of a saved picture, with fewer columns."""
    items = [
        item
        for item in snapshot.objects.get(kind.name, ())
        if (namespace is None or item.namespace in ("", namespace)) and matches(item)
    ]
    titles, cells = _COLUMNS.get(kind.name, ((), lambda _: ()))
    shows_place = namespace is None and kind.is_namespaced
    header = (*(("NAMESPACE",) if shows_place else ()), "NAME", *titles, "AGE")
    rows = [_row(item, cells(item), snapshot.taken_at, shows_place=shows_place) for item in items[:limit]]
    places = tuple((item.namespace, item.name) for item in items[:limit])
    return Listing(header=header, rows=tuple(rows), places=places, is_cut=len(items) > limit)


def _row(item: Resource, cells: tuple[str, ...], now: datetime, *, shows_place: bool) -> tuple[str, ...]:
    made = age(item.metadata.creation_timestamp, now)
    return (*((item.namespace,) if shows_place else ()), item.name, *cells, made)


def pod_state(pod: Pod) -> str:
    """A pod's state as kubectl's STATUS column tells it. Source: pkg/printers/internalversion/printers.go printPod."""
    if pod.is_terminating:
        return "Terminating"
    for _, status, is_init in pod.containers():
        if status is None:
            continue
        waiting, ended = status.state.waiting, status.state.terminated
        prefix = "Init:" if is_init else ""
        if waiting is not None and waiting.reason not in ("", "PodInitializing", "ContainerCreating"):
            return f"{prefix}{waiting.reason}"
        if ended is not None and (ended.exit_code or ended.signal) and not pod.is_finished:
            return f"{prefix}{ended.reason or 'Error'}"
    if pod.status.phase == "Succeeded":
        return "Completed"
    initial = [(status, spec.restart_policy == "Always") for spec, status, is_init in pod.containers() if is_init]
    done = sum(_is_past(status, is_sidecar=is_sidecar) for status, is_sidecar in initial)
    if done < len(initial) and pod.status.phase == "Pending" and pod.spec.node_name:
        return f"Init:{done}/{len(initial)}"
    creating = any(
        status is not None and status.state.waiting is not None
        for _, status, is_init in pod.containers()
        if not is_init
    )
    return pod.status.reason or ("ContainerCreating" if creating else pod.status.phase)


def _is_past(status: ContainerStatus | None, *, is_sidecar: bool) -> bool:
    """Whether an init container has done its part."""
    if status is None:
        return False
    ended = status.state.terminated
    return bool(status.started) if is_sidecar else ended is not None and ended.exit_code == 0


def pod_ready(pod: Pod) -> str:
    """`1/2`: how many of a pod's containers are ready."""
    ready = sum(status.ready for status in pod.status.container_statuses)
    return f"{ready}/{len(pod.spec.containers)}"


def restarts_of(pod: Pod) -> int:
    """How often a pod's containers were restarted, all together."""
    return sum(status.restart_count for _, status, _ in pod.containers() if status is not None)


def _pod(pod: Pod) -> tuple[str, ...]:
    return pod_ready(pod), pod_state(pod), str(restarts_of(pod)), pod.spec.node_name


def _replicas(item: workloads.Deployment | workloads.StatefulSet | workloads.ReplicaSet) -> tuple[str, ...]:
    return (f"{item.status.ready_replicas}/{item.spec.replicas}",)


def _node(node: nodes.Node) -> tuple[str, ...]:
    ready = condition(node.status.conditions, "Ready")
    words = ["Ready" if ready is not None and ready.status == "True" else "NotReady"]
    words += ["SchedulingDisabled"] if node.spec.unschedulable else []
    return ",".join(words), node.status.node_info.kubelet_version


def _service(service: network.Service) -> tuple[str, ...]:
    ports = ",".join(f"{port.port}/{port.protocol}" for port in service.spec.ports)
    return service.spec.type, service.spec.cluster_ip or service.spec.external_name, ports


def _job(job: workloads.Job) -> tuple[str, ...]:
    done = next((item.type for item in job.status.conditions if item.status == "True"), "Running")
    return done, f"{job.status.succeeded}/{job.spec.completions or 1}"


_COLUMNS: Mapping[str, tuple[tuple[str, ...], Callable[[Any], tuple[str, ...]]]] = {
    "Pod": (("READY", "STATUS", "RESTARTS", "NODE"), _pod),
    "Deployment": (("READY",), _replicas),
    "StatefulSet": (("READY",), _replicas),
    "ReplicaSet": (("READY",), _replicas),
    "DaemonSet": (
        ("READY",),
        lambda item: (f"{item.status.number_ready}/{item.status.desired_number_scheduled}",),
    ),
    "Job": (("STATUS", "COMPLETIONS"), _job),
    "CronJob": (("SCHEDULE", "SUSPEND"), lambda item: (item.spec.schedule, str(item.spec.suspend))),
    "Node": (("STATUS", "VERSION"), _node),
    "Namespace": (("STATUS",), lambda item: (item.status.phase,)),
    "Service": (("TYPE", "CLUSTER-IP", "PORTS"), _service),
    "PersistentVolumeClaim": (
        ("STATUS", "VOLUME", "CLASS"),
        lambda item: (item.status.phase, item.spec.volume_name, item.spec.storage_class_name or ""),
    ),
    "PersistentVolume": (("STATUS", "CLASS"), lambda item: (item.status.phase, item.spec.storage_class_name)),
    "Secret": (("TYPE", "DATA"), lambda item: (item.type, str(len(item.keys)))),
    "ConfigMap": (("DATA",), lambda item: (str(len(item.keys)),)),
    "Event": (
        ("TYPE", "REASON", "OBJECT", "MESSAGE"),
        lambda item: (
            *(item.type, item.reason, f"{item.involved_object.kind}/{item.involved_object.name}", item.message),
        ),
    ),
}
