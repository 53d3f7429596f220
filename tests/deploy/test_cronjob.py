"""deploy/cronjob.yaml: no right more than `kubeagentix rbac` prints, no privilege, a command that does what it says."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import kubeagentix as kx
from kubeagentix import __version__
from kubeagentix.cli.app import main
from kubeagentix.exporters import prometheus
from kubeagentix.settings import load_settings
from kubeagentix.testing import snapshot_of
from tests.cli.conftest import BROKEN
from tests.cluster.real.lab import KUBECONFIG, KUBECTL

FOLDER = Path(__file__).parents[2] / "deploy"
FILE = FOLDER / "cronjob.yaml"
TEXT = FILE.read_text()
OBJECTS = list(yaml.safe_load_all(TEXT))
BY_KIND: dict[str, Any] = {item["kind"]: item for item in OBJECTS}
SPEC = BY_KIND["CronJob"]["spec"]
POD = SPEC["jobTemplate"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
ACCOUNT = "system:serviceaccount:kubeagentix:kubeagentix-cron"
REFUSED = ("create pods", "delete pods", "get secrets", "watch secrets", "patch deployments.apps", "create pods/exec")


def arguments(folder: Path) -> list[str]:
    """The CronJob's own, with its volume in `folder`."""
    return [word.replace("/data/", f"{folder}/") for word in CONTAINER["args"]]


