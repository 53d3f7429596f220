"""A survey service without the label that the platform team requires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

SURVEYS = App(listens=(8080,), log=("surveys ready",))


def _require_team(pod: Mapping[str, Any]) -> str:
    has_team = "team" in pod["metadata"]["labels"]
    return "" if has_team else '[require-team-label] you must provide labels: {"team"}'


def build(kit: Kit) -> None:
    """A validating webhook refuses every pod."""
    kit.refuse_pods("validation.gatekeeper.sh", _require_team)
    image = "registry.example.com/research/surveys:2.0.1"
    kit.deployment("surveys", container("surveys", image, port=8080), app=SURVEYS, replicas=2, age="45m")
    kit.service("surveys", age="45m")


plugin = ScenarioPlugin(
    id="webhook-denied",
    title="An admission webhook refuses the pods",
    family="workload",
    namespace="research",
    build=build,
    truths=(Truth(kind="Deployment", name="surveys", reason="FailedCreate/WebhookDenied"),),
)
