"""A report builder that a new policy for its warehouse does not let in."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, cannot_reach, with_address
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

WAREHOUSE = App(listens=(5432,), log=("LOG:  database system is ready to accept connections",))
BUILDER = App(
    listens=(8080,),
    log=("{at} INFO report daily-sales written",),
    failures=(
        Failure(
            when=cannot_reach("warehouse", 5432),
            run_s=31,
            log=(
                "{at} INFO connecting to warehouse:5432",
                (
                    'psycopg2.OperationalError: connection to server at "warehouse" (ADDRESS), port 5432 failed: '
                    "Connection timed out"
                ),
                "\tIs the server running on that host and accepting TCP/IP connections?",
            ),
        ),
    ),
)


def build(kit: Kit) -> None:
    """The warehouse is ready and admits pods with the role etl only; the builder's attempts time out."""
    probe = {"tcpSocket": {"port": 5432}}
    image = "docker.io/library/postgres:17.6"
    database = container("postgres", image, port=5432, port_name="postgres", readinessProbe=probe)
    kit.stateful_set("warehouse", database, app=WAREHOUSE, age="50d", storage="20Gi")
    service = kit.service("warehouse", port=5432, target="postgres", age="50d")
    peers = [{"podSelector": {"matchLabels": {"role": "etl"}}}]
    ports = [{"protocol": "TCP", "port": 5432}]
    kit.policy("warehouse-access", pods={"app": "warehouse"}, ingress=[{"from": peers, "ports": ports}], age="65m")
    env = {"WAREHOUSE_HOST": "warehouse", "WAREHOUSE_PORT": "5432"}
    builder = container("builder", "registry.example.com/bi/report-builder:3.4.0", env=env)
    app = with_address(BUILDER, service["spec"]["clusterIP"])
    kit.deployment("report-builder", builder, app=app, labels={"role": "reporting"}, age="30d", broke="65m")


plugin = ScenarioPlugin(
    id="network-policy-blocks",
    title="A NetworkPolicy shuts a client out",
    family="network",
    namespace="reporting",
    build=build,
    truths=(Truth(kind="NetworkPolicy", name="warehouse-access", reason="NetworkPolicyBlocks/Ingress"),),
)
