"""A rate limiter that panics on its new list of tiers."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, runs_image
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

LIMITER = App(
    listens=(8080,),
    log=("{at} tiers loaded: 4", "{at} listening on :8080"),
    failures=(
        Failure(
            when=runs_image(":1.9.0"),
            code=2,
            run_s=1,
            log=(
                "{at} tiers loaded: 3",
                "panic: runtime error: index out of range [3] with length 3",
                "",
                "goroutine 1 [running]:",
                "example.com/edge/limiter/internal/tiers.(*Table).Default(...)",
                "\t/src/internal/tiers/table.go:88",
                "main.main()",
                "\t/src/cmd/limiter/main.go:41 +0x1f4",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """The only version ever rolled out ends with a stack trace."""
    image = "registry.example.com/edge/limiter:1.9.0"
    kit.deployment("limiter", container("limiter", image, port=8080), app=LIMITER, replicas=2, age="6h")
    kit.service("limiter", age="6h")


plugin = ScenarioPlugin(
    id="crash-panic",
    title="The program panics while it starts",
    family="pod",
    namespace="edge",
    build=build,
    truths=(Truth(kind="Deployment", name="limiter", reason="CrashLoopBackOff/Panic"),),
)
