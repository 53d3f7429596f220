from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubeagentix.analyzers.images import plugin
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.testing import snapshot_of

Build = Callable[..., list[dict[str, Any]]]


def found(*manifests: Any) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests)))


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


CONTAINERD = 'failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
CRIO = "initializing source docker://{image}: "


@pytest.mark.parametrize(
    ("image", "message", "refinement"),
    [
        ("nginx:9.99", CONTAINERD + "docker.io/library/nginx:9.99: not found", "TagNotFound"),
        ("nginx:9.99", CRIO + "reading manifest 9.99 in docker.io/library/nginx: manifest unknown", "TagNotFound"),
        (
            "nginx:9.99",
            "Error response from daemon: manifest for nginx:9.99 not found: manifest unknown",
            "TagNotFound",
        ),
        (
            "acme/api:1",
            CONTAINERD + "pull access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed",
            "Unauthorized",
        ),
        (
            "nginxx:1",
            (
                "Error response from daemon: pull access denied for nginxx, repository does not exist or may require "
                "'docker login': denied: requested access to the resource is denied"
            ),
            "RepositoryNotFound",
        ),
        (
            "r.io/a:1",
            CONTAINERD + "unexpected status from HEAD request to https://r.io/v2/a: 401 Unauthorized",
            "Unauthorized",
        ),
        (
            "r.io/a:1",
            CONTAINERD + "failed to authorize: failed to fetch anonymous token: 403 Forbidden",
            "Unauthorized",
        ),
        ("1.dkr.ecr.eu-west-1.amazonaws.com/a:1", CONTAINERD + "no basic auth credentials", "Unauthorized"),
        ("quay.io/x/y:1", CRIO + "reading manifest 1 in quay.io/x/y: unauthorized: access denied", "Unauthorized"),
        (
            "r.io/nope:1",
            CRIO + "reading manifest 1 in r.io/nope: name unknown: repository name not known",
            "RepositoryNotFound",
        ),
        (
            "r.io/a:1",
            "SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists",
            "SignatureInvalid",
        ),
        (
            "nginx:1",
            CONTAINERD + "429 Too Many Requests - toomanyrequests: You have reached your pull rate limit",
            "RateLimited",
        ),
        (
            "r.io/a:1",
            CONTAINERD + 'failed to do request: Head "https://r.io/v2": dial tcp: lookup r.io: no such host',
            "Network",
        ),
        (
            "r.io/a:1",
            CRIO + 'pinging container registry r.io: Get "https://r.io/v2/": dial tcp 1.2.3.4:443: i/o timeout',
            "Network",
        ),
        ("r.io/a:1", CONTAINERD + "net/http: TLS handshake timeout", "Network"),
        (
            "r.io/a:1",
            CONTAINERD + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            "Certificate",
        ),
        ("nginx:1", "no match for platform in manifest sha256:0123: not found", "Platform"),
        ("nginx:1", CRIO + "choosing image instance: no image found in image index for architecture arm64", "Platform"),
    ],
)
def test_the_registrys_answer_refines_the_reason(workload: Build, image: str, message: str, refinement: str) -> None:
    pull = f'Failed to pull image "{image}": rpc error: code = Unknown desc = {message.format(image=image)}'
    objects = workload(
        waiting("ImagePullBackOff", f'Back-off pulling image "{image}"'),
        phase="Pending",
        replicas=3,
        container={"image": image},
        events=[("Failed", "Error: ImagePullBackOff", 9, 5), ("Failed", pull, 4, 300)],
    )
    [finding] = found(*objects)
    assert finding.reason == f"ImagePullBackOff/{refinement}"
    assert image in finding.title
    assert "3 of 3 pods" in finding.title
    assert any(item.excerpt == pull for item in finding.evidence)


def test_the_states_own_message_is_read_too(workload: Build) -> None:
    message = 'Back-off pulling image "nginx:9": ErrImagePull: docker.io/library/nginx:9: not found'
    [finding] = found(*workload(waiting("ErrImagePull", message), container={"image": "nginx:9"}))
    assert finding.reason == "ImagePullBackOff/TagNotFound"


@pytest.mark.parametrize(
    ("reason", "why", "refinement"),
    [
        ("RegistryUnavailable", "the registry is unavailable", "Network"),
        ("SignatureValidationFailed", "the signature validation failed", "SignatureInvalid"),
    ],
)
def test_what_the_runtime_says_in_one_word_is_told(workload: Build, reason: str, why: str, refinement: str) -> None:
    message = f"image pull failed for shop.example/web:1 because {why}"
    [finding] = found(*workload(waiting(reason, message), container={"image": "shop.example/web:1"}))
    assert finding.reason == f"ImagePullBackOff/{refinement}"
    assert found(*workload(waiting("ContainerCreating"))) == []


def test_without_a_detail_the_reason_stays_plain(workload: Build) -> None:
    [finding] = found(*workload(waiting("ImagePullBackOff", 'Back-off pulling image "not-found:1"')))
    assert finding.reason == "ImagePullBackOff"


@pytest.mark.parametrize("reason", ["InvalidImageName", "ErrImageNeverPull", "ImageInspectError"])
def test_what_the_kubelet_knows_by_itself_keeps_its_name(workload: Build, reason: str) -> None:
    [finding] = found(*workload(waiting(reason, "x")))
    assert finding.reason == reason


DENIED = "Failed to pull image: 401 Unauthorized"


def denied(workload: Build, *secrets: str) -> list[dict[str, Any]]:
    spec = {"imagePullSecrets": [{"name": name} for name in secrets]}
    return workload(waiting("ErrImagePull"), container={"image": "r.io/a:1"}, spec=spec, events=[("Failed", DENIED)])