def test_its_rights_are_those_that_the_program_prints(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--for quickdx --name kubeagentix-cron --bind serviceaccount kubeagentix:kubeagentix-cron"
    assert f"kubeagentix rbac {words}" in TEXT
    assert main(["rbac", *words.split()]) == 0
    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    kinds = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding")
    assert [item for item in OBJECTS if item["kind"] in kinds] == printed
    assert POD["serviceAccountName"] == BY_KIND["ServiceAccount"]["metadata"]["name"]
    assert {item["kind"] for item in OBJECTS} == {*kinds, "Namespace", "ConfigMap", "PersistentVolumeClaim", "CronJob"}


def test_each_of_its_rights_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paths: set[str] = set()
    send = http.client.HTTPConnection.putrequest

    def heard(self: Any, method: str, url: str, *rest: Any, **more: Any) -> None:
        assert method == "GET"
        paths.add(url.partition("?")[0])
        send(self, method, url, *rest, **more)

    monkeypatch.setattr(http.client.HTTPConnection, "putrequest", heard)
    with kx.demo() as demo:
        assert main([*arguments(tmp_path), "--kubeconfig", demo.kubeconfig]) == 0
    rules = {
        (group, resource, verb)
        for rule in BY_KIND["ClusterRole"]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    unused = rules - {right for path in paths if (right := right_for(path)) is not None}
    assert unused == {("", "namespaces", "get")}  # for a run in one namespace; with list it tells nothing more


def right_for(path: str) -> tuple[str, str, str] | None:
    """What a path takes, of (API group, resource, verb)."""
    if path.endswith("/log"):
        return ("", "pods/log", "get")
    found = re.fullmatch(r"/(?:api|apis/([^/]+))/[^/]+(?:/namespaces/[^/]+)?/([^/]+)", path)
    return None if found is None else (found[1] or "", found[2], "list")


def test_it_is_as_restricted_as_a_pod_can_be() -> None:
    assert BY_KIND["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] > 0
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & {*POD}
    assert not any("hostPath" in volume for volume in POD["volumes"])
    assert {*CONTAINER["resources"]} == {"requests", "limits"}


def test_runs_do_not_pile_up() -> None:
    assert (SPEC["concurrencyPolicy"], POD["restartPolicy"]) == ("Forbid", "Never")
    assert SPEC["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 600
    assert (SPEC["successfulJobsHistoryLimit"], SPEC["failedJobsHistoryLimit"]) == (1, 3)


def test_its_image_is_of_this_release_and_holds_its_command() -> None:
    assert CONTAINER["image"] == f"kubeagentix:{__version__}"
    assert CONTAINER["command"] == ["/opt/kubeagentix/bin/kubeagentix"]
    assert "/opt/kubeagentix /opt/kubeagentix" in (FILE.parents[1] / "Dockerfile").read_text()


def test_its_settings_can_be_read(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(BY_KIND["ConfigMap"]["data"]["config.toml"])
    settings = load_settings({"KUBEAGENTIX_CONFIG": str(config)})
    assert (settings.deadline_s, settings.history) == (120, False)


def test_the_reader_sees_the_volume_and_nothing_else() -> None:
    reader = yaml.safe_load((FOLDER / "reader.yaml").read_text())
    spec = reader["spec"]
    (container,) = spec["containers"]
    assert reader["metadata"]["namespace"] == BY_KIND["Namespace"]["metadata"]["name"]
    assert (spec["automountServiceAccountToken"], "serviceAccountName" in spec) == (False, False)
    assert (spec["securityContext"], container["securityContext"]) == (
        POD["securityContext"],
        CONTAINER["securityContext"],
    )
    assert container["image"] == CONTAINER["image"]
    assert container["volumeMounts"] == [{"name": "data", "mountPath": "/data", "readOnly": True}]
    assert spec["volumes"] == [volume for volume in POD["volumes"] if volume["name"] == "data"]


def test_alerts_are_on_metrics_that_there_are() -> None:
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    diagnosis = kx.diagnose(cluster=snapshot_of(BROKEN), all_namespaces=True, history=False)
    there = {item.name for item in text_string_to_metric_families(prometheus.export(diagnosis))}
    for rule in group["rules"]:
        assert {*rule} == {"alert", "expr", "for", "labels", "annotations"}
        named = {*re.findall(r"kubeagentix_\w+", rule["expr"])}
        assert named
        assert named <= there
    assert len(group["rules"]) == 3
    seconds = int(re.findall(r"> (\d+)", group["rules"][0]["expr"])[0])
    every_s = 60 * int(SPEC["schedule"].split()[0].removeprefix("*/"))
    assert seconds >= 2 * every_s + SPEC["jobTemplate"]["spec"]["activeDeadlineSeconds"]  # one run may fail


def test_the_duration_is_that_of_reading_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    began = datetime.now(UTC)
    with kx.demo("crash-missing-variable") as demo:
        words = ["--kubeconfig", demo.kubeconfig, "--format=json", f"--output={tmp_path}/latest.json"]
        assert main(["dx", "-A", "--no-history", f"--save-snapshot={tmp_path}/latest.snapshot", *words]) == 0
    told = json.loads((tmp_path / "latest.json").read_text())
    taken = kx.load(tmp_path / "latest.snapshot").taken_at
    assert began <= datetime.fromisoformat(told["started_at"]) <= taken
    capsys.readouterr()


def check_written(folder: Path) -> list[tuple[dict[str, str], float]]:
    """The findings that the metrics count, once all three files are there and hold the same."""
    assert {path.name for path in folder.iterdir()} == {"latest.snapshot", "latest.html", "kubeagentix.prom"}
    assert kx.load(folder / "latest.snapshot").objects["Node"]
    assert "<" in (folder / "latest.html").read_text()
    families = {item.name: item for item in text_string_to_metric_families((folder / "kubeagentix.prom").read_text())}
    assert families["kubeagentix_last_success_timestamp_seconds"].samples[0].value > 1_700_000_000
    return [(item.labels, item.value) for item in families["kubeagentix_findings"].samples]


def test_its_command_writes_snapshot_report_and_metrics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with kx.demo("crash-missing-variable") as demo:
        assert main([*arguments(tmp_path), "--kubeconfig", demo.kubeconfig]) == 0
    found = check_written(tmp_path)
    wanted = {"severity": "critical", "reason": "CrashLoopBackOff/MissingVariable", "namespace": "orders"}
    assert (wanted, 1) in found
    mode = stat.S_IMODE((tmp_path / "kubeagentix.prom").stat().st_mode)
    assert mode & 0o044  # another user, such as node-exporter, may read it
    assert "checkout" not in (tmp_path / "kubeagentix.prom").read_text()
    capsys.readouterr()


def test_a_run_that_reads_nothing_leaves_the_last_success_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kubeagentix.prom").write_text("kubeagentix_last_success_timestamp_seconds 1\n")
    with kx.demo("crash-missing-variable") as demo:
        demo.faults.fail("/api", 403)
        assert main([*arguments(tmp_path), "--kubeconfig", demo.kubeconfig]) == 2
    assert (tmp_path / "kubeagentix.prom").read_text() == "kubeagentix_last_success_timestamp_seconds 1\n"
    capsys.readouterr()


def test_a_volume_that_cannot_be_written_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may write to it nevertheless
    assert main(["dx", "--kubeconfig", "not-even-looked-at", f"--metrics={tmp_path}/kubeagentix.prom"]) == 2
    assert "cannot be written to" in capsys.readouterr().err
    assert main(["dx", "--kubeconfig", "not-there", "--metrics=/dev/null"]) == 2  # a device is no matter of its folder
    assert "there is no kubeconfig file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--save-snapshot", "x", "--snapshot", "y"], "--save-snapshot and --snapshot exclude each other"),
        (["--metrics", "nowhere/x"], "there is no folder"),
        (["--save-snapshot", "nowhere/x"], "there is no folder"),
    ],
    ids=str,
)
def test_a_file_that_cannot_be_written_is_told_first(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dx", *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.cluster
@pytest.mark.skipif(not KUBECONFIG, reason="KUBEAGENTIX_TEST_KUBECONFIG names no cluster")
class TestOnARealCluster:
    """What the API server makes of it, and what its account may do there."""

    @staticmethod
    def kubectl(*words: str, stdin: str = "", check: bool = True) -> str:
        command = [str(KUBECTL), f"--kubeconfig={KUBECONFIG}", *words]
        return subprocess.run(command, input=stdin, text=True, capture_output=True, check=check).stdout

    @pytest.fixture
    def applied(self) -> Any:
        known = self.kubectl("api-resources", "--api-group=batch", "--no-headers")
        has_v1 = any(line.split()[0] == "cronjobs" and "batch/v1" in line.split() for line in known.splitlines())
        # As the head of the file says for Kubernetes 1.20 and older.
        text = TEXT if has_v1 else TEXT.replace("apiVersion: batch/v1\n", "apiVersion: batch/v1beta1\n")
        self.kubectl("apply", "-f", "-", stdin=text)
        try:
            self.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
            yield text
        finally:
            self.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=text)

    def test_it_is_taken_and_its_account_may_do_what_it_needs_and_no_more(self, applied: str, tmp_path: Path) -> None:
        assert self.kubectl("-n", "kubeagentix", "get", "cronjob", "kubeagentix", "-o", "name")
        served = self.kubectl("api-resources", "-o", "name").split()
        for rule in BY_KIND["ClusterRole"]["rules"]:
            for name in rule["resources"]:
                plural, _, part = name.partition("/")
                resource = f"{plural}.{rule['apiGroups'][0]}".rstrip(".")
                for verb in rule["verbs"] if resource in served else ():
                    words = [verb, resource, *([f"--subresource={part}"] if part else [])]
                    assert self.may(*words) == "yes", words
        assert [words for words in REFUSED if self.may(*words.split()) != "no"] == []
        for rule in self.rules_of_the_account():
            is_review = {*rule.get("apiGroups", ())} == {"authorization.k8s.io"}
            assert {*rule["verbs"]} <= ({"create"} if is_review else {"get", "list"}), rule
        self._run_as_the_account(tmp_path)

    def test_its_pod_writes_where_it_should_and_nowhere_else(self) -> None:
        """All of its Pod but the image, the command, and where the volume comes from."""
        name = "kubeagentix-pod-as-in-the-cronjob"
        script = (
            "id -u; touch /data/a /tmp/b && echo wrote; touch /c || echo refused; ls /var/run/secrets/kubernetes.io/*"
        )
        container = {**CONTAINER, "image": "busybox:1.35", "command": ["sh", "-c", script]}
        del container["args"]
        volumes = [{"name": item["name"], "emptyDir": {}} for item in POD["volumes"]]
        spec = {**POD, "containers": [container], "volumes": volumes, "serviceAccountName": "default"}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        try:
            deadline = time.monotonic() + 120
            while self.kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}") not in ("Succeeded", "Failed"):
                assert time.monotonic() < deadline
                time.sleep(0.3)
            said = self.kubectl("logs", name).split()
        finally:
            self.kubectl("delete", "pod", name, "--wait=false")
        assert [word for word in said if word in ("1000", "wrote", "refused", "token")] == [
            *("1000", "wrote", "refused", "token")
        ]

    def may(self, *words: str) -> str:
        return self.kubectl("auth", "can-i", *words, "-A", f"--as={ACCOUNT}", check=False).strip()

    def rules_of_the_account(self) -> list[dict[str, Any]]:
        """All that it may do in a namespace, as the API server says."""
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
        asked = json.dumps({**review, "spec": {"namespace": "default"}})
        words = ("create", f"--as={ACCOUNT}", "-o", "json", "-f", "-")
        found: list[dict[str, Any]] = json.loads(self.kubectl(*words, stdin=asked))["status"]["resourceRules"]
        return found

    def _run_as_the_account(self, tmp_path: Path) -> None:
        """The very command line, with a token of that ServiceAccount and nothing else of the administrator's."""
        token = self.kubectl("-n", "kubeagentix", "create", "token", "kubeagentix-cron").strip()
        config = yaml.safe_load(Path(KUBECONFIG).read_text())
        for user in config["users"]:
            user["user"] = {"token": token}
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        folder = tmp_path / "data"
        folder.mkdir()
        settings = tmp_path / "config.toml"
        settings.write_text(BY_KIND["ConfigMap"]["data"]["config.toml"])
        program = shutil.which("kubeagentix", path=str(Path(sys.executable).parent))
        assert program is not None
        done = subprocess.run(
            [program, *arguments(folder)],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(FILE.parents[1]),
                "HOME": str(tmp_path),
                "KUBECONFIG": str(tmp_path / "kubeconfig"),
                "KUBEAGENTIX_CONFIG": str(settings),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        check_written(folder)
        gaps = [line for line in (folder / "kubeagentix.prom").read_text().splitlines() if "kubeagentix_gaps " in line]
        refused = [gap.why for gap in kx.load(folder / "latest.snapshot").gaps if "403" in gap.why]
        assert (gaps[-1].startswith("kubeagentix_gaps "), refused) == (True, [])
