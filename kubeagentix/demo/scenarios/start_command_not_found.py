"""A feed importer whose command has a typing error."""

from __future__ import annotations

from kubeagentix.contracts import ScenarioPlugin, Truth
from kubeagentix.demo.apps import App
from kubeagentix.demo.kit import Kit
from kubeagentix.demo.templates import container

IMPORTER = App(listens=(9000,), commands=("/usr/local/bin/feed-importer",), log=("polling 12 feeds every 60s",))


def build(kit: Kit) -> None:
    """The runtime cannot start the process, so there is no log."""
    image = "registry.example.com/content/feed-importer:0.7.3"
    command = ["/usr/local/bin/feed-importr", "--interval=60s"]
    kit.deployment("feed-importer", container("importer", image, port=9000, command=command), app=IMPORTER, age="40m")


plugin = ScenarioPlugin(
    id="start-command-not-found",
    title="The command does not exist in the image",
    family="pod",
    namespace="content",
    build=build,
    truths=(Truth(kind="Deployment", name="feed-importer", reason="StartError/CommandNotFound"),),
)
