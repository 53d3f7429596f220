"""A schema migration with an old password."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

MIGRATION = App(
    failures=(
        Failure(
            run_s=3,
            log=(
                "Running migration 0042_add_tax_region",
                "psycopg.OperationalError: connection to server failed",
                'FATAL:  password authentication failed for user "migrator"',
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """Four pods failed, then the Job gave up."""
    image = "registry.example.com/tax/migrations:42"
    kit.job("schema-migration-42", container("migrate", image), app=MIGRATION, age="35m", backoff_limit=3)


plugin = ScenarioPlugin(
    id="job-back-off-limit",
    title="A Job has failed as often as it may",
    family="workload",
    namespace="tax",
    build=build,
    truths=(Truth(kind="Job", name="schema-migration-42", reason="Error/AuthenticationFailed"),),
)