def secret(name: str, kind: str, **data: str) -> dict[str, Any]:
    return {"kind": "Secret", "metadata": {"name": name}, "type": kind, "data": data}


# {"auths":{"other.io":{"auth":"dTpw"}}} and {"auths":{"https://r.io/v1/":{"auth":"dTpw"}}}
OTHER = "eyJhdXRocyI6eyJvdGhlci5pbyI6eyJhdXRoIjoiZFRwdyJ9fX0="
OWN = "eyJhdXRocyI6eyJodHRwczovL3IuaW8vdjEvIjp7ImF1dGgiOiJkVHB3In19fQ=="
CONFIG = "kubernetes.io/dockerconfigjson"


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ([], "does not exist"),
        ([secret("key", "Opaque", x="eA==")], "of type Opaque"),
        ([secret("key", CONFIG, **{".dockerconfigjson": "bm90IGpzb24="})], "cannot be read"),
        ([secret("key", CONFIG, **{".dockerconfigjson": OTHER})], "no credentials for r.io"),
    ],
)
def test_a_useless_pull_secret_is_pointed_at(workload: Build, held: list[dict[str, Any]], words: str) -> None:
    [finding] = found(*denied(workload, "key"), *held)
    assert words in finding.cause
    assert [str(ref) for ref in finding.points_at] == ["Secret default/key"]


def test_a_pull_secret_for_the_registry_is_not_blamed(workload: Build) -> None:
    [finding] = found(*denied(workload, "key"), secret("key", CONFIG, **{".dockerconfigjson": OWN}))
    assert finding.points_at == ()


def test_the_accounts_pull_secrets_count(workload: Build) -> None:
    account = {"kind": "ServiceAccount", "metadata": {"name": "default"}, "imagePullSecrets": [{"name": "key"}]}
    [finding] = found(*denied(workload), account)
    assert "imagePullSecret key does not exist" in finding.cause


def test_no_pull_secrets_at_all_are_told(workload: Build) -> None:
    [finding] = found(*denied(workload))
    assert "has no imagePullSecrets" in finding.cause


@pytest.mark.parametrize("state", [waiting("ContainerCreating"), {"running": {"startedAt": "2026-01-15T11:00:00Z"}}])
def test_a_pull_that_worked_in_the_end_is_silent(workload: Build, state: dict[str, Any]) -> None:
    assert found(*workload(state, events=[("Failed", DENIED)])) == []


def test_a_missing_config_map_is_no_missing_image(workload: Build) -> None:
    events = [("FailedMount", 'MountVolume.SetUp failed for volume "v" : configmap "x" not found')]
    assert found(*workload(waiting("ContainerCreating"), events=events)) == []


@pytest.mark.parametrize(("other", "is_told"), [("nginx:1.25", True), ("acme/ledger:9.99", False)])
def test_only_images_that_may_have_been_meant_are_offered(workload: Build, other: str, is_told: bool) -> None:
    message = CONTAINERD.format(image="nginx:9.99") + "docker.io/library/nginx:9.99: not found"
    pod = {
        "kind": "Pod",
        "metadata": {"name": "other"},
        "status": {"phase": "Running", "containerStatuses": [{"name": "c", "image": other, "imageID": "sha256:1"}]},
    }
    [finding] = found(*workload(waiting("ErrImagePull", message), container={"image": "nginx:9.99"}), pod)
    assert ("In this cluster there is nginx:1.25" in finding.cause) is is_told
    assert ("(there is nginx:1.25)" in finding.title) is is_told


def node(name: str, *images: str) -> dict[str, Any]:
    return {"kind": "Node", "metadata": {"name": name}, "status": {"images": [{"names": list(images)}]}}


@pytest.mark.parametrize(
    ("answer", "is_told"),
    [
        ("docker.io/library/nginx:1.52: not found", True),
        ("dial tcp 10.0.0.9:443: i/o timeout", False),
        ("x509: certificate signed by unknown authority", False),
    ],
)
def test_what_nodes_hold_is_offered_where_the_name_may_be_wrong(workload: Build, answer: str, is_told: bool) -> None:
    held = node("node-1", "docker.io/library/nginx@sha256:ab", "docker.io/library/nginx:1.25")
    message = CONTAINERD.format(image="nginx:1.52") + answer
    [finding] = found(*workload(waiting("ErrImagePull", message), container={"image": "nginx:1.52"}), held)
    assert ("(there is nginx:1.25)" in finding.title) is is_told


@pytest.mark.parametrize(("policy", "is_told"), [("Always", True), ("IfNotPresent", False)])
def test_a_pull_of_what_the_node_holds_is_laid_to_the_pull_policy(workload: Build, policy: str, is_told: bool) -> None:
    message = CONTAINERD.format(image="acme/api:2") + "docker.io/acme/api:2: not found"
    container = {"image": "acme/api:2", "imagePullPolicy": policy}
    [finding] = found(
        *workload(waiting("ErrImagePull", message), container=container), node("n", "docker.io/acme/api:2")
    )
    assert ("It is on n already" in finding.cause) is is_told


def test_an_image_that_is_never_pulled_is_looked_for_on_other_nodes(workload: Build) -> None:
    objects = workload(waiting("ErrImageNeverPull", "x"), container={"image": "acme/api:2"})
    [finding] = found(*objects, node("node-1"), node("node-7", "docker.io/acme/api:2"))
    assert "Only node-7 has it" in finding.cause


def test_capitals_in_a_name_are_told_in_small_letters(workload: Build) -> None:
    [finding] = found(*workload(waiting("InvalidImageName", "x"), container={"image": "Acme/API:v2"}))
    assert "Was acme/api:v2 meant?" in finding.cause
