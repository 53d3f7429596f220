"""Commands that read: values of Secrets, files and ways into pods cannot be asked for."""

from __future__ import annotations

import pytest

from kubeagentix.cluster.kubectl_reading import names_secrets
from kubeagentix.cluster.policy import permitted
from kubeagentix.errors import UsageError


@pytest.mark.parametrize(
    "kind",
    ["secret", "secrets", "Secret", "SECRETS", "secrets.", "secrets.v1", "secret.v1.", "pods,secrets", "secret/x"],
)
@pytest.mark.parametrize(
    "form",
    [
        *("get {} -o jsonpath={{.data}}", "get {} -ogo-template={{{{.data}}}}", "get {} -o custom-columns=A:.data"),
        *("get {} -o jsonpath-as-json={{.items}}", "describe {}", "describe {} -A", "get {} --sort-by=.data.password"),
        *(
            "get -o template={{{{.data}}}} {}",
            "get {} --sort-by={{.metadata.name}}{{.data}}",
            "get {} --sort-by=.metadata",
        ),
        "get {} --sort-by={{.metadata.annotations}}",
    ],
)
def test_values_of_secrets_cannot_be_asked_for(kind: str, form: str) -> None:
    with pytest.raises(UsageError):
        permitted(form.format(kind))


def test_other_objects_may_be_cut_out_by_templates() -> None:
    assert permitted("get cm -o jsonpath={.data}").output == "jsonpath={.data}"
    assert not names_secrets(["pods", "my-secret", "sealedsecrets", "secretstores.external"])


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/secrets", "/api/v1/namespaces/x/secrets/y", "/api/v1/namespaces/x/Secrets", "api/v1/pods"),
        *("/api/v1/namespaces/x/%73ecrets", "/api/v1/namespaces/x/pods/../secrets", "/api/v1/watch/pods"),
        *("/api/v1/namespaces/x/pods/y/proxy/", "/api/v1/nodes/n/proxy/run", "/api/v1/namespaces/x/services/y/proxy"),
        *("/api/v1/namespaces/x/pods/y/exec?command=id", "/api/v1/pods?watch=true", "/api/v1/pods?WATCH=1", "//evil"),
        *("https://evil/api", "/debug/pprof", "/logs/", "/", "/api/v1/namespaces/x/serviceaccounts/y/token"),
        *("/api/v1/namespaces/x//secrets", "/apis/x/v1/secrets", "/api/v1/pods#/secrets"),
    ],
)
def test_paths_that_show_or_do_more_are_refused(path: str) -> None:
    with pytest.raises(UsageError, match="--raw="):
        permitted(f"get --raw='{path}'")


def test_rights_can_be_asked_for_on_paths() -> None:
    assert permitted("auth can-i get /metrics").arguments == ("auth", "can-i", "get", "/metrics")


def test_raw_stands_alone() -> None:
    with pytest.raises(UsageError, match="--raw stands alone"):
        permitted("get pods --raw=/healthz")
