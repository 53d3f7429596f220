"""Diffs that a person judges a change by: nothing of the server's, no value of a Secret, and nothing hidden."""

from __future__ import annotations

import base64
from typing import Any

from kubeagentix.redaction import Redactor
from kubeagentix.toolkit.differences import comparable, diff, differences, fields


def shown(before: Any, after: Any) -> str:
    return diff(before, after, Redactor().text)


def secret(**values: str) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": data}


def test_what_the_server_writes_by_itself_is_no_difference() -> None:
    own = {"resourceVersion": "1", "uid": "u", "generation": 2, "managedFields": [{}], "creationTimestamp": "t"}
    spec = {"spec": {"replicas": 1}}
    bare = comparable({"metadata": {"name": "web"}, **spec})
    assert comparable({"metadata": {"name": "web", **own}, **spec, "status": {"replicas": 1}}) == bare
    assert comparable(None) == {}


def test_a_secret_that_changes_is_seen_to_and_its_values_are_not() -> None:
    text = shown(secret(a="hunter-two"), secret(a="hunter-sixteen"))
    assert "hunter" not in text
    assert base64.b64encode(b"hunter-sixteen").decode() not in text
    assert ("\n-  a: " in text, "\n+  a: " in text) == (True, True)


def test_equal_credentials_are_masked_alike_and_others_otherwise() -> None:
    def config(value: str) -> dict[str, Any]:
        return {"kind": "ConfigMap", "data": {"DB_PASSWORD": value, "mode": value[-1]}}

    text = shown(config("correct-horse-1"), config("correct-horse-2"))
    assert "horse" not in text
    masks = {line.rpartition(" ")[2] for line in text.splitlines() if "DB_PASSWORD" in line}
    assert len(masks) == 2


def test_letters_that_look_alike_or_are_invisible_are_spelled_out() -> None:
    text = shown({"image": "registry/pay"}, {"image": "registry/p\u0430y\u200b"})
    assert text.isascii()
    assert "\\u0430" in text


def test_fields_go_down_to_single_values_also_of_what_is_new() -> None:
    old = {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "app"}]}}
    new = {
        "metadata": {"labels": {"a": "1"}, "annotations": {"x/y": "1", "z": "2"}},
        "spec": {"containers": [{"name": "app", "env": [{"name": "A", "value": "b"}]}]},
    }
    assert set(fields(old, new)) == {
        "metadata.annotations.x/y",
        "metadata.annotations.z",
        "spec.containers[app].env[A].name",
        "spec.containers[app].env[A].value",
    }
    assert set(fields(new, old)) == set(fields(old, new))


def test_entries_that_share_a_name_hide_nothing() -> None:
    old = {"env": [{"name": "A", "value": "1"}]}
    new = {"env": [{"name": "A", "value": "evil"}, {"name": "A", "value": "1"}]}
    assert list(differences(old, new)) != []
