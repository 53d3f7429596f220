"""Batch work as it should be: a finished Job, a CronJob on time, a worker asleep, a pod that was restarted once."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

IMPORT = App(log=("importing 4411 rows", "done in 12.4s"), takes_s=14)
CLEANUP = App(log=("removed 211 stale sessions",), takes_s=6)
QUEUE = App(listens=(8080,), log=("{at} INFO processed 31 messages",))


def build(kit: Kit) -> None:
    """Nothing to see."""
    image = "registry.example.com/batch/tools:12.1.0"
    kit.job("price-import", container("import", image), app=IMPORT, age="5h")
    kit.cron_job(
        "session-cleanup",
        container("cleanup", image),
        schedule="*/20 * * * *",
        app=CLEANUP,
        runs=3,
    )
    kit.deployment("campaign-worker", container("worker", image, port=8080), replicas=0, age="44d")
    kit.deployment("queue-worker", container("worker", image, port=8080), app=QUEUE, age="44d")
    kit.restarted("queue-worker", age="9d")


plugin = ScenarioPlugin(
    id="healthy-batch",
    title="Batch work with nothing wrong",
    family="healthy",
    namespace="batch",
    build=build,
)
