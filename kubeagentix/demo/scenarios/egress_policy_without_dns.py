"""An invoice printer that a new policy lets reach its database and nobody else, the name server included."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, cannot_resolve
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

DATABASE = App(listens=(5432,), log=("LOG:  database system is ready to accept connections",))
LOOKUP = "lookup invoices-db on 10.96.0.10:53: read udp 10.244.1.63:41522->10.96.0.10:53: i/o timeout"
PRINTER = App(
    log=("{at} INFO printed invoice 2026-0117",),
    failures=(
        Failure(
            when=cannot_resolve(), run_s=21, log=("{at} INFO starting", f"{{at}} ERROR connect: dial tcp: {LOOKUP}")
        ),
    ),
)


def build(kit: Kit) -> None:
    """Egress is allowed to the database's pods on port 5432; port 53 was forgotten."""
    probe = {"tcpSocket": {"port": 5432}}
    image = "docker.io/library/postgres:17.6"
    database = container("postgres", image, port=5432, port_name="postgres", readinessProbe=probe)
    kit.stateful_set("invoices-db", database, app=DATABASE, age="90d", storage="10Gi")
    kit.service("invoices-db", port=5432, target="postgres", age="90d")
    peers = [{"podSelector": {"matchLabels": {"app": "invoices-db"}}}]
    ports = [{"protocol": "TCP", "port": 5432}]
    rules = [{"to": peers, "ports": ports}]
    kit.policy("printer-egress", pods={"app": "invoice-printer"}, egress=rules, age="48m")
    env = {"DATABASE_URL": "postgres://printer@invoices-db:5432/invoices"}
    printer = container("printer", "registry.example.com/billing/invoice-printer:3.1.2", env=env)
    kit.deployment("invoice-printer", printer, app=PRINTER, age="30d", broke="47m")


plugin = ScenarioPlugin(
    id="egress-policy-without-dns",
    title="An egress policy forgets the name server",
    family="network",
    namespace="printing",
    build=build,
    truths=(Truth(kind="NetworkPolicy", name="printer-egress", reason="NetworkPolicyBlocks/DNS"),),
)
