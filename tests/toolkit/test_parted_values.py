"""What kubectl prints without the names that values are set to holds no credential either."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.errors import UsageError
from kubeagentix.redaction import Redactor, using
from kubeagentix.toolkit.parted_values import without_credentials
from tests.tools.lab import Lab

KUBECTL = str(Path(sys.executable).parent / "kubectl")
PLANTED = ("quietElephant77", "correcthorsebattery", "Gr33nHorseStaple", "headerSeal55", "probeWolf33")
ARGS = ["--password", "Gr33nHorseStaple", "--verbose"]
ENV = [
    {"name": "DB_PASSWORD", "value": "quietElephant77"},
    {"name": "ADMIN_PASSWORD", "value": "correcthorsebattery"},
    {"name": "LOG_LEVEL", "value": "debug"},
]
PROBE = {
    "path": "/healthz?token=probeWolf33",
    "port": 80,
    "httpHeaders": [{"name": "X-Api-Key", "value": "headerSeal55"}],
}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "logins.shop.example"},
    "spec": {
        "group": "shop.example",
        "scope": "Namespaced",
        "names": {"plural": "logins", "singular": "login", "kind": "Login"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
                "additionalPrinterColumns": [{"name": "How", "type": "string", "jsonPath": ".spec.password"}],
            }
        ],
    },
}
LOGIN = {
    "apiVersion": "shop.example/v1",
    "kind": "Login",
    "metadata": {"name": "till", "namespace": "orders"},
    "spec": {"password": "correcthorsebattery"},
}
CONTAINER = "{.items[*].spec.template.spec.containers[*]"


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable") as started:
        store = started._running.server.store
        deployment: Any = store.get("Deployment", "orders", "checkout")
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        container |= {"args": ARGS, "env": ENV, "livenessProbe": {"httpGet": PROBE}}
        store.put(deployment)
        store.put(DEFINITION)
        store.put(LOGIN)
        yield started


def text(demo: kx.Demo, command: str, tool: str = "kubectl", **arguments: Any) -> str:
    lab = Lab(demo.cluster, namespace="orders", environ={**os.environ, "KUBECTL_BINARY": KUBECTL})
    redactor = Redactor()
    with using(redactor):
        output = redactor.value(lab.call(tool, **(arguments or {"command": command})))
        return f"{output.text}{output.data}" if arguments else str(output.text)


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        (f"get deploy -o jsonpath='{CONTAINER}.env[*].value}}'", "debug"),
        (f"get deploy -o jsonpath='{CONTAINER}.args[1]}}'", ""),
        (f"get deploy -o jsonpath='{CONTAINER}.args}}'", "--verbose"),
        (f"get deploy -o jsonpath-as-json='{CONTAINER}.env[*].value}}'", "debug"),
        (f"get deploy -o jsonpath='{CONTAINER}.livenessProbe.httpGet.httpHeaders[0].value}}'", ""),
        ("get deploy checkout -o custom-columns=V:.spec.template.spec.containers[0].env[0].value", "V"),
        ("get deploy checkout -o go-template='{{range .spec.template.spec.containers}}{{.env}}{{end}}'", "LOG_LEVEL"),
        ("describe deploy checkout", "--verbose"),
        ("describe deploy/checkout", "LOG_LEVEL"),
        ("describe deploy check", "LOG_LEVEL"),
    ],
)
def test_a_value_is_masked_where_its_name_is_not_printed(demo: kx.Demo, command: str, kept: str) -> None:
    shown = text(demo, command)
    assert [value for value in PLANTED if value in shown] == []
    assert "[MASKED-" in shown
    assert kept in shown


def test_a_column_that_a_custom_kind_chose_shows_no_credential(demo: kx.Demo) -> None:
    for shown in (
        text(demo, "get logins"),
        text(demo, "get login/till -o wide"),
        text(demo, "", "list_resources", kind="logins"),
    ):
        assert "till" in shown
        assert "correcthorsebattery" not in shown
        assert "[MASKED-" in shown


def test_what_holds_no_credential_is_printed_as_it_is(demo: kx.Demo) -> None:
    assert text(demo, "get deploy -o jsonpath={.items[*].metadata.name}") == "checkout"


@pytest.mark.parametrize("function", ['printf "%x"', "slice", "base64decode", "html", "urlquery", "js", "index"])
def test_a_template_writes_no_value_in_another_way(demo: kx.Demo, function: str) -> None:
    with pytest.raises(UsageError, match="writes values in another way"):
        text(demo, f"get cm x -o go-template='{{{{{function} .data.a}}}}'")


def test_only_whole_texts_are_replaced() -> None:
    objects = {"env": [{"name": "DB_PASSWORD", "value": "checkout"}]}
    with using(Redactor()):
        assert without_credentials("checkouts of checkout", objects) == "checkouts of [MASKED-1]"
    assert without_credentials("checkouts of checkout", objects) == "checkouts of checkout"  # outside of a run


def test_a_name_that_is_masked_elsewhere_still_tells_what_is_set_to_it() -> None:
    """Lines of the objects are masked in what was printed; a name among them must not go before it was read."""
    annotation = '{\n  "name": "DB_PASSWORD",\n  "value": "quietElephant77"\n}'
    printed = annotation.replace("quietElephant77", "headerSeal55")  # an event, which is none of the objects
    with using(Redactor(known=['DB_PASSWORD",'])):
        shown = without_credentials(printed, {"metadata": {"annotations": {"note": annotation}}})
    assert "headerSeal55" not in shown
    assert shown.count("[MASKED-") == 2


def test_a_text_is_masked_where_its_masked_twin_is() -> None:
    objects = {
        "env": [{"name": "DB_PASSWORD", "value": "checkout one"}],
        "note": "password=a1-b2\u200bc3 and apiKey=x1y2-z3w4v5",
    }
    with using(Redactor()):
        shown = without_credentials("value checkout one; password=a1-b2\u200bc3 and apiKey=x1y2-z3w4v5", objects)
    assert shown == "value [MASKED-1]; password=[MASKED-2] and apiKey=[MASKED-3]"
