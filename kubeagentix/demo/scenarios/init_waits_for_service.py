"""A search API that waits for an index Service nobody created."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, cannot_reach
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

PROGRAMS = {
    "wait-for-index": App(
        log=("index-store is there",),
        failures=(
            Failure(
                when=cannot_reach("index-store", 9200, "no such host"),
                code=None,
                log=(
                    "Server:\t\t10.96.0.10",
                    "Address:\t10.96.0.10:53",
                    "",
                    "** server can't find index-store.search.svc.cluster.local: NXDOMAIN",
                    "",
                    "waiting for index-store",
                )
                * 3,
            ),
        ),
    ),
    "search-api": App(listens=(8080,), log=("search-api ready",)),
}


def build(kit: Kit) -> None:
    """The init container loops over a name lookup; the main container has not been created."""
    loop = "until nslookup index-store; do echo waiting for index-store; sleep 5; done"
    wait = container("wait-for-index", "docker.io/library/busybox:1.36", command=["sh", "-c", loop])
    kit.deployment(
        "search-api",
        container("search-api", "registry.example.com/search/api:3.0.0", port=8080),
        app=PROGRAMS,
        replicas=2,
        age="70m",
        pod={"initContainers": [wait]},
    )
    kit.service("search-api", age="70m")


plugin = ScenarioPlugin(
    id="init-waits-for-service",
    title="An init container waits for a Service that does not exist",
    family="pod",
    namespace="search",
    build=build,
    truths=(Truth(kind="Deployment", name="search-api", reason="InitContainerStuck/NoSuchHost"),),
)
