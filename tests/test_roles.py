"""The roles that are printed: enough for everything they are for, and with nothing that nobody asks for.

A real API server of the demo checks them: what a reader with exactly these rules asks for is written down as the server
decides it, so that a right too few is a 403, and a right too many is one that was never asked for.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeagentix import registry, roles, sync
from kubeagentix.cluster import connection
from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.custom import kinds_of
from kubeagentix.cluster.snapshot import ReadOptions
from kubeagentix.demo.access import Access
from kubeagentix.demo.api_errors import StatusError
from kubeagentix.demo.calls import Call
from kubeagentix.demo.running import RunningDemo, start_demo
from kubeagentix.domain.changes import ApprovalAnswer, Proposal
from kubeagentix.domain.diagnosis import Target
from kubeagentix.domain.extensions import CustomResourceDefinition
from kubeagentix.domain.messages import ToolCall
from kubeagentix.domain.resources import KINDS, Kind
from kubeagentix.domain.rights import CUSTOM_RESOURCES, Right
from kubeagentix.engine.rehearsal import rehearse
from kubeagentix.errors import ForbiddenError, KubeAgentiXError, NotFoundError, NotPermittedError
from kubeagentix.quickdx import pipeline
from kubeagentix.quickdx.watching import Watched as FollowedThis
from kubeagentix.quickdx.watching import Watching
from kubeagentix.roles import Manifest, Wish
from kubeagentix.toolkit.arguments import check
from tests.tools.lab import Lab

READER = "reader"
SCENARIOS = ("crash-missing-variable", "issuer-key-pair-missing", "config-map-missing", "healthy-stateful")
PLACE, OTHER, SET_PLACE = "orders", "trading", "sessions"
KUBECTL = str(Path(sys.executable).parent / "kubectl")
DEFINITIONS = ReadOptions(with_logs=False, kinds=frozenset((CustomResourceDefinition.kind,)))
# Every authenticated user has these from Kubernetes itself.
GIVEN = ("selfsubjectaccessreviews", "selfsubjectreviews", "selfsubjectrulesreviews")

Asked = tuple[str, str, str, str]  # verb, group, resource, namespace


class Watched:
    """A demo cluster, a reader in it who has but the roles that a test puts there, and what was decided about whom."""

    def __init__(self, running: RunningDemo, folder: Path) -> None:
        self.running = running
        running.server.add_user(READER)
        (folder / "reader").write_text(running.server.kubeconfig(READER))
        self.cluster: Cluster = connection.connect(kubeconfig=str(folder / "reader"))
        admin = connection.connect(kubeconfig=str(running.write_kubeconfig(folder / "admin")))
        definitions = sync.run(admin.read_snapshot(None, options=DEFINITIONS)).all(CustomResourceDefinition)
        self.custom_kinds: tuple[Kind, ...] = kinds_of(definitions)
        self.allowed: set[Asked] = set()
        self.refused: set[Asked] = set()

    def give(self, manifests: tuple[Manifest, ...]) -> None:
        """These and no other roles."""
        for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"):
            for item in self.running.store.list(kind):
                if item["metadata"]["name"].startswith("kubeagentix"):
                    self.running.store.delete(kind, item["metadata"].get("namespace"), item["metadata"]["name"])
        for manifest in manifests:
            self.running.store.put(manifest)

    def wish(self, *features: str, **more: Any) -> Wish:
        return Wish(features=features, custom_kinds=self.custom_kinds, subject=("user", READER), **more)

    def during(self, act: Callable[[], object]) -> tuple[set[Asked], set[Asked]]:
        """(what was allowed, what was refused) while `act` ran."""
        self.allowed.clear()
        self.refused.clear()
        act()
        return set(self.allowed), set(self.refused)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    running = sync.run(start_demo(SCENARIOS))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Access, "authorize", _recording(patched := Access.authorize, noted := []))
            found = Watched(running, tmp_path_factory.mktemp("roles"))
            noted.append(found)
            assert patched is not Access.authorize
            yield found
            found.cluster.close()
    finally:
        sync.run(running.close())


def _recording(real: Callable[[Access, Call], None], noted: list[Watched]) -> Callable[[Access, Call], None]:
    def authorize(self: Access, call: Call) -> None:
        resource = f"{call.resource}/{call.subresource}" if call.subresource else call.resource
        asked = (call.verb, call.group, resource, call.namespace)
        is_ours = call.user.name == READER and bool(call.resource) and call.resource not in GIVEN
        try:
            real(self, call)
        except StatusError:
            if is_ours:
                noted[0].refused.add(asked)
            raise
        if is_ours:
            noted[0].allowed.add(asked)

    return authorize


def diagnosed(watched: Watched, namespace: str | None = None) -> list[str]:
    """What Quick Dx could not read."""
    diagnosis = sync.run(pipeline.run(watched.cluster, Target(namespace=namespace)))
    return [f"{gap.what}: {gap.why}" for gap in diagnosis.gaps]


def pairs_of(manifests: tuple[Manifest, ...]) -> set[tuple[str, str, str]]:
    """(verb, group, resource) of all rules."""
    return {
        (verb, group, resource)
        for manifest in manifests
        for rule in manifest.get("rules", ())
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def without(manifests: tuple[Manifest, ...], pair: tuple[str, str, str]) -> tuple[Manifest, ...]:
    """The same but for one verb on one resource."""
    verb, group, resource = pair
    return tuple(
        manifest
        if "rules" not in manifest
        else {
            **manifest,
            "rules": [
                {"apiGroups": [one_group], "resources": [one], "verbs": [one_verb]}
                for one_verb, one_group, one in sorted(pairs_of((manifest,)) - {(verb, group, resource)})
            ],
        }
        for manifest in manifests
    )


def test_no_rule_has_a_wildcard_or_a_verb_that_writes() -> None:
    rules = [rule for item in roles.manifests(Wish(features=roles.reading())) for rule in item["rules"]]
    assert rules
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list"}
    assert "*" not in {word for rule in rules for key in ("apiGroups", "resources") for word in rule[key]}
    assert not any("/" in resource and resource != "pods/log" for rule in rules for resource in rule["resources"])


def test_quick_dx_reads_all_namespaces_without_a_gap(watched: Watched) -> None:
    watched.give(roles.manifests(watched.wish("quickdx")))
    gaps: list[str] = []
    allowed, refused = watched.during(lambda: gaps.extend(diagnosed(watched)))
    assert gaps == []
    assert refused == set()
    assert {("get", "", "pods/log"), ("list", "", "secrets")} <= {asked[:3] for asked in allowed}


def test_quick_dx_reads_one_namespace_with_a_role_there_and_no_gap(watched: Watched) -> None:
    manifests = roles.manifests(watched.wish("quickdx", namespace=PLACE))
    assert {item["metadata"].get("namespace") for item in manifests if item["kind"] == "Role"} == {PLACE, "default"}
    watched.give(manifests)
    gaps: list[str] = []
    _, refused = watched.during(lambda: gaps.extend(diagnosed(watched, PLACE)))
    assert gaps == []
    assert refused == set()


@pytest.mark.parametrize("namespace", [None, PLACE])
def test_a_role_for_watching_lets_all_be_watched_and_each_right_to_is_used(
    watched: Watched, namespace: str | None
) -> None:
    wish = watched.wish("quickdx", namespace=namespace, has_watch=True)
    manifests = roles.manifests(wish)
    watched.give(manifests)
    given = {pair[1:] for pair in pairs_of(manifests) if pair[0] == "watch"}

    async def follow() -> None:
        watching = Watching(FollowedThis(source=watched.cluster, target=Target(namespace=namespace)))
        await watching.start()
        try:
            gaps = (await watching.next()).diagnosis.gaps
            assert gaps == ()
            async with asyncio.timeout(30):
                while {asked[1:3] for asked in watched.allowed if asked[0] == "watch"} != given:  # noqa: ASYNC110  a server
                    await asyncio.sleep(0.01)
        finally:
            await watching.close()

    _, refused = watched.during(lambda: sync.run(follow()))
    assert refused == set()


def test_that_role_shows_nothing_of_another_namespace(watched: Watched) -> None:
    watched.give(roles.manifests(watched.wish("quickdx", namespace=PLACE)))
    _, refused = watched.during(lambda: diagnosed(watched, OTHER))
    assert {"pods", "secrets", "configmaps"} <= {resource for _, _, resource, _ in refused}


def test_every_right_of_quick_dx_is_needed(watched: Watched) -> None:
    """In turn each verb on each resource is taken away, and each time the server refuses what was asked for."""
    wish = watched.wish("quickdx")
    manifests = roles.manifests(wish)
    for pair in sorted(pairs_of(manifests)):
        watched.give(without(manifests, pair))
        place = PLACE if pair == ("get", "", "namespaces") else None
        _, refused = watched.during(lambda place=place: diagnosed(watched, place))  # type: ignore[misc]
        assert {asked[:3] for asked in refused} == {pair}


@pytest.mark.parametrize("part", ["logs", "metrics", "secrets"])
def test_what_is_left_out_is_a_gap_or_not_read_and_nothing_else_is_lost(watched: Watched, part: str) -> None:
    watched.give(roles.manifests(watched.wish("quickdx", without=frozenset((part,)))))
    gaps: list[str] = []
    _, refused = watched.during(lambda: gaps.extend(diagnosed(watched)))
    expected = {
        "logs": {("", "pods/log")},
        "metrics": {("metrics.k8s.io", "pods"), ("metrics.k8s.io", "nodes")},
        "secrets": {("", "secrets")},
    }
    assert {(group, resource) for _, group, resource, _ in refused} == expected[part]
    assert len(gaps) == len(expected[part])


KIND_WORDS = tuple(name for name, kind in KINDS.items() if not kind.group.startswith("metrics"))
CUSTOM_WORDS = ("issuer", "certificate", "certificaterequest")
WORKLOADS = ("pod", "deploy", "sts", "ds", "svc", "job", "cj", "ing")
NAMED_KINDS = tuple(f"{kind.plural}.{kind.group}".rstrip(".") for kind in KINDS.values())
# Calls that ask for all that a tool may ask for.
_FINDING = [{"kind": kind, "name": "absent"} for kind in (*KIND_WORDS, *CUSTOM_WORDS)]
_FINDING_WORKLOADS = [{"name": f"{kind}/absent"} for kind in WORKLOADS]
_DEPLOYMENT = {"name": "deploy/checkout"}
CALLS: Mapping[str, list[dict[str, Any]]] = {
    "can_i": [{"verb": "get", "resource": "secrets", "service_account": f"{PLACE}/default", "namespace": PLACE}],
    "describe_resource": [*_FINDING, _DEPLOYMENT],
    "get_events": [*_FINDING, {}],
    "get_resource": _FINDING,
    "list_namespaces": [{}],
    "list_resources": [{"kind": kind} for kind in (*KIND_WORDS, *CUSTOM_WORDS)],
    "list_unhealthy": [{}],
    "network_path": [{"target": "svc/checkout"}],
    "pod_logs": [
        *({"pod": f"{kind}/absent"} for kind in (*WORKLOADS, "rs", "rc")),
        {"pod": "absent"},
        {"pod": "deploy/checkout"},
    ],
    "rollout_history": [
        *_FINDING_WORKLOADS,
        {"name": "deploy/checkout"},
        {"name": "sts/session-cache", "namespace": SET_PLACE},
    ],
    "run_quickdx": [{}],
    "search_result": [{"result_id": "r1"}],
    "service_dependencies": [*_FINDING, _DEPLOYMENT],
    "top_nodes": [{}],
    "top_pods": [{}],
    "kubectl": [
        {"command": f"get {','.join(NAMED_KINDS)}"},
        *({"command": f"get {name} absent"} for name in NAMED_KINDS if ".metrics" not in name),
        {"command": f"get {','.join(CUSTOM_WORDS)}"},
        *({"command": f"get {name} absent"} for name in CUSTOM_WORDS),
        {"command": "logs deploy/checkout"},
        {"command": "rollout history sts/absent"},
        {"command": "get controllerrevisions"},
    ],
}


def call(watched: Watched, tool: str, arguments: dict[str, Any]) -> None:
    lab = Lab(watched.cluster, namespace=PLACE, environ={**os.environ, "KUBECTL_BINARY": KUBECTL})
    try:
        lab.call(tool, **arguments)
    except NotFoundError:
        pass
    except KubeAgentiXError as error:  # a 403 is what these tests look at; kubectl ends with what was not found
        if "orbidden" not in str(error) and "absent" not in str(error):
            raise


def asked_by_calls(watched: Watched, tool: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Each (verb, group, resource) that the calls of a tool ask for, and a call that does."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for arguments in CALLS[tool]:
        allowed, refused = watched.during(lambda arguments=arguments: call(watched, tool, arguments))  # type: ignore[misc]
        assert refused == set(), (tool, arguments)
        found |= {asked[:3]: arguments for asked in allowed}
    return found


TOOLS = sorted(name for name, tool in registry.tools().items() if tool.spec.effect == "read" and name in CALLS)


def test_each_tool_that_reads_is_looked_at() -> None:
    by_name = {name for name, tool in registry.tools().items() if tool.spec.effect == "read"}
    assert by_name - {*CALLS} == {"query_metrics"}  # through a Service: below


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_works_with_its_own_role_and_needs_all_of_it(watched: Watched, tool: str) -> None:
    if not registry.tools()[tool].rights:
        assert tool == "search_result"
        return
    manifests = roles.manifests(watched.wish(tool))
    watched.give(manifests)
    asked = asked_by_calls(watched, tool)
    assert sorted(asked) == sorted(pairs_of(manifests))
    if tool in ("kubectl", "run_quickdx"):  # a process for each call; and Quick Dx, which is tried above
        return
    for pair, arguments in asked.items():
        watched.give(without(manifests, pair))
        _, refused = watched.during(lambda arguments=arguments: call(watched, tool, arguments))  # type: ignore[misc]
        assert pair in {asked[:3] for asked in refused}, arguments


def test_a_role_of_one_namespace_is_enough_for_the_tools_that_look_at_one(watched: Watched) -> None:
    features = tuple(name for name in TOOLS if name not in ("kubectl", "list_namespaces", "top_nodes"))
    watched.give(roles.manifests(watched.wish(*features, namespace=PLACE)))
    for tool in features:
        for arguments in CALLS[tool][-4:]:
            if arguments.get("namespace", PLACE) != PLACE:
                continue
            _, refused = watched.during(lambda tool=tool, given=arguments: call(watched, tool, given))  # type: ignore[misc]
            assert refused == set(), (tool, arguments)


def test_prometheus_is_asked_through_one_named_service_only() -> None:
    proxied = roles.Proxied(namespace="monitoring", name="prometheus-server:80")
    open_wish = Wish(features=("query_metrics",))
    assert any("to every Service" in line for line in roles.notes(open_wish))
    narrow = replace(open_wish, proxied=proxied)
    rules = [
        rule for item in roles.manifests(narrow) for rule in item["rules"] if "services/proxy" in rule["resources"]
    ]
    assert [rule["resourceNames"] for rule in rules] == [["prometheus-server:80"]]
    assert not any(line.startswith("careful") for line in roles.notes(narrow))
    assert "query_metrics" not in roles.reading()


def test_rights_of_tools_come_from_the_table_of_kinds() -> None:
    """Whatever is added to the kinds that are read is in the role, with no list kept anywhere."""
    granted = {(right.group, right.resource) for right in roles.features()["quickdx"].rights}
    assert {(kind.group, kind.plural) for kind in KINDS.values()} <= granted
    assert granted - {(kind.group, kind.plural) for kind in KINDS.values()} == {
        ("", "pods/log"),
        ("", CUSTOM_RESOURCES),
    }


def test_a_right_says_where_it_is_used() -> None:
    rights: tuple[Right, ...] = registry.tools()["network_path"].rights
    assert {right.namespace for right in rights if right.is_namespaced} == {"", "kube-system"}


# Tools that change: each calls for what it would do, and does it.

_MANIFEST = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}, "data": {"a": "b"}})
_PATCH = json.dumps({"metadata": {"labels": {"seen": "yes"}}})
CHANGES: Mapping[str, list[dict[str, Any]]] = {
    "scale_workload": [{"name": "deploy/checkout", "replicas": 1}, {"name": "deploy/checkout", "replicas": 2}],
    "restart_rollout": [{"name": "deploy/checkout"}],
    "cordon_node": [{"node": "NODE"}, {"node": "NODE", "schedulable": True}],
    "undo_rollout": [{"name": "sts/session-cache", "namespace": SET_PLACE}],
    "patch_resource": [{"name": "deploy/checkout", "patch": _PATCH}, {"name": "svc/checkout", "patch": _PATCH}],
    "apply_manifest": [{"manifest": _MANIFEST}, {"manifest": _MANIFEST.replace('"b"', '"c"')}],
    "kubectl_change": [
        {"command": "label deploy/checkout seen=often"},
        {"command": "create configmap made-by-kubectl --from-literal=a=b"},
    ],
    "delete_resource": [{"name": "cm/made"}],
}
WRITERS = sorted(name for name, tool in registry.tools().items() if tool.spec.effect == "write")


async def _carry_out(watched: Watched, tool: str, arguments: dict[str, Any]) -> None:
    plugin = registry.tools()[tool]
    assert plugin.prepare is not None
    context = Lab(watched.cluster, namespace=PLACE, environ={**os.environ, "KUBECTL_BINARY": KUBECTL}).context
    for change in await plugin.prepare(check(plugin.spec, arguments), context):
        assert (await rehearse(watched.cluster, change, str)).differences
        call = ToolCall(id="1", name=tool, arguments=arguments)
        proposal = Proposal.of(change, call, request_id="1", summary=change.summary, diff="", fields=())
        await watched.cluster.perform(proposal.approved(ApprovalAnswer(decision="once", by="test")))


def change(watched: Watched, tool: str, arguments: dict[str, Any]) -> None:
    node = watched.running.store.list("Node")[0]["metadata"]["name"]
    known = {key: node if value == "NODE" else value for key, value in arguments.items()}
    sync.run(_carry_out(watched, tool, known))


def test_each_tool_that_changes_is_looked_at() -> None:
    assert sorted(CHANGES) == WRITERS


@pytest.mark.parametrize("tool", sorted(set(CHANGES) - {"undo_rollout"}))
def test_the_role_of_a_tool_that_changes_is_enough_for_it(watched: Watched, tool: str) -> None:
    watched.give(roles.manifests(watched.wish(tool)))
    for arguments in CHANGES[tool]:
        _, refused = watched.during(lambda arguments=arguments: change(watched, tool, arguments))  # type: ignore[misc]
        assert refused == set()


def test_its_role_lets_undo_rollout_look_for_revisions(watched: Watched) -> None:
    watched.give(roles.manifests(watched.wish("undo_rollout")))
    with pytest.raises(NotFoundError, match="no earlier revision"):
        change(watched, "undo_rollout", CHANGES["undo_rollout"][0])


@pytest.mark.parametrize(
    ("tool", "right"),
    [
        ("scale_workload", ("patch", "apps", "deployments/scale")),
        ("restart_rollout", ("patch", "apps", "deployments")),
        ("cordon_node", ("patch", "", "nodes")),
        ("patch_resource", ("patch", "apps", "deployments")),
        ("apply_manifest", ("create", "", "configmaps")),
        ("delete_resource", ("delete", "", "configmaps")),
    ],
)
def test_the_right_to_change_is_needed(watched: Watched, tool: str, right: tuple[str, str, str]) -> None:
    watched.running.store.delete("ConfigMap", PLACE, "made")
    if tool == "delete_resource":
        item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made", "namespace": PLACE}}
        watched.running.store.put(item)
    watched.give(without(roles.manifests(watched.wish(tool)), right))
    with pytest.raises(NotPermittedError):
        change(watched, tool, CHANGES[tool][0])


@pytest.mark.parametrize("tool", WRITERS)
def test_no_tool_needs_the_right_to_change_rights_or_secrets(tool: str) -> None:
    pairs = pairs_of(roles.manifests(Wish(features=(tool,))))
    changed = {(group, resource) for verb, group, resource in pairs if verb not in ("get", "list")}
    assert changed
    assert ("", "secrets") not in changed
    assert not [group for group, _ in changed if group.startswith("rbac.")]
    if tool == "delete_resource":
        assert ("", "namespaces") not in changed


def test_the_role_for_reading_changes_nothing(watched: Watched) -> None:
    watched.give(roles.manifests(watched.wish(*roles.reading())))
    for tool in ("scale_workload", "restart_rollout", "cordon_node", "patch_resource", "apply_manifest"):
        with pytest.raises((NotPermittedError, ForbiddenError)):
            change(watched, tool, CHANGES[tool][0])
