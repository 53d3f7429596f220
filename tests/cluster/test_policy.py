"""Verdicts on kubectl commands: what runs at once and as what, what a person is asked for, and what never runs."""

from __future__ import annotations

import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeagentix.cluster.policy import Bounds, judge, permitted
from kubeagentix.errors import UsageError


def arguments(text: str, namespace: str | None = None) -> str:
    return " ".join(permitted(text, Bounds(namespace=namespace)).arguments)


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
        *("get pods $(id)", "get pods & id", "get pods -- --x", "get pods -n", "get pods -A=maybe"),
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
        *(
            "get pods -o templatefile=/x",
            "get pods --template=/etc/passwd",
            "get pods -o bad",
            "get pods -o=",
            "top pod -o yaml",
        ),
        *("get pods --cache-dir=/x", "get pods --profile=cpu", "get pods --log-file=/x", "explain ../x"),
    ],
)
def test_whatever_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        permitted(text)


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="kubectl delete is not allowed: this run only reads, and it deletes"):
        permitted("kubectl delete pod x")
    with pytest.raises(
        UsageError, match=r"--as of kubectl get is not offered: the run has its one identity; the flags"
    ):
        permitted("get pods --as=x")
    with pytest.raises(UsageError, match="there is no shell"):
        permitted("get pods | head")


# On a busy machine the first texts take hypothesis seconds to make.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(alphabet=string.ascii_letters + "-=./,{}$ \u017f", max_size=12), max_size=6))
def test_whatever_comes_only_known_verbs_and_long_flags_leave(words: list[str]) -> None:
    try:
        command = permitted(["get", *words])
    except UsageError:
        return
    assert command.arguments[0] == "get"
    for word in command.arguments[1:]:
        assert not word.startswith("-") or (word.startswith("--") and "=" in word)


@pytest.mark.parametrize(
    ("text", "run", "tried"),
    [
        (
            "scale deploy/web --replicas 3 -n shop",
            "scale deploy/web --replicas=3 --namespace=shop",
            "scale deploy/web --replicas=3 --namespace=shop --dry-run=server --output=json",
        ),
        (
            "delete pod web-1 --grace-period=0 --force",
            "delete pod web-1 --grace-period=0 --force=true --wait=false",
            "delete pod web-1 --grace-period=0 --force=true --wait=false --dry-run=server --output=name",
        ),
        ("cordon node-1", "cordon node-1", "cordon node-1 --dry-run=server"),
        (
            "rollout pause deploy web",
            "rollout pause deploy web",
            'patch deploy/web --type=strategic --patch={"spec": {"paused": true}} --dry-run=server --output=json',
        ),
        (
            "create svc clusterip web --tcp=80:8080",
            "create service clusterip web --tcp=80:8080",
            "create service clusterip web --tcp=80:8080 --dry-run=server --output=json",
        ),
        (
            "annotate pod web 'note=a | b; $(c)' old- -o yaml",
            "annotate pod web note=a | b; $(c) old- --output=json",
            "annotate pod web note=a | b; $(c) old- --dry-run=server --output=json",
        ),
    ],
)
def test_a_change_is_asked_for_and_can_be_tried(text: str, run: str, tried: str) -> None:
    decision = judge(text)
    assert decision.verdict == "ask"
    assert decision.command is not None
    assert " ".join(decision.command.arguments) == run
    assert " ".join(decision.command.dry_run) == tried


def test_a_command_that_reads_has_nothing_to_try() -> None:
    decision = judge("get pods")
    assert (decision.verdict, decision.effect) == ("allow", "read")
    assert decision.command is not None
    assert decision.command.dry_run == ()


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("delete deploy/web", "deploy/web"),
        ("label deployments.v1.apps web a=b", "deployments.v1.apps/web"),
        ("taint nodes worker-1 a=b:NoSchedule c-", "nodes/worker-1"),
        ("cordon worker-1", "node/worker-1"),
        ("uncordon node/worker-1", "node/worker-1"),
        ("create cm settings --from-literal=a=b", "configmap/settings"),
        ("create service nodeport web --tcp=80", "service/web"),
        ("set sa deploy web robot", "deploy/web"),
        ("set env deploy/web A=b C-", "deploy/web"),
        ("expose deploy/web --port=80", "service/web"),
        ("expose deploy/web --port=80 --name=other", "service/other"),
        ("autoscale deploy web --max=3", "horizontalpodautoscaler/web"),
        ("set image deploy web '*=nginx:1.29'", "deploy/web"),
    ],
)
def test_a_change_says_what_it_changes(text: str, changed: str) -> None:
    command = judge(text).command
    assert command is not None
    assert str(command.changed) == changed


