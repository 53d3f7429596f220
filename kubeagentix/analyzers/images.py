"""Images that cannot be pulled, split by what the registry or the way to it answered.

ErrImagePull and ImagePullBackOff are two faces of one failure, and while the kubelet backs off, the detail is only
in an older event; so the newest text that tells something counts. Wordings: containerd, CRI-O and Docker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubeagentix.analysis.containers import PodContainer, events_of, restless_containers
from kubeagentix.analysis.node_platforms import architectures
from kubeagentix.analysis.pulls import Image, holders, known_images, likest, parse_image, pull_secret_problems
from kubeagentix.analysis.scheduler.case import listed
from kubeagentix.analysis.troubles import (
    Trouble,
    describe_pod,
    edit_workload,
    event_evidence,
    findings,
    sentence,
    spec_evidence,
    waiting_evidence,
)
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import REGISTRY, Evidence, Finding, ResourceRef
from kubeagentix.domain.nodes import Event
from kubeagentix.domain.snapshot import Snapshot

_BACK_OFF = "ImagePullBackOff"
_NO_ACCESS = f"{_BACK_OFF}/Unauthorized"
_PULLING = (_BACK_OFF, "ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed")
_AS_THEY_ARE = {
    "InvalidImageName": "it is not a valid image name",
    "ErrImageNeverPull": "the node does not have it, and imagePullPolicy is Never",
    "ImageInspectError": "the node's container runtime cannot read it",
}

# What registries answer, in the order to try: an answer names its refinement, and the words for a title.
_ANSWERS = (
    (
        "RateLimited",
        "the registry limits how often it may be asked",
        r"toomanyrequests|too many requests|rate limit|\b429\b",
    ),
    (
        "SignatureInvalid",
        "the node demands a signature that it does not have",
        r"SignatureValidationFailed|signature (?:validation|verification)|source image rejected",
    ),
    (
        "Platform",
        "it does not exist for the node's platform",
        (
            r"no match for platform|no matching manifest for|does not match the specified platform"
            r"|no image found in (?:image index|manifest list)|image operating system .* cannot be used"
        ),
    ),
    ("Certificate", "the registry's certificate is not accepted", r"x509|certificate|\btls: (?!handshake timeout)"),
    (
        "Unauthorized",
        "the registry demands credentials that it does not get",
        (
            r"unauthorized|authentication required|no basic auth credentials|access forbidden|\b401\b|\b403\b"
            r"|access (?:to the resource is )?denied|denied: |insufficient_scope|may require"
        ),
    ),
    (
        "RepositoryNotFound",
        "the registry has no such repository",
        r"name[_ ]unknown|repository name not known|(?:repository|project) \S+ not found|repository does not exist",
    ),
    (
        "TagNotFound",
        "the registry does not have it: its tag or its name is wrong",
        r"manifest[_ ]unknown|manifest for \S+ not found|: not found|code = NotFound|tag \S+ not found|404 Not Found",
    ),
    (
        "Network",
        "the registry cannot be reached",
        (
            r"dial tcp|no such host|i/o timeout|timeout|deadline exceeded|connection (?:refused|reset)|no route to host"
            r"|registry is unavailable"  # all that the kubelet says of a RegistryUnavailable; pkg/kubelet/images
            r"|server misbehaving|proxyconnect|unexpected EOF|HTTP response to HTTPS client|\b50[0234]\b"
        ),
    ),
)
_PATTERNS = tuple((name, words, re.compile(pattern, re.IGNORECASE)) for name, words, pattern in _ANSWERS)
# The registries' answer to "no such repository" and to "not for you" alike.
_AMBIGUOUS = re.compile(r"(?i)repository does not exist or may require|requested access to the resource is denied")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    reason: str
    phrase: str
    confidence: float

    @property
    def is_of_name(self) -> bool:
        """Whether it may be the image's name that is wrong: no registry that is away, and no certificate."""
        return self.reason.endswith("NotFound") or self.reason in (_BACK_OFF, "ErrImageNeverPull", _NO_ACCESS)


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One finding per workload and container: `ImagePullBackOff/<X>`, `InvalidImageName`, `ErrImageNeverPull` …."""
    return findings(snapshot, plugin.id, _troubles(snapshot))


def _troubles(snapshot: Snapshot) -> Iterator[Trouble]:
    for container in restless_containers(snapshot):
        waiting = container.waiting
        if waiting is None or waiting.reason not in (*_PULLING, *_AS_THEY_ARE):
            continue
        event = _telling_event(snapshot, container)
        message = _message(container, event)
        verdict = _judge(waiting.reason, container, message)
        yield _trouble(snapshot, container, verdict, message, event)


def _telling_event(snapshot: Snapshot, container: PodContainer) -> Event | None:
    events = events_of(snapshot, container, "Failed", "InspectFailed", "ErrImageNeverPull")
    # "Error: ImagePullBackOff" only repeats the state.
    return next((event for event in events if not re.match(r"Error: \w+$", event.message)), None)


def _message(container: PodContainer, event: Event | None) -> str:
    waiting = container.waiting
    own = waiting.message if waiting is not None else ""
    tells = any(pattern.search(own) for _, _, pattern in _PATTERNS)
    return own if tells or event is None else event.message


def _judge(state: str, container: PodContainer, message: str) -> _Verdict:
    if state in _AS_THEY_ARE:
        return _Verdict(reason=state, phrase=_AS_THEY_ARE[state], confidence=0.95)
    text = message.replace(container.spec.image, "")  # an image may be called not-found
    if _AMBIGUOUS.search(text):
        return _ambiguous(parse_image(container.spec.image))
    for refinement, words, pattern in _PATTERNS:
        if pattern.search(text):
            return _Verdict(reason=f"{_BACK_OFF}/{refinement}", phrase=words, confidence=0.9)
    return _Verdict(reason=_BACK_OFF, phrase="it cannot be pulled", confidence=0.7)


def _ambiguous(image: Image) -> _Verdict:
    if image.is_official:  # nothing there is private
        return _Verdict(
            reason=f"{_BACK_OFF}/RepositoryNotFound", phrase="the registry has no such repository", confidence=0.85
        )
    return _Verdict(
        reason=_NO_ACCESS,
        phrase="the repository is private and the credentials do not open it, or it does not exist",
        confidence=0.75,
    )


def _trouble(
    snapshot: Snapshot, container: PodContainer, verdict: _Verdict, message: str, event: Event | None
) -> Trouble:
    image = container.spec.image
    secrets = _secrets(snapshot, container, verdict)
    meant = _meant(snapshot, container, verdict)
    advice = _advice(snapshot, container, verdict, meant)
    said = f"The kubelet says: {sentence(message)}" if message else ""
    return Trouble(
        pod=container.pod,
        part=container.name,
        reason=verdict.reason,
        title=f"{container.label} cannot get image {image}: {verdict.phrase}{f' (there is {meant})' if meant else ''}",
        cause=" ".join(filter(None, (said, *(words for words, _ in secrets), advice))) or f"{image}: {verdict.phrase}.",
        evidence=tuple(_evidence(snapshot, container, event)),
        confidence=verdict.confidence,
        remedies=(
            describe_pod(snapshot, container.pod),
            edit_workload(snapshot, container.pod, f"the image of {container.label}"),
        ),
        points_at=(*(ref for _, ref in secrets if ref is not None), *_registry(container, verdict)),
        is_rough=verdict.reason == _BACK_OFF,
        since=event.first_timestamp if event is not None else None,
    )


def _registry(container: PodContainer, verdict: _Verdict) -> tuple[ResourceRef, ...]:
    """The registry, where it is the registry that fails: for others too that pull from it."""
    if not verdict.reason.endswith(("/Network", "/RateLimited", "/Certificate")):
        return ()
    return (ResourceRef(kind=REGISTRY, name=parse_image(container.spec.image).registry),)


def _evidence(snapshot: Snapshot, container: PodContainer, event: Event | None) -> Iterator[Evidence]:
    yield waiting_evidence(snapshot, container)
    if event is not None:
        yield event_evidence(snapshot, event, container.pod)
    yield spec_evidence(snapshot, container, "image", f"image: {container.spec.image}")


def _secrets(
    snapshot: Snapshot, container: PodContainer, verdict: _Verdict
) -> tuple[tuple[str, ResourceRef | None], ...]:
    if not verdict.reason.endswith(("/Unauthorized", "/RateLimited")):
        return ()
    registry = parse_image(container.spec.image).registry
    return tuple((item.words, item.ref) for item in pull_secret_problems(snapshot, container.pod, registry))


def _meant(snapshot: Snapshot, container: PodContainer, verdict: _Verdict) -> str:
    """The image of this cluster that may have been meant, if the fault may be in the name."""
    image = container.spec.image
    if verdict.reason == "InvalidImageName":
        name, colon, tag = image.rpartition(":")
        return f"{name.lower()}{colon}{tag}" if name and name != name.lower() else ""
    if not verdict.is_of_name:
        return ""
    return snapshot.derived(_likest, image)


def _likest(snapshot: Snapshot, image: str) -> str:
    return likest(image, snapshot.derived(known_images))


def _advice(snapshot: Snapshot, container: PodContainer, verdict: _Verdict, meant: str) -> str:
    """What the cluster's own images say to it, in a sentence."""
    image, policy = container.spec.image, container.spec.image_pull_policy
    if verdict.reason.endswith("/Platform"):
        return architectures(snapshot, container.pod)
    held = listed(snapshot.derived(holders, image)) if verdict.is_of_name or policy == "Always" else ""
    if held and verdict.reason == "ErrImageNeverPull":
        return f"Only {held} has it."
    if held and policy == "Always" and verdict.reason.startswith(_BACK_OFF):
        return f"It is on {held} already, and is asked for again because imagePullPolicy is Always."
    if verdict.reason == "InvalidImageName":
        return f"Was {meant} meant?" if meant else ""
    return f"In this cluster there is {meant}: was that meant?" if meant else ""


plugin = AnalyzerPlugin(id="images", title="Images that cannot be pulled", analyze=analyze, scope="workload")
