"""kubectl's command line: the verb is found and flags are read as cobra and pflag do; nothing of it is a shell's."""

from __future__ import annotations

import pytest

from kubeagentix.cluster.kubectl_arguments import parse, split
from kubeagentix.cluster.policy import judge
from kubeagentix.errors import UsageError


def read(text: str) -> tuple[str, tuple[str, ...], dict[str, str]]:
    line = parse(split(text))
    return line.verb.name, line.words, dict(line.flags)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("get pods -n shop", ("get", ("pods",), {"namespace": "shop"})),
        ("get pods -nshop", ("get", ("pods",), {"namespace": "shop"})),
        ("get pods -n=shop", ("get", ("pods",), {"namespace": "shop"})),
        ("get pods --namespace=shop", ("get", ("pods",), {"namespace": "shop"})),
        ("get --namespace shop pods", ("get", ("pods",), {"namespace": "shop"})),
        ("--namespace get get pods", ("get", ("pods",), {"namespace": "get"})),
        ("-n x --request-timeout 5 get -- pods", ("get", ("pods",), {"namespace": "x", "request-timeout": "5"})),
        ("get pods --all_namespaces", ("get", ("pods",), {"all-namespaces": "true"})),
        ("get -Aowide pods", ("get", ("pods",), {"all-namespaces": "true", "output": "wide"})),
        ("get -A=false pods", ("get", ("pods",), {"all-namespaces": "false"})),
        ("get -Ao=json pods", ("get", ("pods",), {"all-namespaces": "true", "output": "json"})),
        ("get pods -A=T -o json -o yaml", ("get", ("pods",), {"all-namespaces": "true", "output": "yaml"})),
        ("-o json get pods", ("get", ("pods",), {"output": "json"})),
        ("get pods -- -l", ("get", ("pods", "-l"), {})),
        ("top po -A", ("top pod", (), {"all-namespaces": "true"})),
        ("create svc clusterip x --tcp 1", ("create service clusterip", ("x",), {"tcp": "1"})),
        ("delete --cascade pod x", ("delete", ("pod", "x"), {"cascade": "background"})),
        ("rollout -n shop undo deploy/web", ("rollout undo", ("deploy/web",), {"namespace": "shop"})),
        ('patch deploy x -p \'{"a": "b c"}\'', ("patch", ("deploy", "x"), {"patch": '{"a": "b c"}'})),
        ("get pods \\\n  -n shop", ("get", ("pods",), {"namespace": "shop"})),
    ],
)
def test_it_is_read_as_kubectl_reads_it(text: str, expected: object) -> None:
    assert read(text) == expected


def test_of_a_list_all_count() -> None:
    line = parse(split("create cm x --from-literal=a=b --from-literal c=d"))
    assert line.values("from-literal") == ("a=b", "c=d")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-A get pods", "kubectl has no verb 'pods'"),  # so for kubectl: an unknown flag takes a value
        ("-- get pods", "there is no verb"),
        ("-n", "there is no verb"),
        ("--namespace=x", "there is no verb"),
        ("gett pods", "kubectl has no verb 'gett'; did you mean get"),
        ("rollout", "kubectl rollout alone does nothing; its subcommands are history, status"),
        ("rollout delete deploy/x", "kubectl rollout alone does nothing"),
        ("create svc x", "kubectl create service alone does nothing"),
        ("get pods --out=json", "--out of kubectl get is not offered"),
        ("get pods ---o=json", "is not offered"),
        ("get pods --=x", "is not offered"),
        ("get pods -A=x", "--all-namespaces is true or false, not 'x'"),
        ("get pods -A=", "-= of kubectl get is not offered"),
        ("get pods -n", "--namespace needs a value"),
        ("get pods --output=", "--output needs a value"),
        ("logs web -f", "-f of kubectl logs is not offered: a command has to end"),
        ("get pods -f x", "-f of kubectl get is not offered: files are not read"),
        ("get pods 'x", "the command cannot be read: No closing quotation"),
    ],
)
def test_what_cannot_be_understood_is_told(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        *("get pods; id", "get pods ;id", "get pods && id", "get pods || id", "get pods | id", "get pods & id"),
        *("get pods > x", "get pods >x", "get pods 2>&1", "get pods < x", "get pods <<< x", "get pods $(id)"),
        *("get pods `id`", "get pods <(id)", "get pods ${HOME}", "get pods\nid", "get pods\n\nid", "id\nget pods"),
        *("get pods\rid", "get pods\x00", "get pods\x1b[2J", "get\u202epods", "get pods\u2028id", "get p\u200bods"),
        *("get pods\ud800", "kubectl\u00a0get pods", "ge\u0442 pods", "get \u2014all", "get pod\u017f x\u007f"),
    ],
)
def test_nothing_is_a_shells(text: str) -> None:
    decision = judge(text)
    assert decision.verdict == "refuse"
    assert "\n" not in decision.why
