from __future__ import annotations

import pytest

from kubeagentix.analysis.pulls import likest, parse_image


@pytest.mark.parametrize(
    ("reference", "registry", "repository", "version"),
    [
        ("nginx", "docker.io", "library/nginx", "latest"),
        ("nginx:1.25", "docker.io", "library/nginx", "1.25"),
        ("acme/api:2", "docker.io", "acme/api", "2"),
        ("docker.io/nginx", "docker.io", "library/nginx", "latest"),
        ("localhost:5000/app", "localhost:5000", "app", "latest"),
        ("r.example.com:443/team/app:v1", "r.example.com:443", "team/app", "v1"),
        ("r.io/app:v1@sha256:01", "r.io", "app", "sha256:01"),
    ],
)
def test_an_image_is_taken_apart_as_runtimes_do(reference: str, registry: str, repository: str, version: str) -> None:
    image = parse_image(reference)
    assert (image.registry, image.repository, image.version) == (registry, repository, version)


def test_only_docker_hubs_own_images_are_official() -> None:
    assert parse_image("nginx").is_official
    assert not parse_image("acme/nginx").is_official
    assert not parse_image("r.io/library/nginx").is_official


@pytest.mark.parametrize(
    ("wanted", "running", "like"),
    [
        ("nginx:1.52", ["nginx:1.25", "docker.io/library/nginx:1.9", "redis:1.52"], "nginx:1.25"),
        ("team/api:v2", ["r.io/team/api:v1"], "r.io/team/api:v1"),
        ("r.io/team/apl:v1", ["r.io/team/api:v1"], "r.io/team/api:v1"),
        ("r.io/team/apl:v1", ["other.io/team/api:v1"], ""),
        ("r.io/team/billing:v1", ["r.io/team/mailing:v1", "r.io/team/billing:v1"], ""),
    ],
)
def test_only_the_same_or_nearly_the_same_repository_is_offered(wanted: str, running: list[str], like: str) -> None:
    assert likest(wanted, running) == like
