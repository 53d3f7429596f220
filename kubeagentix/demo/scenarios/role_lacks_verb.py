"""A controller that follows ConfigMaps, whose Role lets it read them but not watch."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, may_not
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

DENIED = (
    'configmaps is forbidden: User "system:serviceaccount:tenants:settings-sync" cannot watch resource "configmaps" '
    'in API group "" in the namespace "tenants"'
)
SYNC = App(
    log=('{at} level=info msg="caches are in sync"', '{at} level=info msg="applied 14 settings"'),
    failures=(
        Failure(
            when=may_not("watch", "configmaps"),
            run_s=12,
            log=(
                '{at} level=info msg="starting settings-sync 2.3.0"',
                f"{{at}} level=error msg=\"failed to watch *v1.ConfigMap\" err='{DENIED}'",
                f"{{at}} level=error msg=\"failed to watch *v1.ConfigMap\" err='{DENIED}'",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """It ends as it never gets its caches in sync."""
    kit.put("ServiceAccount", "settings-sync", age="2h")
    kit.role("settings-reader", "configmaps", verbs=("get", "list"), age="2h")
    kit.bind("settings-reader", "settings-sync", age="2h")
    image = "registry.example.com/platform/settings-sync:2.3.0"
    pod = {"serviceAccountName": "settings-sync"}
    kit.deployment("settings-sync", container("sync", image), app=SYNC, age="2h", pod=pod)


plugin = ScenarioPlugin(
    id="role-lacks-verb",
    title="A controller's Role lacks a verb",
    family="access",
    namespace="tenants",
    build=build,
    truths=(Truth(kind="Role", name="settings-reader", reason="Forbidden/MissingVerb"),),
)
