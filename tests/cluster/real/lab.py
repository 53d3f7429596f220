"""A real cluster as the tests use it: kubectl, namespaces with the cases' workloads, and a kubelet that can be held."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from tests.cluster.real.cases import CLUSTER_SCOPED, Case, Manifest

KUBECONFIG = os.environ.get("KUBEAGENTIX_TEST_KUBECONFIG", "")
KUBECTL = Path(sys.executable).parent / "kubectl"


def kubectl(*arguments: str, text: str | None = None) -> str:
    command = [str(KUBECTL), "--kubeconfig", KUBECONFIG, *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"kubectl {' '.join(arguments[:4])}: {done.stderr}"
    return done.stdout


def apply(manifests: Sequence[Manifest]) -> None:
    if manifests:
        kubectl("apply", "-f", "-", text=yaml.safe_dump_all(manifests))


def wait_until(is_so: Callable[[], bool], *, within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(1)


@contextmanager
def workloads(cases: Sequence[Case]) -> Iterator[Mapping[str, str]]:
    """The workloads of all cases at once, each in a namespace of its own: name of the case → namespace."""
    run = uuid.uuid4().hex[:5]
    places = {case.name: f"t{index}-{run}" for index, case in enumerate(cases)}
    try:
        _make_namespaces(list(places.values()))
        apply([item for case in cases for item in case.manifests(case.first, places[case.name])])
        _second_steps(cases, places)
        yield places
    finally:
        _remove(cases, places)


def _make_namespaces(names: Sequence[str]) -> None:
    apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names])
    columns = "custom-columns=:metadata.namespace"
    wait_until(  # a pod that is made before its namespace has an account is refused
        lambda: set(names) <= set(kubectl("get", "serviceaccounts", "-A", "-o", columns).split()),
        within_s=60,
        what="every namespace has its default ServiceAccount",
    )


def _second_steps(cases: Sequence[Case], places: Mapping[str, str]) -> None:
    changing = [case for case in cases if case.then]
    for case in changing:
        kubectl("wait", "-n", places[case.name], "--for=condition=Available", "deployment", "--all", "--timeout=180s")
    apply([item for case in changing for item in case.manifests(case.then, places[case.name])])
    for case in cases:
        if case.delete:
            kubectl("delete", "-n", places[case.name], "--wait=false", case.delete)


def wait_for_rollout(namespace: str) -> None:
    """Waits until all Deployments have their new pods, and a kubelet that may be busy has ended the old ones."""
    kubectl("rollout", "status", "-n", namespace, "deployment", "--timeout=180s")
    ended = "custom-columns=:metadata.deletionTimestamp"
    wait_until(
        lambda: set(kubectl("get", "pods", "-n", namespace, "-o", ended).split()) <= {"<none>"},
        within_s=240,
        what=f"the old pods of {namespace} are gone",
    )


def _remove(cases: Sequence[Case], places: Mapping[str, str]) -> None:
    with suppress(AssertionError):  # as much as can be removed, whatever was made
        for case in cases:
            if case.delete:
                patch = '{"metadata": {"finalizers": null}}'
                kubectl("patch", "-n", places[case.name], case.delete, "--type=merge", "-p", patch)
    kubectl("delete", "namespace", "--wait=false", "--ignore-not-found", *places.values())
    loose = [
        f"{item['kind']}/{item['metadata']['name']}"
        for case in cases
        for item in case.manifests(case.first, places[case.name])
        if item["kind"] in CLUSTER_SCOPED
    ]
    if loose:
        kubectl("delete", "--wait=false", "--ignore-not-found", *loose)


@contextmanager
def cordoned(node: str) -> Iterator[None]:
    try:
        kubectl("cordon", node)
        yield
    finally:
        kubectl("uncordon", node)


@contextmanager
def killed(node: str) -> Iterator[None]:
    """A node whose kubelet is held: to the cluster it is as dead as one without power. It is let go afterwards."""
    pid = kubelet_of(node)
    assert pid is not None
    try:
        os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: is_ready(node), within_s=60, what=f"{node} is Ready again")


def is_ready(node: str) -> bool:
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    return kubectl("get", "node", node, "-o", f"jsonpath={path}") == "True"


def kubelet_of(node: str) -> int | None:
    """The process of a node's kubelet, where the cluster runs on this machine and tells it beside its kubeconfig."""
    noted = Path(KUBECONFIG).parent / "run" / "pids" / f"kubelet-{node.rpartition('-')[2]}"
    if not noted.exists():
        return None
    pid = int(noted.read_text().split()[0])
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    assert f"--hostname-override\0{node}\0".encode() in command, f"{pid} is not the kubelet of {node}"
    return pid