def test_a_verdict_comes_with_the_verb_and_its_effect() -> None:
    seen = [(d.verdict, d.verb, d.effect) for d in map(judge, ("exec x -- ls", "delete pod x", "config use x", "foo"))]
    assert seen == [
        ("refuse", "exec", "escape"),
        ("ask", "delete", "delete"),
        ("refuse", "config use-context", "local"),
        ("refuse", "", None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *('sh -c "kubectl delete pod x"', 'bash -c "kubectl delete pod x"', 'sh -c "cat /etc/passwd"'),
        *('kubectl sh -c "kubectl delete pod x"', "git branch -D main", "git status", "docker ps", "cat /etc/passwd"),
        *("kubectl config view --raw", "config view", "kubectl config use-context prod", "config use prod"),
        *("config set users.x.token y", "config --raw view", "config --kubeconfig=/tmp/x view --raw"),
        *(
            "get secret x -o jsonpath={.data}",
            "-n shop delete pod x",
            "KUBECONFIG=/x kubectl get pods",
            "sudo kubectl get",
        ),
        *("--kubeconfig /x get pods", "env kubectl delete pod x", "kubectl kubectl get pods", "./kubectl.sh get pods"),
        *("kubectl-evil x", "evil", "create evil x", "krew install x", "ctx prod", "ns prod", "node-shell node-1"),
    ],
)
def test_no_hole_of_earlier_brokers_is_open(text: str) -> None:
    with pytest.raises(UsageError):
        permitted(text)
    assert judge(text).verdict == ("ask" if "delete" in text and text.startswith("-n") else "refuse")


@pytest.mark.parametrize(
    "text",
    [
        *("delete pods --all", "delete pod a b", "delete pod/a pod/b", "delete pods -l app=web", "delete pod a -A"),
        *(
            "delete pod,svc a",
            "delete all a",
            "delete api-extensions a",
            "delete ns prod",
            "delete namespaces.v1. prod",
        ),
        *(
            "delete Namespace/prod",
            "delete crd x.example.com",
            "delete customresourcedefinitions.apiextensions.k8s.io x",
        ),
        *("delete --raw /api/v1/namespaces/x", "delete pod", "delete", "delete pod/a/b", "delete pod/", "delete /a"),
        *(
            "delete secret x",
            "patch secret x -p {}",
            "label secrets x a=b",
            "annotate secrets.v1. x a=b",
            "expose secret x",
        ),
        *("patch clusterrole x -p {}", "label rolebindings.rbac.authorization.k8s.io x a=b", "delete csr x"),
        *("patch Role.v1.rbac.authorization.k8s.io x -p {}", "create rolebinding x", "create clusterrolebinding x"),
        *(
            "create secret generic x",
            "create secret",
            "create token x",
            "set subject rolebinding x",
            "auth reconcile -f x",
        ),
        *("certificate approve x", "replace --force -f x", "apply --prune -f x", "apply -k .", "apply --force -f x"),
        *("create cm x --from-file=/etc/passwd", "create cm x --from-env-file=.env", "patch pod x --patch-file=x"),
        *(
            "patch pod x --subresource=status -p {}",
            "patch pod x",
            "scale deploy/x",
            "label pod x",
            "taint pod x a=b:NoSchedule",
        ),
        *("create deploy x --image=y -- sh -c id", "create job x --image=y -- id", "expose deploy x --overrides={}"),
        *("expose deploy x --external-ip=1.2.3.4", "set env deploy/x --list", "set env deploy/x --list --resolve"),
        *("set env deploy/x -", "set image deploy/x -f -", "scale --replicas=0 -f https://x", "label pods --all a=b"),
        *("delete pod x --dry-run=server", "scale deploy/x --replicas=1 --dry-run", "label pod x a=b --local -f x"),
        *(
            "create -f x --edit",
            "apply edit-last-applied deploy/x",
            "apply set-last-applied -f x",
            "rollout undo deploy -l a=b",
        ),
        *("cordon -l a=b", "cordon a b", "uncordon", "drain a", "taint nodes --all a=b:NoSchedule", "delete pod X"),
        *(
            "annotate pod x a=b --kubeconfig=y",
            "delete pod x --as=admin",
            "delete pod x --context=other",
            "delete pod x -n A",
        ),
    ],
)
def test_what_no_approval_can_name_or_judge_is_refused(text: str) -> None:
    assert judge(text, Bounds(context="prod")).verdict == "refuse"


def test_the_runs_own_context_may_be_named() -> None:
    command = permitted("get pods --context prod", Bounds(context="prod"))
    assert command.arguments == ("get", "pods")
