"""What names there are: learnt from pictures of the cluster, from what tools answer, and from how texts use words.

A picture comes first and says of what kind each name is. What it does not show (another namespace, a pod made since, a
host that only a log knows) is learnt from the texts themselves, just before they go out (see `texts`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from kubeagentix.analysis.hosts import hosts_in
from kubeagentix.anonymizing.placeholders import Piece, Placeholders
from kubeagentix.anonymizing.vocabulary import KEPT_DOMAINS, PUBLIC_IMAGES, PUBLIC_REGISTRIES
from kubeagentix.domain.diagnosis import Diagnosis, ResourceRef
from kubeagentix.domain.snapshot import Snapshot


def pairs(text: str) -> dict[str, str]:
    """A table that is written as `name=value name=value`, with `_` for blanks in names."""
    return {name.replace("_", " "): value for name, _, value in (pair.partition("=") for pair in text.split())}


# Kinds by what their names are called; the first of them names an object that several kinds have the name of.
KIND_TYPES = pairs(
    """
    Namespace=ns Node=node Deployment=deploy StatefulSet=sts DaemonSet=ds CronJob=cronjob Job=job Service=svc
    Ingress=ing ConfigMap=cm Secret=secret ServiceAccount=sa PersistentVolumeClaim=pvc PersistentVolume=pv
    StorageClass=sc Role=role ClusterRole=role RoleBinding=binding ClusterRoleBinding=binding
    HorizontalPodAutoscaler=hpa PodDisruptionBudget=pdb NetworkPolicy=netpol
    ValidatingWebhookConfiguration=webhook MutatingWebhookConfiguration=webhook ReplicaSet=rs Pod=pod User=user
    Group=user Host=host Registry=host
    """
)
_NAMELESS = ("Event", "APIService", "CustomResourceDefinition", "PodMetrics", "NodeMetrics")  # named after others
_OWN_SUFFIX = re.compile(r"-[a-z0-9]+(?:-[a-z0-9]+)?\Z")  # what controllers put behind the name of an owner
_SUBDOMAIN = re.compile(r"[a-z0-9*_]([a-z0-9*_.-]*[a-z0-9])?\Z", re.IGNORECASE)
_GENERATED = ("kube-api-access-", "default-token-")  # volumes that every pod has
_TAG = re.compile(r"(?:v?\d[\w.-]*|latest|stable|main|master|edge|nightly|prod|production|dev|staging|test)\Z")
MAX_LABEL_CHARS = 63
# Labels whose values are no names: hashes and ids, and words that are the same everywhere.
_UNNAMED_LABEL = re.compile(
    r"(?:hash|uid|index|generation|arch|os|managed-by|version|bootstrapping|enforce|warn|audit)\Z"
)

# What the value of a field is, wherever objects and answers have such a field.
FIELDS = pairs(
    """
    namespace=ns nodename=node node=node nominatednodename=node pod=pod servicename=svc serviceaccountname=sa
    serviceaccount=sa claimname=pvc volumename=pv secretname=secret storageclassname=sc cluster=cluster
    clustername=cluster container=container user=user username=user priorityclassname=name ingressclassname=name
    deployment=deploy service=svc workload=deploy
    """
)
_HOSTS = ("host", "address", "hostname", "externalname", "server", "hostnames", "hosts", "dnsnames", "subdomain")
_IMAGES = ("image", "imageid", "images")
_LABELS = ("labels", "matchlabels", "nodeselector", "selector")
_NOT_NAMED = (
    "ports",
    "env",
    "headers",
    "httpheaders",
    "metrics",
    "conditions",
    "options",
    "readinessgates",
    "resources",
)
_CONTAINERS = ("containers", "initcontainers", "ephemeralcontainers", "containerstatuses", "initcontainerstatuses")


class Names(Placeholders):
    """Placeholders that know what to stand for."""

    def __init__(self) -> None:
        super().__init__()
        self.has_picture = False
        self._edges: tuple[list[str], list[str]] = ([], [])
        self._sorted = 0

    def edges(self) -> tuple[list[str], list[str]]:
        """All names that are hidden, sorted by how they begin, and turned around by how they end."""
        if len(self.names) != self._sorted:
            self._sorted = len(self.names)
            told = [name for name in self.names if not self.stays(name)]
            self._edges = sorted(told), sorted(name[::-1] for name in told)
        return self._edges

    # Single names

    def learn(self, name: str, kind: str) -> None:
        """A name of an object, a user or a label's value. What begins with `system:` is taken apart."""
        if name.startswith("system:"):
            parts = name.split(":")
            if parts[1:2] == ["serviceaccount"] and len(parts) == 4:
                self.learn(parts[2], "ns")
                self.learn(parts[3], "sa")
            elif parts[1:2] == ["node"] and len(parts) == 3:
                self.learn(parts[2], "node")
            return
        if "@" in name or (kind in ("node", "user") and "." in name):
            local, _, host = name.rpartition("@")
            self.learn_host(host)
            if local:
                self.add(local, Piece(local, kind))
            return
        if name in self or name.startswith(_GENERATED) or not any(char.isalpha() for char in name):
            return
        self.add(name, Piece(name, kind))
        if kind in ("svc", "deploy", "sts") and "-" in name:
            upper = name.upper().replace("-", "_").replace(".", "_")
            self.add(upper, Piece(upper, kind))

    def learn_made(self, name: str, owner: str, owner_kind: str, kind: str) -> None:
        """A name that a controller made from its owner's: the same placeholder with the same suffix."""
        suffix = name.removeprefix(owner)
        if suffix != name and _OWN_SUFFIX.match(suffix):
            self.add(name, *(self.piece_of(owner) or (Piece(owner, owner_kind),)), Piece(suffix))
        else:
            self.learn(name, kind)

    def learn_in(self, namespace: str, name: str) -> None:
        """An object of a namespace, as texts name it in one: `shop/web`, and `web.shop` for a Service."""
        first, second = self.piece_of(namespace), self.piece_of(name)
        if first is not None and second is not None:
            self.add(f"{namespace}/{name}", *first, Piece("/"), *second)
            self.add(f"{name}.{namespace}", *second, Piece("."), *first)

    def learn_host(self, host: str) -> None:
        """A host's name: its domain and what is before it, each for itself. Names in the cluster are of objects."""
        host = host.rstrip(".").lower().removeprefix("*.")
        labels = host.split(".")
        if labels[-1].isdigit() or ":" in host:
            return
        if not _SUBDOMAIN.match(host) or host == "localhost" or host.endswith((".svc", ".cluster.local", ".localhost")):
            return
        if any(host == item or host.endswith(f".{item}") for item in KEPT_DOMAINS) or host in self:
            return
        if len(labels) == 1:
            self.add(host, Piece(host, "host"))
            return
        domain, before = ".".join(labels[-2:]), ".".join(labels[:-2])
        if domain in self and self.stays(domain):
            return
        self.add(domain, Piece(domain, "domain"))
        if before:
            self.add(host, Piece(before, "host"), Piece("."), Piece(domain, "domain"))

    def learn_image(self, image: str) -> None:
        """An image: its registry is a host, its tag stays if it reads as a version. Everybody's images stay."""
        image = image.partition("://")[2] or image
        if image.startswith("sha256:"):
            return
        bare, _, _ = image.partition("@")
        head, _, last = bare.rpartition("/")
        path_end, _, tag = last.partition(":")
        repository = f"{head}/{path_end}" if head else path_end
        official = repository.removeprefix("docker.io/").removeprefix("library/")
        if not path_end or official in PUBLIC_IMAGES or repository.startswith(PUBLIC_REGISTRIES):
            return
        registry, _, path = repository.partition("/")
        if registry.endswith(KEPT_DOMAINS):
            return
        if not path or not ("." in registry or ":" in registry or registry == "localhost"):
            registry, path = "", repository
        if registry:
            host = registry.partition(":")[0]
            self.learn_host(host)
            pieces = (
                *(self.piece_of(host) or (Piece(host),)),
                Piece(registry[len(host) :] + "/"),
                Piece(path, "image"),
            )
            self.add(repository, *pieces)
        elif "/" in path or not tag:
            self.add(path, Piece(path, "image"))
        else:
            self.add(f"{path}:{tag}", Piece(path, "image"), Piece(f":{tag}"))
        if tag and not _TAG.match(tag):
            self.add(tag, Piece(tag, "tag"))

    def learn_label(self, value: str) -> None:
        """The value of a label, unless it is a number, a hash or an id."""
        if value and not value.isdigit() and len(value) <= MAX_LABEL_CHARS:
            self.learn(value, "label")

    # What names are in

    def learn_ref(self, ref: ResourceRef) -> None:
        """An object that a finding, a piece of evidence or a target is about."""
        self.learn(ref.namespace, "ns")
        self.learn(ref.cluster, "cluster")
        if ref.kind in ("Host", "Registry"):
            self.learn_host(ref.name.partition(":")[0])
        elif ref.kind not in _NAMELESS:
            self.learn(ref.name, KIND_TYPES.get(ref.kind, "name"))
        self.learn_in(ref.namespace, ref.name)

    def learn_diagnosis(self, diagnosis: Diagnosis) -> None:
        """All objects that a diagnosis names."""
        self.learn(diagnosis.cluster, "cluster")
        for finding in diagnosis.findings:
            for ref in (finding.ref, *finding.points_at, *(item.ref for item in finding.evidence)):
                self.learn_ref(ref)

    def learn_snapshot(self, snapshot: Snapshot) -> None:
        """All names in a picture of a cluster."""
        self.has_picture = True
        self.learn(snapshot.cluster, "cluster")
        kinds = sorted(snapshot.objects, key=lambda kind: [*KIND_TYPES, kind].index(kind))
        for kind in kinds:
            if kind not in _NAMELESS:
                self._learn_kind(snapshot, kind)
        for kind in kinds:
            for item in snapshot.objects[kind]:
                self.learn_data(msgspec.to_builtins(item), kind)

    def _learn_kind(self, snapshot: Snapshot, kind: str) -> None:
        for item in snapshot.objects[kind]:
            owner = snapshot.workload_of(item) if item.controller is not None else snapshot.ref(item)
            self.learn(item.namespace, "ns")
            if owner.name != item.name:
                self.learn(owner.name, KIND_TYPES.get(owner.kind, "name"))
                self.learn_made(item.name, owner.name, KIND_TYPES.get(owner.kind, "name"), KIND_TYPES.get(kind, "name"))
            else:
                self.learn(item.name, KIND_TYPES.get(kind, "name"))
            self.learn_in(item.namespace, item.name)

    def learn_data(self, data: Any, kind: str = "", parent: str = "") -> None:
        """The names in an object or in what a tool answered, by the fields they stand in."""
        if isinstance(data, Mapping):
            kind = str(data.get("kind") or kind)
            for key, value in data.items():
                self._learn_field(str(key), value, data, kind, parent)
        elif isinstance(data, list | tuple):
            for item in data:
                self.learn_data(item, kind, parent)

    def _learn_field(self, key: str, value: Any, data: Mapping[str, Any], kind: str, parent: str) -> None:
        field = key.lower().replace("_", "").replace(" ", "")
        if field in _LABELS and isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values()):
            for name, item in value.items():
                if not _UNNAMED_LABEL.search(name):
                    self.learn_label(item)
        elif field == "hosts" and isinstance(value, Mapping):
            self._learn_field(key, [host for hosts in value.values() for host in hosts], data, kind, parent)
        elif not isinstance(value, str):
            if field in (*_HOSTS, *_IMAGES, "namespaces") and isinstance(value, list | tuple):
                for item in value:
                    self._learn_field(key.removesuffix("s"), item, data, kind, parent)
            self.learn_data(value, kind if field in ("metadata", "items") else "", field)
        elif value:
            self._learn_text(field, value, data, kind, parent)

    def _learn_text(self, field: str, value: str, data: Mapping[str, Any], kind: str, parent: str) -> None:
        if field == "name" and parent == "env":
            for host in hosts_in(value, str(data.get("value") or "")):
                self.learn_host(host)
        elif field == "name" and parent not in _NOT_NAMED:
            of = (
                "container"
                if parent in _CONTAINERS
                else "volume"
                if parent == "volumes"
                else KIND_TYPES.get(kind, "name")
            )
            if kind not in _NAMELESS:
                self.learn(value, of)
        elif field in FIELDS:
            self.learn(value, FIELDS[field])
        elif field in _IMAGES:
            self.learn_image(value)
        elif field in _HOSTS:
            self.learn_host(value.partition("://")[2].partition("/")[0].partition(":")[0] or value)
