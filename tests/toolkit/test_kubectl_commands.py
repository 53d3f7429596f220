"""kubectl commands: what a model may run, written anew, and everything else refused."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeagentix.errors import UsageError
from kubeagentix.toolkit.kubectl_commands import names_secrets, parse_command


def arguments(text: str, namespace: str | None = None) -> str:
    return " ".join(parse_command(text, namespace=namespace).arguments)


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("kubectl get pods -n shop -o wide", "get pods --namespace=shop --output=wide"),
        ("get po -nshop -Aowide", "get po --namespace=shop --all-namespaces=true --output=wide"),
        ("/usr/bin/kubectl get pods --selector app=web", "get pods --selector=app=web"),
        ("-n shop get deploy/web", "get deploy/web --namespace=shop"),
        ("--namespace=shop get deploy", "get deploy --namespace=shop"),
        ("get deploy web -o yaml", "get deploy web --output=json"),
        ("get pods -o 'jsonpath={.items[*].metadata.name}'", "get pods --output=jsonpath={.items[*].metadata.name}"),
        ("logs web-1 -c web -p --tail=20", "logs web-1 --container=web --previous=true --tail=20"),
        ("top pods -A --sort-by memory", "top pod --all-namespaces=true --sort-by=memory"),
        ("top no", "top node"),
        ("rollout status deploy/web", "rollout status deploy/web --watch=false"),
        ("auth can-i '*' '*'", "auth can-i * *"),
        ("explain pods.spec.containers --recursive", "explain pods.spec.containers --recursive=true"),
        ("get --raw /readyz?verbose", "get --raw=/readyz?verbose"),
        ("get secrets -A", "get secrets --all-namespaces=true"),
        ("get secret token -o yaml", "get secret token --output=json"),
        ("config current-context", "config current-context"),
    ],
)
def test_a_command_that_reads_is_written_anew(text: str, run: str) -> None:
    assert arguments(text) == run


def test_the_namespace_of_the_conversation_is_meant_if_none_is_named() -> None:
    assert arguments("get pods", "shop") == "get pods --namespace=shop"
    assert arguments("get pods -n other", "shop") == "get pods --namespace=other"
    assert arguments("get pods -A", "shop") == "get pods --all-namespaces=true"
    assert arguments("api-resources", "shop") == "api-resources"
    assert arguments("config get-contexts", "shop") == "config get-contexts"


@pytest.mark.parametrize(
    "text",
    [
        *("delete pod web", "apply -f x", "edit deploy/web", "exec web -- ls", "port-forward web 80", "proxy"),
        *("cp web:/etc/passwd .", "attach web", "debug web", "run x --image=y", "scale deploy/web --replicas=0"),
        *(
            "create token default",
            "config view --raw",
            "config use-context x",
            "config set a b",
            "config",
            "plugin list",
        ),
        *("cluster-info dump", "rollout undo deploy/web", "rollout restart deploy/web", "rollout", "auth reconcile"),
        *(
            "cordon node-1",
            "drain node-1",
            "certificate approve x",
            "patch deploy/web",
            "label pod x a=b",
            "kustomize .",
        ),
        *("", "kubectl", "  ", "'", "get pods; rm -rf /", "get pods | cat", "get pods > x", "get pods `id`"),
        *("get pods $(id)", "get pods & id", "get pods -- x", "get pods -n", "get pods -A=maybe"),
        *("get -f pod.yaml", "get -fpod.yaml", "get --filename=pod.yaml", "get -k .", "get pods -R"),
        *("get pods --kubeconfig=/x", "get pods --context=other", "get pods --token=x", "get pods --as=admin"),
        *("get pods --as-group=system:masters", "get pods -s https://evil", "get pods --server=https://evil"),
        *("get pods --insecure-skip-tls-verify", "get pods --client-key=/x", "get pods --user=admin", "get pods -v=9"),
        *("--kubeconfig=/x get pods", "--as admin get pods", "--token x get pods", "get pods --v=9"),
        *(
            "get pods -w",
            "get pods --watch",
            "get pods -Aw",
            "logs web -f",
            "logs --follow web",
            "get pods --watch-only",
        ),
        *(
            "get pods -o jsonpath-file=/etc/passwd",
            "get pods -o custom-columns-file=/x",
            "get pods -o go-template-file=x",
        ),
        *("get pods -o templatefile=/x", "get pods --template=/etc/passwd", "get pods -o bad", "top pod -o yaml"),
        *("get pods --cache-dir=/x", "get pods --profile=cpu", "get pods --log-file=/x", "explain ../x"),
    ],
)
def test_whatever_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_command(text, namespace=None)


@pytest.mark.parametrize(
    "kind",
    ["secret", "secrets", "Secret", "SECRETS", "secrets.", "secrets.v1", "secret.v1.", "pods,secrets", "secret/x"],
)
@pytest.mark.parametrize(
    "form",
    [
        *("get {} -o jsonpath={{.data}}", "get {} -ogo-template={{{{.data}}}}", "get {} -o custom-columns=A:.data"),
        *("get {} -o jsonpath-as-json={{.items}}", "describe {}", "describe {} -A", "get {} --sort-by=.data.password"),
        "get -o template={{{{.data}}}} {}",
    ],
)
def test_values_of_secrets_cannot_be_asked_for(kind: str, form: str) -> None:
    with pytest.raises(UsageError):
        parse_command(form.format(kind), namespace=None)


def test_other_objects_may_be_cut_out_by_templates() -> None:
    assert parse_command("get cm -o jsonpath={.data}", namespace=None).output == "jsonpath={.data}"
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
        parse_command(f"get --raw='{path}'", namespace=None)


def test_raw_stands_alone() -> None:
    with pytest.raises(UsageError, match="--raw stands alone"):
        parse_command("get pods --raw=/healthz", namespace=None)


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="kubectl 'delete' is not offered; the verbs are get, describe"):
        parse_command("kubectl delete pod x", namespace=None)
    with pytest.raises(
        UsageError, match=r"--as of kubectl get is not offered: the run has its one identity; the flags"
    ):
        parse_command("get pods --as=x", namespace=None)
    with pytest.raises(UsageError, match="there is no shell"):
        parse_command("get pods | head", namespace=None)


@given(st.lists(st.text(alphabet=string.ascii_letters + "-=./,{}$ \u017f", max_size=12), max_size=6))
def test_whatever_comes_only_known_verbs_and_long_flags_leave(words: list[str]) -> None:
    try:
        command = parse_command("get " + " ".join(words), namespace=None)
    except UsageError:
        return
    assert command.arguments[0] == "get"
    for word in command.arguments[1:]:
        assert not word.startswith("-") or (word.startswith("--") and "=" in word)
