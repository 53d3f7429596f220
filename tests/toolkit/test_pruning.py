"""What is left out of an object: bookkeeping, defaults where asked, and every value of a Secret."""

from __future__ import annotations

import base64
import json
from typing import Any

from kubeagentix.domain.meta import LAST_APPLIED
from kubeagentix.toolkit.pruning import masked, pruned, without_defaults

VALUE = "hunter2-hunter2"
SECRET: dict[str, Any] = {
    "kind": "Secret",
    "metadata": {"name": "a", "uid": "u", "managedFields": [1], "annotations": {LAST_APPLIED: VALUE, "team": "x"}},
    "data": {"password": base64.b64encode(VALUE.encode()).decode(), "empty": "", "odd": "not base64!"},
    "stringData": {"plain": VALUE},
}


def test_values_are_sizes_wherever_a_secret_is() -> None:
    wrapped = {"kind": "List", "items": [SECRET, {"kind": "ConfigMap", "data": {"a": "kept"}}]}
    for shape in (
        SECRET,
        wrapped,
        {"deep": [{"er": SECRET}]},
        {"kind": "SecretList", "items": [{**SECRET, "kind": ""}]},
    ):
        text = json.dumps(masked(shape))
        assert VALUE not in text
        assert SECRET["data"]["password"] not in text
        assert '"password": "15 bytes"' in text
    assert "kept" in json.dumps(masked(wrapped))


def test_a_pruned_secret_is_masked_once() -> None:
    found = pruned({"kind": "List", "items": [SECRET]})
    assert found["items"][0]["data"] == {"password": "15 bytes", "empty": "0 bytes", "odd": "11 bytes"}
    assert found["items"][0]["metadata"] == {"name": "a", "annotations": {"team": "x"}}


def test_bookkeeping_goes_and_everything_else_stays() -> None:
    obj = {
        "status": {"x": None, "y": 0},
        "kind": "Pod",
        "metadata": {"name": "a", "resourceVersion": "1", "labels": {}},
    }
    assert pruned(obj) == {"kind": "Pod", "metadata": {"name": "a"}, "status": {"y": 0}}
    assert list(pruned(obj)) == ["kind", "metadata", "status"]


def test_defaults_go_only_where_they_are_defaults() -> None:
    spec = {"restartPolicy": "Always", "dnsPolicy": "None", "terminationGracePeriodSeconds": 5, "securityContext": {}}
    assert without_defaults(spec) == {"dnsPolicy": "None", "terminationGracePeriodSeconds": 5}


def test_what_every_pod_has_goes() -> None:
    pod = {
        "volumes": [{"name": "kube-api-access-x7k2p", "projected": {}}, {"name": "data", "emptyDir": {}}],
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/not-ready", "tolerationSeconds": 10},
        ],
        "serviceAccount": "web",
        "serviceAccountName": "web",
    }
    assert without_defaults(pod) == {
        "volumes": [{"name": "data", "emptyDir": {}}],
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "tolerationSeconds": 10}],
        "serviceAccountName": "web",
    }


def test_copies_of_a_secret_in_its_annotations_are_told_by_size() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": '{"data": {"password": "c2VudGluZWw="}}',
        "kapp.k14s.io/original": '{"data":{"password":"c2VudGluZWw="}}',
        "example.com/plain": "the password is sentinel",
        "objectset.rio.cattle.io/applied": "H4sIAAAAAAAA" * 20,
        "example.com/owner": "team-a",
    }
    secret = {"kind": "Secret", "metadata": {"name": "x", "annotations": annotations}, "data": {"p": "c2VudGluZWw="}}
    assert masked(secret)["metadata"]["annotations"] == {
        "kapp.k14s.io/original": "36 bytes",
        "example.com/plain": "24 bytes",
        "objectset.rio.cattle.io/applied": "240 bytes",
        "example.com/owner": "team-a",
    }
    near_miss = {**secret, "kind": "ConfigMap"}
    assert masked(near_miss) == near_miss
