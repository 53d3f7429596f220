"""The image and compose.yaml in a real engine: whose the processes are, what they reach, and that no token is left."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.image.compose import COMPOSE, ON_HOST
from tests.image.engine import Engine, until
from tests.image.stage import LOGIN, OWNER, SCENARIO, SECRETS, Lab, answers, put_home
from tests.image.starting import in_compose

DEMO = ("kubeagentix", "dx", f"--demo={SCENARIO}")
IS_ROOT = os.getuid() == 0


def token_of(log: str) -> str:
    """The token of the address that JupyterLab prints."""
    found = re.search(r"http://127\.0\.0\.1:\d+/lab\S*\?token=(\w+)", log)
    assert found, log
    return found[1]


def test_jupyterlab_is_healthy_and_asks_for_its_token(engine: Engine, lab: Lab) -> None:
    if engine.is_podman:
        engine.said("healthcheck", "run", lab.container)
    else:
        until(
            lambda: engine.inspect("container", lab.container)["State"]["Health"]["Status"] == "healthy",
            lambda: engine.logs(lab.container),
        )
    log = engine.logs(lab.container)
    assert f"http://127.0.0.1:{lab.port}/lab" in log
    assert answers(lab.port, "/api/contents") == 403
    assert answers(lab.port, "/api/contents", "another") == 403
    assert answers(lab.port, "/api/contents/01-quickstart.ipynb", token_of(log)) == 200


def test_only_this_machine_gets_to_it(engine: Engine, lab: Lab) -> None:
    settings = engine.inspect("container", lab.container)["HostConfig"]["PortBindings"]
    assert {binding["HostIp"] for bindings in settings.values() for binding in bindings or ()} == {"127.0.0.1"}


def test_every_process_is_the_owners_of_the_mounted_files_without_a_capability(engine: Engine, lab: Lab) -> None:
    look = 'for p in /proc/[0-9]*; do [ "${p#/proc/}" = $$ ] || cat $p/cmdline $p/status | tr "\\0" " "; echo; done'
    told = [text for text in engine.inside(lab.container, "sh", "-c", look).split("\n\n") if "jupyterlab" in text]
    assert told
    for status in told:
        fields = dict(re.findall(r"^(\w+):\s+(.+)$", status, re.M))
        assert fields["Uid"].split() == [str(OWNER)] * 4
        assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert fields["NoNewPrivs"] == "1"


def test_the_hosts_cluster_is_reached_at_its_own_address(engine: Engine, lab: Lab) -> None:
    assert "ok" in engine.inside(lab.container, "kubectl", "get", "--raw", "/readyz")
    told = json.loads(engine.inside(lab.container, "kubeagentix", "dx", "-A", "--format", "json"))
    assert [item["root"]["kind"] for item in told["hypotheses"]] == ["Deployment"]
    assert "127.0.0.1" in engine.inside(lab.container, "kubectl", "cluster-info")


def test_a_notebook_runs_and_what_is_written_is_the_owners(engine: Engine, lab: Lab) -> None:
    as_owner = ("setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups")
    run = ("jupyter", "execute", "--output=/home/kubeagentix/notebooks/ran.ipynb", "notebooks/01-quickstart.ipynb")
    engine.inside(lab.container, *as_owner, *run)
    engine.inside(lab.container, *as_owner, "sh", "-c", "echo renewed >~/.claude/renewed && echo '{}' >~/.claude.json")
    seen = lab.home / ".claude" / "renewed"
    assert seen.read_text() == "renewed\n"
    assert seen.stat().st_uid == OWNER
    with pytest.raises(AssertionError, match="Read-only"):
        engine.inside(lab.container, *as_owner, "touch", "/home/kubeagentix/.kube/config")


def test_no_token_is_in_the_image_its_history_an_argument_list_the_log_or_a_notebook(engine: Engine, lab: Lab) -> None:
    arguments = engine.inside(lab.container, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    log = engine.logs(lab.container)
    seen = {
        "arguments": arguments,
        "log": log,
        "image": json.dumps(engine.inspect("image", engine.image)),
        "history": engine.said("history", "--no-trunc", engine.image),
        "notebooks": engine.inside(lab.container, "sh", "-c", "cat notebooks/*.ipynb"),
        "bridges": engine.inside(lab.container, "sh", "-c", "cat /proc/[0-9]*/comm"),
        "compose": COMPOSE.read_text() + ON_HOST.read_text(),
    }
    assert "jupyterlab" in arguments
    assert "socat" in seen["bridges"]
    for secret in (*SECRETS.values(), LOGIN, lab.cluster):
        assert [where for where, text in seen.items() if secret in text] == []
    assert token_of(log) not in arguments


def test_without_compose_it_is_no_root_and_holds_all_programs(engine: Engine) -> None:
    said = engine.run(command=["sh", "-c", f"id; claude --version; kubectl version --client; {' '.join(DEMO)}"])
    assert "uid=1000(kubeagentix) gid=0(root)" in said
    assert "(Claude Code)" in said
    assert "Client Version: v1." in said
    assert "1 root cause found" in said
    image = engine.inspect("image", engine.image)["Config"]
    assert image["User"] == "1000:0"
    assert not [entry for entry in image["Env"] if re.match(r"\w*(TOKEN|KEY|PROXY|CERT)\w*=", entry)]


def test_nothing_of_its_making_is_left_in_it(engine: Engine) -> None:
    look = "ls -A / /root /opt /mnt /srv /tmp; ls /etc/pip.conf /opt/kubeagentix/bin/pip* /usr/bin/pip* 2>/dev/null"
    said = engine.run("--user", "0:0", "--entrypoint", "sh", command=["-c", f"{look}; true"])
    usual = "bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var .dockerenv"
    shown = "/: /root: /opt: /mnt: /srv: /tmp: .bashrc .profile .ssh kubeagentix"
    assert set(said.split("time=")[0].split()) - {*usual.split(), *shown.split()} == set()


@pytest.mark.parametrize("ids", ["12345:0", "12345:12345"])
def test_any_user_can_run_it(engine: Engine, ids: str) -> None:
    said = engine.run(
        "--user", ids, command=["sh", "-c", f"id -u; touch x notebooks/x; claude --version; {' '.join(DEMO)}"]
    )
    assert said.startswith("12345\n")
    assert "1 root cause found" in said


def test_with_a_filesystem_that_cannot_be_written_it_says_where_it_keeps_things(engine: Engine) -> None:
    said = engine.run("--read-only", "--tmpfs", "/tmp", command=DEMO)
    assert "/home/kubeagentix cannot be written: what is kept goes to /tmp/" in said
    assert "1 root cause found" in said


def test_what_is_not_on_the_host_is_named_and_done_without(engine: Engine, tmp_path: Path) -> None:
    said = in_compose(engine, tmp_path, "sh", "-c", f"id -u; claude --version; {' '.join(DEMO)}")
    assert "~/.claude ~/.claude.json" in said
    assert re.search(r"\.kube is an empty folder", said)
    assert "1 root cause found" in said
    assert said.startswith("1000\n") or not IS_ROOT


def test_on_the_hosts_network_its_own_address_is_the_clusters(engine: Engine, cluster: Path, tmp_path: Path) -> None:
    put_home(tmp_path, cluster.read_text())
    files = (COMPOSE, ON_HOST)
    said = in_compose(engine, tmp_path, "kubeagentix", "dx", "-A", files=files)
    assert "1 root cause found" in said
