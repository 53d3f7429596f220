"""An autoscaler of one's own making, whose rights were given to the ServiceAccount that it used before."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, may_not
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

DENIED = (
    'deployments.apps is forbidden: User "system:serviceaccount:rendering:farm-scaler" cannot list resource '
    '"deployments" in API group "apps" in the namespace "rendering"'
)
SCALER = App(
    log=("{at} queue length 3, 2 workers wanted",),
    failures=(
        Failure(
            when=may_not("list", "deployments", "apps"),
            log=("{at} reading the workers", f"{{at}} Error from server (Forbidden): {DENIED}"),
        ),
    ),
)


def build(kit: Kit) -> None:
    """The RoleBinding still names `default`."""
    kit.put("ServiceAccount", "farm-scaler", age="3h")
    kit.role("scale-workers", "deployments", verbs=("get", "list", "patch"), group="apps", age="40d")
    kit.bind("scale-workers", "default", age="40d")
    image = "registry.example.com/render/farm-scaler:0.8.1"
    pod = {"serviceAccountName": "farm-scaler"}
    kit.deployment("farm-scaler", container("scaler", image), app=SCALER, age="3h", pod=pod)


plugin = ScenarioPlugin(
    id="role-binding-wrong-account",
    title="A RoleBinding names another ServiceAccount",
    family="access",
    namespace="rendering",
    build=build,
    truths=(Truth(kind="RoleBinding", name="scale-workers", reason="Forbidden/WrongSubject"),),
)
