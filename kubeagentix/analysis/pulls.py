"""Image references and the credentials with which a pod would pull them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from kubeagentix.analysis.meant import about_object
from kubeagentix.analysis.selectors import is_one_slip
from kubeagentix.domain.diagnosis import ResourceRef
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.domain.storage import Secret, ServiceAccount

DOCKER_HUB = "docker.io"
_DOCKER_HUB_NAMES = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io")
_PULL_SECRET_TYPES = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image reference taken apart; `version` is the tag or digest, "latest" where none is given."""

    registry: str
    repository: str
    version: str

    @property
    def place(self) -> tuple[str, str]:
        """Where its versions are: registry and repository."""
        return self.registry, self.repository

    @property
    def is_official(self) -> bool:
        """Whether it is one of Docker Hub's own images, all of which are public."""
        return self.registry == DOCKER_HUB and self.repository.startswith("library/")


def parse_image(reference: str) -> Image:
    """An image reference taken apart as container runtimes do: `nginx` is docker.io/library/nginx:latest."""
    name, _, digest = reference.partition("@")
    head, _, rest = name.partition("/")
    has_registry = bool(rest) and ("." in head or ":" in head or head == "localhost")
    registry, path = (head, rest) if has_registry else (DOCKER_HUB, name)
    repository, _, tag = path.partition(":")
    if registry in _DOCKER_HUB_NAMES:
        registry = DOCKER_HUB
        repository = repository if "/" in repository else f"library/{repository}"
    return Image(registry=registry, repository=repository, version=digest or tag or "latest")


def short_name(reference: str) -> str:
    """An image as people write it: without Docker Hub's name, and without what its own images have before theirs."""
    return reference.removeprefix(f"{DOCKER_HUB}/").removeprefix("library/")


def images_by_node(snapshot: Snapshot) -> Mapping[str, frozenset[str]]:
    """The images that nodes hold, short and without digests, so far as their kubelets name them: by node."""
    return {
        node.name: frozenset(
            short_name(name) for image in node.status.images for name in image.names if "@" not in name
        )
        for node in snapshot.all(Node)
    }


def holders(snapshot: Snapshot, reference: str) -> tuple[str, ...]:
    """The nodes that hold that very image."""
    return snapshot.derived(_nodes_by_image).get(parse_image(reference), ())


def _nodes_by_image(snapshot: Snapshot) -> dict[Image, tuple[str, ...]]:
    by_node = snapshot.derived(images_by_node)
    parsed = {name: parse_image(name) for name in frozenset[str]().union(*by_node.values())}
    found: dict[Image, list[str]] = defaultdict(list)
    for node, names in by_node.items():
        for image in {parsed[name] for name in names}:
            found[image].append(node)
    return {image: tuple(nodes) for image, nodes in found.items()}


def known_images(snapshot: Snapshot) -> frozenset[str]:
    """The names of all images that some container was started from, or some node holds."""
    statuses = (status for pod in snapshot.all(Pod) for status in pod.status.container_statuses)
    started = {status.image for status in statuses if status.image and status.image_id}
    names = {short_name(image) for image in started if not image.startswith("sha256:")}
    return frozenset(names.union(*snapshot.derived(images_by_node).values()))


def likest(wanted: str, running: Iterable[str]) -> str:
    """Of the images that run, the one that `wanted` may have been meant to be, or "".

    That is another version of the same repository, or else a repository whose name is one slip away, or one of the
    same name in another registry.
    """
    image = parse_image(wanted)
    parsed = {name: parse_image(name) for name in running if name != wanted}
    same = [name for name, other in parsed.items() if other.place == image.place]
    like = [name for name, other in parsed.items() if _is_slip(image, other)]
    found = same or like
    return max(sorted(found), key=lambda name: _likeness(parsed[name].version, image.version)) if found else ""


def _is_slip(image: Image, other: Image) -> bool:
    if image.repository == other.repository:
        return True
    return image.registry == other.registry and is_one_slip(image.repository, other.repository)


def _likeness(left: str, right: str) -> float:
    return SequenceMatcher(None, left, right).ratio()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSecretProblem:
    """Why a pull secret is of no use to a pod, in words, with the Secret (or the ServiceAccount) it is about."""

    words: str
    ref: ResourceRef | None


def pull_secret_names(snapshot: Snapshot, pod: Pod) -> tuple[str, ...]:
    """The pull secrets that count: the pod's own, else its ServiceAccount's."""
    own = tuple(item.name for item in pod.spec.image_pull_secrets if item.name)
    if own:
        return own
    account = snapshot.get(ServiceAccount, pod.namespace, pod.spec.service_account_name or "default")
    return tuple(item.name for item in account.image_pull_secrets if item.name) if account is not None else ()


def pull_secret_problems(snapshot: Snapshot, pod: Pod, registry: str) -> Iterator[PullSecretProblem]:
    """What keeps the pod's pull secrets from opening `registry`; nothing if one of them names it."""
    names = pull_secret_names(snapshot, pod)
    if not names:
        yield PullSecretProblem(words="The pod has no imagePullSecrets.", ref=None)
    elif not any(_opens(snapshot, pod.namespace, name, registry) for name in names):
        for name in names:
            words = _problem(snapshot, pod.namespace, name, registry)
            if words:
                yield PullSecretProblem(words=words, ref=snapshot.named("Secret", pod.namespace, name))


def _opens(snapshot: Snapshot, namespace: str, name: str, registry: str) -> bool:
    secret = snapshot.get(Secret, namespace, name)
    return secret is not None and any(_is_of(entry, registry) for entry in secret.registries)


def _is_of(entry: str, registry: str) -> bool:
    host = entry.partition("://")[2] or entry
    host = host.partition("/")[0]
    if registry == DOCKER_HUB:
        return host in _DOCKER_HUB_NAMES
    return host == registry or (host.startswith("*.") and registry.endswith(host[1:]))


def _problem(snapshot: Snapshot, namespace: str, name: str, registry: str) -> str:
    secret = snapshot.get(Secret, namespace, name)
    if secret is None:
        if not snapshot.was_read(Secret, namespace, name=name):
            return ""
        instead = about_object(snapshot, Secret, namespace, name)
        return f"Its imagePullSecret {name} does not exist in namespace {namespace}. {instead}".rstrip()
    if secret.type not in _PULL_SECRET_TYPES:
        return f"Its imagePullSecret {name} is of type {secret.type or 'Opaque'}, not kubernetes.io/dockerconfigjson."
    if secret.problem:
        return f"Its imagePullSecret {name} cannot be read: {secret.problem}."
    known = ", ".join(secret.registries) or "none"
    return f"Its imagePullSecret {name} holds no credentials for {registry} (only for: {known})."
