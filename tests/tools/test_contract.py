"""What holds for every tool: schema, effect, clear errors, the same answer twice, and never a Secret's value."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.contracts import ToolPlugin
from kubeagentix.errors import KubeAgentiXError, UsageError
from kubeagentix.toolkit.arguments import check
from kubeagentix.toolkit.reducing import fit
from tests.tools.lab import Lab

KUBECTL = str(Path(sys.executable).parent / "kubectl")
PLUGINS = list(registry.tools().values())
BY_NAME = {plugin.spec.name: plugin for plugin in PLUGINS}
SENTINEL = "sentinel-value-of-a-secret"
NAMESPACE = "orders"
EXPECTED = {
    *("can_i", "describe_resource", "get_events", "get_resource", "kubectl", "list_namespaces", "list_resources"),
    *("list_unhealthy", "network_path", "pod_logs", "query_metrics", "rollout_history", "run_quickdx"),
    *("search_result", "service_dependencies", "top_nodes", "top_pods"),
    *("apply_manifest", "cordon_node", "delete_resource", "patch_resource", "restart_rollout", "scale_workload"),
    *("kubectl_change", "undo_rollout"),
}
SECRETS = [
    {"kind": "Secret", "metadata": {"name": "plain"}, "stringData": {"password": f"{SENTINEL}-1"}},
    {
        "kind": "Secret",
        "metadata": {"name": "encoded"},
        "data": {"a": base64.b64encode(f"{SENTINEL}-2".encode()).decode()},
    },
    {
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "token", "annotations": {"kubernetes.io/service-account.name": "default"}},
        "stringData": {"token": f"{SENTINEL}-3"},
    },
]
OUTPUTS = (
    *(
        "",
        "wide",
        "name",
        "yaml",
        "json",
        "kyaml",
        "jsonpath={.data}",
        "jsonpath={.items[*].data}",
        "jsonpath-as-json={}",
    ),
    *(
        "go-template={{.data}}",
        "template={{.items}}",
        "custom-columns=A:.data",
        "custom-columns=A:.metadata.annotations",
    ),
    *("jsonpath={.metadata.annotations}", "jsonpath-file=x", "go-template-file=x"),
)
TYPES = (
    "secret",
    "secrets/plain",
    "Secrets.v1.",
    "cm,secrets",
    "all,secret",
    "sa,secret",
    "secret plain encoded token",
)
KUBECTL_COMMANDS = [
    *(f"get {kind} -o '{form}'" if form else f"get {kind}" for kind in TYPES for form in OUTPUTS),
    *(f"describe {kind}" for kind in TYPES),
    *(
        "get --raw /api/v1/namespaces/orders/secrets",
        "get --raw /api/v1/secrets/",
        "get all -o yaml",
        "get pods -o json",
    ),
    *("describe all", "describe sa", "get secrets --show-labels", "get secrets -o wide --show-managed-fields"),
    *("get secrets -o yaml --show-managed-fields", "get events -o yaml", "describe deploy", "get secrets -A -o json"),
    *("config view --raw", "config view", "cluster-info dump", "get secrets --sort-by=.data.password"),
]
CALLS: dict[str, list[dict[str, Any]]] = {
    "apply_manifest": [{"manifest": "{}"}],
    "cordon_node": [{"node": "node-a"}],
    "patch_resource": [{"name": "secret/plain", "patch": "{}"}],
    "undo_rollout": [{"name": "deploy/checkout"}],
    "kubectl_change": [{"command": "kubectl label secret/plain a=b"}],
    "delete_resource": [{"name": "secret/plain"}],
    "restart_rollout": [{"name": "deploy/checkout"}],
    "scale_workload": [{"name": "deploy/checkout", "replicas": 0}],
    "can_i": [
        {"verb": "get", "resource": "secrets", "service_account": "default"},
        {"verb": "get", "resource": "secret"},
    ],
    "describe_resource": [{"kind": "secret", "name": name} for name in ("plain", "encoded", "token")]
    + [{"name": "sa/default"}, {"name": "deploy/checkout"}],
    "get_events": [{}, {"name": "secret/plain"}],
    "get_resource": [{"kind": "secret", "name": name} for name in ("plain", "encoded", "token")]
    + [{"name": "deploy/checkout"}],
    "kubectl": [{"command": command} for command in KUBECTL_COMMANDS],
    "list_namespaces": [{}],
    "list_resources": [{"kind": "secrets", "wide": True}, {"kind": "secrets", "namespace": "all"}],
    "list_unhealthy": [{}],
    "network_path": [{"target": "svc/checkout"}],
    "pod_logs": [{"pod": "deploy/checkout"}, {"pod": "deploy/checkout", "grep": "sentinel"}],
    "query_metrics": [{"query": "up"}],
    "rollout_history": [{"name": "deploy/checkout"}],
    "run_quickdx": [{}],
    "search_result": [{"result_id": "r1"}],
    "service_dependencies": [{"name": "deploy/checkout"}],
    "top_nodes": [{}],
    "top_pods": [{}],
}
_AGES = re.compile(r"<1m|\b(?:\d+[smhdy])+\b")
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?|\b\d\d:\d\d:\d\d\b")


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable") as started:
        manifests = "---\n".join(yaml.safe_dump({"apiVersion": "v1", **item}) for item in SECRETS)
        words = [KUBECTL, f"--kubeconfig={started.kubeconfig}", "-n", NAMESPACE, "apply", "-f", "-"]
        subprocess.run(words, input=manifests, text=True, check=True, capture_output=True)
        yield started


@pytest.fixture(scope="module")
def picture(demo: kx.Demo) -> kx.Snapshot:
    return kx.take_snapshot(demo)


def lab_of(source: Any) -> Lab:
    lab = Lab(source, namespace=NAMESPACE, environ={**os.environ, "KUBECTL_BINARY": KUBECTL})
    lab.results.texts["r1"] = "one\ntwo"
    return lab


def said(lab: Lab, name: str, arguments: dict[str, Any]) -> str:
    """Everything that a call gives away: text, short form, data, evidence; or the error."""
    try:
        output = lab.call(name, **arguments)
    except KubeAgentiXError as error:
        return f"{error} {error.__cause__}"
    return "\n".join((repr(output), output.text, output.short, json.dumps(output.data)))


def test_these_are_the_tools() -> None:
    assert {*BY_NAME} == EXPECTED == {*CALLS}


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.spec.name)
def test_its_offer_is_one_that_every_model_can_take(plugin: ToolPlugin) -> None:
    spec = plugin.spec
    Draft202012Validator.check_schema(spec.parameters)
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,40}", spec.name)
    assert (spec.effect == "write") == (plugin.prepare is not None)
    assert 40 < len(spec.description) < 400
    assert spec.parameters["type"] == "object"
    assert spec.parameters["additionalProperties"] is False
    for name, schema in spec.parameters["properties"].items():
        assert re.fullmatch(r"[a-z][a-z_]*", name)
        assert schema["description"].endswith((".", "wide"))
        assert schema["type"] in ("string", "integer", "boolean")
        if "default" in schema:
            assert Draft202012Validator(schema).is_valid(schema["default"])
    assert {*spec.parameters.get("required", ())} <= {*spec.parameters["properties"]}
    json.dumps(spec.parameters)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.spec.name)
def test_what_does_not_fit_is_refused_before_it_runs(plugin: ToolPlugin) -> None:
    spec = plugin.spec
    with pytest.raises(UsageError, match=f"{spec.name} has no argument `bogus`"):
        check(spec, {**dict.fromkeys(spec.parameters.get("required", ()), "x"), "bogus": 1})
    for name in spec.parameters.get("required", ()):
        with pytest.raises(UsageError, match=f"{spec.name} needs `{name}`"):
            check(spec, {other: "x" for other in spec.parameters["required"] if other != name})


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.spec.name)
@pytest.mark.parametrize("where", ["live", "saved"])
def test_nonsense_is_answered_with_an_error_of_ours(
    plugin: ToolPlugin, where: str, demo: kx.Demo, picture: kx.Snapshot
) -> None:
    lab = lab_of(demo.cluster if where == "live" else picture)
    properties = plugin.spec.parameters["properties"]
    texts = [name for name, schema in properties.items() if schema["type"] == "string" and "enum" not in schema]
    for word in ("no such thing", "../../x", "a/b/c", "'; --", "\x00", "(", "ns/", "/", "..", "pod/", "é"):
        arguments = dict.fromkeys(texts, word)
        try:
            output = lab.call(plugin.spec.name, **arguments)
        except KubeAgentiXError as error:
            assert len(str(error)) < 1200  # noqa: PT017
        else:
            assert output.text


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("where", ["live", "saved"])
def test_no_value_of_a_secret_is_given_away(name: str, where: str, demo: kx.Demo, picture: kx.Snapshot) -> None:
    lab = lab_of(demo.cluster if where == "live" else picture)
    encoded = [base64.b64encode(f"{SENTINEL}-{number}".encode()).decode() for number in (1, 2, 3)]
    for arguments in CALLS[name]:
        text = said(lab, name, arguments)
        assert SENTINEL not in text, arguments
        assert not [value for value in encoded if value in text or value[4:20] in text], arguments


def test_the_sentinels_are_really_there(demo: kx.Demo) -> None:
    words = [KUBECTL, f"--kubeconfig={demo.kubeconfig}", "-n", NAMESPACE, "get", "secrets", "-o", "json"]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert SENTINEL in text  # in kubectl's copy of what was applied
    assert base64.b64encode(f"{SENTINEL}-2".encode()).decode() in text


def test_secrets_are_still_shown_by_their_sizes(demo: kx.Demo) -> None:
    lab = lab_of(demo.cluster)
    assert f"password: {len(SENTINEL) + 2} bytes" in lab.text("get_resource", kind="secret", name="plain")
    assert f"a: {len(SENTINEL) + 2} bytes" in lab.text("kubectl", command="get secret encoded -o yaml")


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("where", ["live", "saved"])
def test_the_same_call_gives_the_same_answer(name: str, where: str, demo: kx.Demo, picture: kx.Snapshot) -> None:
    lab = lab_of(demo.cluster if where == "live" else picture)
    for arguments in CALLS[name][-6:]:
        first, second = (_TIMES.sub("", _AGES.sub("", said(lab, name, arguments))) for _ in range(2))
        assert re.sub(r"restarts? \d+|×\d+", "", first) == re.sub(r"restarts? \d+|×\d+", "", second)  # noqa: RUF001


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_short_form_is_shorter_and_everything_fits(name: str, demo: kx.Demo) -> None:
    lab = lab_of(demo.cluster)
    for arguments in CALLS[name][:3]:
        try:
            output = lab.call(name, **arguments)
        except KubeAgentiXError:
            continue
        shown, _ = fit(output, 600, "r9")
        assert len(shown) <= 600
        assert json.dumps(output.data) is not None


_CITING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("describe_resource", {"name": "deploy/checkout"}),
    ("get_resource", {"name": "deploy/checkout"}),
    ("list_unhealthy", {}),
    ("run_quickdx", {}),
    ("pod_logs", {"pod": "deploy/checkout"}),
    ("list_resources", {"kind": "pod"}),
)


def test_evidence_is_named_where_it_is_told(demo: kx.Demo) -> None:
    lab = lab_of(demo.cluster)
    cited = [lab.call(name, **arguments) for name, arguments in _CITING]
    for output in cited:
        assert output.evidence
        assert len({item.id for item in output.evidence}) == len(output.evidence)
        assert all(f"[{item.id}]" in output.text for item in output.evidence)
