"""Three services of a warehouse whose pods a policy webhook must approve, and the program behind it does not start."""

from __future__ import annotations

from datetime import timedelta

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, lacks_env
from kubeagentix.demo.certificates import issue_certificate
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container, service_webhook

GATE = "policy-gate"
CHECKED = {"checked": "enabled"}
SERVER = App(listens=(8080,), log=("{at} INFO  ready",))
POLICY = App(
    listens=(8443,),
    log=("{at} INFO  serving admission on :8443",),
    failures=(
        Failure(
            when=lacks_env("POLICY_BUNDLE_URL"),
            log=(
                "{at} INFO  policy server 0.9.2 starting",
                "{at} FATAL configuration: POLICY_BUNDLE_URL not set",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """The webhook's pods end at once; whatever was deployed since is refused."""
    gate = kit.elsewhere(GATE)
    image = "registry.example.com/platform/policy-server:0.9.2"
    gate.deployment("policy-server", container("server", image, port=8443), app=POLICY, replicas=2, age="70m")
    gate.service("policy-server", port=443, age="120d")
    authority, _ = issue_certificate(f"policy-server.{GATE}.svc", gate.ago("120d"), timedelta(days=3650))
    hook = service_webhook(f"pods.policy-server.{GATE}.svc", "policy-server", GATE, CHECKED, authority)
    gate.put("ValidatingWebhookConfiguration", "policy-server", age="120d", webhooks=[hook])
    gate.settle()
    kit.label_namespace(**CHECKED)
    for name, replicas in (("picking", 2), ("packing", 2), ("labels", 1)):
        tag = f"registry.example.com/warehouse/{name}:1.4.0"
        kit.deployment(name, container(name, tag, port=8080), app=SERVER, replicas=replicas, age="50m")
        kit.service(name, age="50m")


plugin = ScenarioPlugin(
    id="webhook-backend-crashes",
    title="The server behind an admission webhook crashes, and nothing can be deployed",
    family="workload",
    namespace="warehouse",
    build=build,
    truths=(Truth(kind="Deployment", name="policy-server", reason="CrashLoopBackOff/MissingVariable", namespace=GATE),),
)
