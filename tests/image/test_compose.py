"""compose.yaml and compose.host.yaml as `run` gets them, without an engine."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.image.compose import COMPOSE, ON_HOST, ROOT, Service

HOST = {"HOME": "/home/me", "KUBECONFIG": "/home/me/one:/home/me/two"}
OF_THE_HOST = {"CLAUDE_CODE_CLI_PATH", "CLAUDE_CODE_CONFIG_DIR"}  # paths, which mean nothing in the container


def pairs(arguments: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(arguments) if name == option]


def test_the_port_is_this_machines_and_the_one_that_is_printed() -> None:
    run = Service([COMPOSE], HOST).run()
    assert pairs(run.arguments, "--publish") == ["127.0.0.1:8888:8888"]
    assert run.command[-3:] == ["--port", "8888", "--no-browser"]
    run = Service([COMPOSE], {**HOST, "KUBEAGENTIX_PORT": "9000"}).run()
    assert pairs(run.arguments, "--publish") == ["127.0.0.1:9000:9000"]
    assert run.command[-3:] == ["--port", "9000", "--no-browser"]
    assert "KUBEAGENTIX_PORT=9000" in run.arguments  # which the health check asks


def test_on_the_hosts_network_it_listens_on_loopback_only() -> None:
    run = Service([COMPOSE, ON_HOST], HOST).run()
    assert pairs(run.arguments, "--network") == ["host"]
    assert pairs(run.arguments, "--publish") == []
    assert run.command[run.command.index("--ip") + 1] == "127.0.0.1"


def test_files_are_mounted_from_home_and_the_kubeconfig_read_only() -> None:
    run = Service([COMPOSE], HOST).run()
    assert pairs(run.arguments, "--volume") == [
        "/home/me/.kube:/home/kubeagentix/.kube:ro",
        "/home/me/.claude:/home/kubeagentix/.claude",
        "/home/me/.claude.json:/home/kubeagentix/.claude.json",
        "kubeagentix_notebooks:/home/kubeagentix/notebooks",
    ]


def test_variables_go_by_name_but_for_the_hosts_paths_and_the_port() -> None:
    given = {entry for entry in pairs(Service([COMPOSE], HOST).run().arguments, "--env") if "=" in entry}
    assert given == {
        "KUBEAGENTIX_PORT=8888",
        "KUBEAGENTIX_HOST_HOME=/home/me",
        "KUBEAGENTIX_HOST_KUBECONFIG=/home/me/one:/home/me/two",
    }


def test_where_windows_has_no_home_its_profile_is_the_home() -> None:
    service = Service([COMPOSE], {"USERPROFILE": r"C:\Users\me", "HOME": ""})
    assert r"KUBEAGENTIX_HOST_HOME=C:\Users\me" in service.run().arguments


def test_every_documented_variable_is_passed_on() -> None:
    rows = re.findall(r"^\| (`[A-Z].*?) \|", (ROOT / "README.md").read_text(), re.M)
    documented = set(re.findall(r"\b[A-Z][A-Z_]{5,}\b", " ".join(rows))) - OF_THE_HOST
    assert "CLAUDE_CODE_OAUTH_TOKEN" in documented
    passed = {entry.partition("=")[0] for entry in pairs(Service([COMPOSE], HOST).run().arguments, "--env")}
    assert documented - passed == set()


def test_it_has_no_more_rights_than_it_takes_to_become_the_owner() -> None:
    arguments = Service([COMPOSE], HOST).run().arguments
    assert pairs(arguments, "--cap-drop") == ["ALL"]
    assert pairs(arguments, "--cap-add") == ["CHOWN", "SETGID", "SETPCAP", "SETUID"]
    assert pairs(arguments, "--security-opt") == ["no-new-privileges:true", "label=disable"]


def test_what_is_not_understood_fails(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    for lines, error in (("command: one\n    privileged: true", KeyError), ("command: $OTHER", ValueError)):
        file.write_text(f"services:\n  one:\n    volumes: []\n    {lines}\n")
        with pytest.raises(error):
            Service([file], HOST).run()
