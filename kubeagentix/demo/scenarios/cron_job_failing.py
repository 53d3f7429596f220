"""A nightly export whose target host was renamed."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

EXPORT = App(
    failures=(
        Failure(
            code=6,
            run_s=5,
            log=(
                "exporting 18211 rows to /tmp/export.csv",
                "curl: (6) Could not resolve host: files.partner.example.net",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """The last three runs failed; the last good one was three days ago."""
    image = "registry.example.com/partners/export:1.6.0"
    kit.cron_job(
        "partner-export",
        container("export", image),
        schedule="15 * * * *",
        app=EXPORT,
        runs=3,
        backoff_limit=1,
        keep_failed=3,
        last_success="3d",
    )


plugin = ScenarioPlugin(
    id="cron-job-failing",
    title="The Jobs of a CronJob fail",
    family="workload",
    namespace="partners",
    build=build,
    truths=(Truth(kind="CronJob", name="partner-export", reason="Error/NoSuchHost"),),
)
