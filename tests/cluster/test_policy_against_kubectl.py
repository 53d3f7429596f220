"""The policy beside the real kubectl: both find the same verb, and what is allowed only reads, request by request.

`KUBEAGENTIX_POLICY_EXAMPLES` sets how many command lines are made up (default: as many as take some ten seconds each).
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import kubeagentix as kx
from kubeagentix.cluster.kubectl_arguments import find_verb
from kubeagentix.cluster.policy import judge
from kubeagentix.errors import UsageError
from tests.cluster.command_lines import command_lines, reading_lines
from tests.cluster.kubectl_itself import KUBECTL, Recorder, understood
from tests.tools.lab import Lab

EXAMPLES = int(os.environ.get("KUBEAGENTIX_POLICY_EXAMPLES", "60"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.target),  # to make one smaller takes a kubectl for each try
    suppress_health_check=list(HealthCheck),
)
SENTINEL = "sentinel-value-of-a-secret"
READS = re.compile(
    r"GET |POST /apis/(authorization|authentication)\.k8s\.io/v1(alpha1|beta1)?/selfsubject\w*reviews(\?|$)"
)
ESCAPES = re.compile(r"/(proxy|exec|attach|portforward|token)\b")
ENDLESS = re.compile(r"[?&](watch|follow)=(true|1)")

LINES = [
    *(
        "get pods",
        "-n x get pods",
        "--namespace get get pods",
        "-nx -v 3 delete pod x",
        "--kubeconfig x --as y delete pod",
    ),
    *(
        "-s x get pods",
        "--token=x get po",
        "-o yaml get pods",
        "-A get pods",
        "--all-namespaces get pods",
        "-w x get pods",
    ),
    *(
        "--warnings-as-errors get pods",
        "--disable-compression=false delete pod x",
        "--as_group=a get pods",
        "-v4 get po",
    ),
    *(
        "create -f x configmap y",
        "create --validate configmap y",
        "create svc clusterip x",
        "create svc foo",
        "create cm x",
    ),
    *(
        "config use x",
        "config -n x use-context y",
        "config view --raw",
        "config",
        "rollout",
        "rollout -n x undo deploy/x",
    ),
    *(
        "rollout -l a=b restart x",
        "rollout foo",
        "set --local image x y",
        "set image --local x a=b",
        "set sa deploy x y",
    ),
    *("top pods -A", "top -A pod", "top no", "auth can-i get pods", "auth --list can-i", "apply view-last-applied x y"),
    *(
        "apply --force view-last-applied",
        "cluster-info dump",
        "cluster-info",
        "delete --cascade pod x",
        "get -- delete",
    ),
    *("delete --cascade=orphan pod x", "label pods x a=b", "explain pods", "events", "kuberc view", "plugin list"),
    *(
        "certificate approve x",
        "get -Aowide pods",
        "get -A=false pods",
        "get -n=x pods",
        "get -n= pods",
        "get pods -Ax",
    ),
    *(
        "kustomize .",
        "wait --for=delete pod/x",
        "diff -f x",
        "debug x",
        "cp a b:c",
        "proxy",
        "attach x",
        "run x --image=y",
    ),
    *(
        "exec x -- get",
        "drain x",
        "edit deploy x",
        "port-forward x 80",
        "create token x",
        "get gett",
        "-- get pods",
        "foo",
    ),
]


def agree(words: list[str], folder: Path) -> bool:
    """Whether both know its verb. Raises AssertionError where the real kubectl knows another than the policy does."""
    decision = judge(words)
    real = understood(folder, words)
    if decision.command is not None:
        assert real == decision.verb, words
        assert understood(folder, decision.command.arguments) == decision.verb, decision.command.arguments
    elif real is not None:
        try:
            found = find_verb(words)[0].name
        except UsageError:
            return False  # refused without a verb: kubectl's guess at it does not matter
        assert found == real, words
    return real is not None


@pytest.mark.parametrize("line", LINES)
def test_both_find_the_same_verb(line: str, tmp_path: Path) -> None:
    agree(line.split(), tmp_path)


def test_both_find_the_same_verb_in_whatever_is_made_up(tmp_path: Path) -> None:
    understood_by_both: list[list[str]] = []

    @SETTINGS
    @given(words=command_lines())
    def agreed(words: list[str]) -> None:
        if agree(words, tmp_path):
            understood_by_both.append(words)

    agreed()
    assert len(understood_by_both) > EXAMPLES // 10


@pytest.fixture(scope="module")
def recorder() -> Iterator[tuple[kx.Demo, Recorder]]:
    with kx.demo("crash-missing-variable", "secret-key-missing") as demo:
        server = demo._running.server
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "planted", "namespace": "orders"},
            "data": {"password": base64.b64encode(SENTINEL.encode()).decode()},
        }
        server.store.put(manifest)
        server.faults = recorder = Recorder()
        yield demo, recorder


def run_allowed(words: list[str], demo: kx.Demo, recorder: Recorder, home: Path) -> bool:
    """Runs the line as it came and as the tool runs it; whether it was allowed."""
    if judge(words).verdict != "allow":
        return False
    recorder.requests.clear()
    folder = home / "work"
    folder.mkdir(exist_ok=True)
    environ = {"PATH": "/nowhere", "HOME": str(home), "KUBERC": "off", "KUBECONFIG": demo.kubeconfig}
    command = [KUBECTL, "--request-timeout=5s", *words]
    subprocess.run(
        command, check=False, capture_output=True, env=environ, cwd=folder, stdin=subprocess.DEVNULL, timeout=60
    )
    as_it_came = len(recorder.requests)
    lab = Lab(demo.cluster, environ={**environ, "KUBECTL_BINARY": KUBECTL})
    try:
        said = lab.text("kubectl", command=" ".join(f"'{word}'" for word in words))
    except kx.KubeAgentiXError as error:
        said = str(error)
    wrong = [line for line in recorder.requests if not READS.match(line) or ESCAPES.search(line)]
    assert wrong == [], words
    endless = [line for line in recorder.requests[as_it_came:] if ENDLESS.search(line)]
    # With --watch=false, too, rollout status opens a watch, which it ends with the first that it hears.
    assert endless == [] or judge(words).verb == "rollout status", words
    assert SENTINEL not in said, words
    assert base64.b64encode(SENTINEL.encode()).decode() not in said, words
    assert list(folder.iterdir()) == [], words
    return True


ALLOWED = [
    *(
        "get pods -A",
        "get all -n orders",
        "get secrets -A -o yaml",
        "get secret planted -n orders -o json",
        "get nodes -o wide",
    ),
    *(
        "get secrets -n orders --sort-by=.metadata.name",
        "get pods,secrets -n orders -o json",
        "get cm -A -o jsonpath={.items}",
    ),
    *(
        "get secrets.v1. -n orders -o kyaml",
        "get Secret/planted -n orders -o name",
        "get deploy checkout -n orders -o yaml",
    ),
    *(
        "get secrets -n orders --show-labels",
        "get secrets -n orders -o wide",
        "get deploy/checkout --subresource=scale -n orders",
    ),
    *(
        "describe pods -n orders",
        "describe deploy/checkout -n orders",
        "describe sa default -n orders",
        "describe nodes",
    ),
    *("logs deploy/checkout -n orders --tail=3", "logs deploy/checkout -n orders -p", "events -n orders", "events -A"),
    *("top pods -A", "top nodes", "api-resources", "api-versions", "explain pods.spec", "version", "cluster-info"),
    *("rollout status deploy/checkout -n orders", "rollout history deploy/checkout -n orders", "auth can-i --list"),
    *(
        "rollout history deploy/checkout --revision=1 -n orders -o json",
        "auth can-i get pods -A",
        "auth whoami -o yaml",
    ),
    *("config current-context", "config get-contexts", "get --raw /readyz", "get --raw /api/v1/namespaces/orders/pods"),
]


@pytest.mark.parametrize("line", ALLOWED)
def test_what_is_allowed_only_reads(line: str, recorder: tuple[kx.Demo, Recorder], tmp_path: Path) -> None:
    assert run_allowed(line.split(), *recorder, tmp_path)


def test_whatever_is_allowed_only_reads(
    recorder: tuple[kx.Demo, Recorder], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    allowed: list[list[str]] = []

    @SETTINGS
    @given(words=reading_lines())
    def only_reads(words: list[str]) -> None:
        if run_allowed(words, *recorder, home):
            allowed.append(words)

    only_reads()
    assert len(allowed) > EXAMPLES // 10


def test_a_write_would_be_seen(recorder: tuple[kx.Demo, Recorder], tmp_path: Path) -> None:
    demo, seen = recorder
    seen.requests.clear()
    environ = {"HOME": str(tmp_path), "KUBECONFIG": demo.kubeconfig}
    subprocess.run([KUBECTL, "delete", "pod", "x"], check=False, capture_output=True, env=environ, timeout=60)
    assert [line for line in seen.requests if not READS.match(line)] == ["DELETE /api/v1/namespaces/default/pods/x"]


CHANGES = [
    *("scale deploy/checkout --replicas=3 -n orders", "autoscale deploy/checkout --min=1 --max=3 -n orders"),
    *("rollout restart deploy/checkout -n orders", "rollout pause deploy/checkout -n orders"),
    *("rollout resume deploy checkout -n orders", "set image deploy/checkout *=nginx:1.29 -n orders"),
    *("set env deploy/checkout A=b -n orders", "set resources deploy checkout --limits=memory=1Gi -n orders"),
    *("set serviceaccount deploy checkout default -n orders", "label deploy/checkout tier=web -n orders"),
    *("annotate deploy checkout a=b -n orders", "expose deploy/checkout --port=80 --name=other -n orders"),
    *("delete deploy/checkout -n orders", "delete deploy checkout --cascade=orphan -n orders --now"),
    *("create cm settings --from-literal=a=b -n orders", "create deploy other --image=nginx -n orders"),
    *("create ns other", "create svc clusterip other --tcp=80:8080 -n orders", "create sa robot -n orders"),
    *("create job again --image=nginx -n orders", "create quota small --hard=pods=3 -n orders"),
    """patch deploy/checkout -p={"spec":{"replicas":2}} -n orders""",
]


@pytest.mark.parametrize("line", CHANGES)
def test_a_change_that_is_tried_changes_nothing(line: str, recorder: tuple[kx.Demo, Recorder], tmp_path: Path) -> None:
    demo, seen = recorder
    command = judge(line.split()).command
    assert command is not None
    seen.requests.clear()
    before = demo._running.store.revision
    environ = {"HOME": str(tmp_path), "KUBECONFIG": demo.kubeconfig, "KUBERC": "off"}
    tried = subprocess.run(
        [KUBECTL, *command.dry_run], check=False, capture_output=True, text=True, env=environ, timeout=60
    )
    writes = [request for request in seen.requests if not READS.match(request)]
    assert tried.returncode == 0, tried.stderr
    assert writes, seen.requests
    # A deletion says so in its body.
    assert [it for it in writes if "dryRun=All" not in it and not it.startswith("DELETE ")] == []
    assert demo._running.store.revision == before
