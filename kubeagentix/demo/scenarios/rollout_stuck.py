"""A storefront whose new version cannot read its settings, while the old one serves."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, runs_image
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

STOREFRONT = App(
    listens=(8080,),
    log=('{at} "GET / HTTP/1.1" 200 7342', '{at} "GET /cart HTTP/1.1" 200 2210'),
    failures=(
        Failure(
            when=runs_image(":6.1.0"),
            log=(
                "storefront 6.1.0",
                "error: cannot parse /etc/storefront/settings.yaml:",
                "yaml: line 12: mapping values are not allowed in this context",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """One new pod crashes, the three old ones stay."""
    kit.config_map("storefront-settings", age="40d", **{"settings.yaml": "theme: light\ncurrency: EUR\n"})
    image = "registry.example.com/shop/storefront"
    mounts = [{"name": "settings", "mountPath": "/etc/storefront"}]
    volumes = [{"name": "settings", "configMap": {"name": "storefront-settings"}}]
    storefront = kit.deployment(
        "storefront",
        container("storefront", f"{image}:6.0.3", port=8080, volumeMounts=mounts),
        app=STOREFRONT,
        replicas=3,
        age="21d",
        pod={"volumes": volumes},
    )
    kit.roll_out(storefront, age="47m", image=f"{image}:6.1.0")
    kit.service("storefront", age="21d")
    kit.ingress("storefront", "shop.example.com", "storefront", age="21d")


plugin = ScenarioPlugin(
    id="rollout-stuck",
    title="A rollout stands still while the old version serves",
    family="workload",
    namespace="shop",
    build=build,
    truths=(Truth(kind="Deployment", name="storefront", reason="CrashLoopBackOff/ConfigInvalid"),),
)
