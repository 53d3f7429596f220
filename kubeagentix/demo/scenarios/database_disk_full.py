"""A database without disk space in one namespace; three frontends of another that cannot do without it."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App, Failure, cannot_reach, with_address
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

HOST = "ledger-db.records"
DATABASE = App(
    listens=(5432,),
    failures=(
        Failure(
            run_s=4,
            log=(
                "LOG:  starting PostgreSQL 17.6 on x86_64-pc-linux-gnu",
                'LOG:  listening on IPv4 address "0.0.0.0", port 5432',
                'FATAL:  could not write lock file "postmaster.pid": No space left on device',
            ),
        ),
    ),
)
# Three programs, three client libraries: with the host's name, with its address only, and with both.
LOGS = {
    "statements": (
        "{at} INFO statements 1.8.0 starting",
        (
            "{at} ERROR failed to connect to `host=ledger-db.records user=app database=ledger`: "
            "dial error (dial tcp ADDRESS:5432: connect: connection refused)"
        ),
    ),
    "transfers": (
        "> transfers@3.1.0 start",
        "Error: connect ECONNREFUSED ADDRESS:5432",
        "    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)",
    ),
    "balances": (
        "[INFO] Booting worker with pid: 7",
        (
            'psycopg2.OperationalError: connection to server at "ledger-db.records" (ADDRESS), port 5432 failed: '
            "Connection refused"
        ),
    ),
}


def build(kit: Kit) -> None:
    """Refused connections everywhere, and two Ingresses without endpoints; the cause is elsewhere."""
    records = kit.elsewhere("records")
    probe = {"tcpSocket": {"port": 5432}}
    mounts = [{"name": "data", "mountPath": "/var/lib/postgresql/data"}]
    image = "docker.io/library/postgres:17.6"
    database = container("postgres", image, port=5432, port_name="postgres", readinessProbe=probe, volumeMounts=mounts)
    records.stateful_set("ledger-db", database, app=DATABASE, age="70d", broke="41m", storage="10Gi")
    service = records.service("ledger-db", port=5432, target="postgres", age="70d")
    records.settle()
    for name, log in LOGS.items():
        failure = Failure(when=cannot_reach(HOST, 5432), log=log, run_s=3)
        app = with_address(App(listens=(8080,), log=("ready",), failures=(failure,)), service["spec"]["clusterIP"])
        env = {"DATABASE_HOST": HOST, "DATABASE_PORT": "5432"}
        program = container(name, f"registry.example.com/bank/{name}:1.8.0", port=8080, env=env)
        kit.deployment(name, program, app=app, replicas=2, age="30d", broke="40m")
        kit.service(name, age="30d")
    for name in ("statements", "transfers"):
        kit.ingress(name, f"{name}.example.com", name, age="30d")


plugin = ScenarioPlugin(
    id="database-disk-full",
    title="A database out of disk space takes three services and their Ingresses down",
    family="composite",
    namespace="banking",
    build=build,
    truths=(Truth(kind="StatefulSet", name="ledger-db", reason="CrashLoopBackOff/DiskFull", namespace="records"),),
)
