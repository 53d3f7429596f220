"""A second program in the same container, as `docker exec … kubeagentix doctor`, beside the one that prepared it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from .conftest import ENOUGH_S, Box, Serve, config, free_port, socats


def second(box: Box, *command: str, **environ: str) -> str:
    words = [sys.executable, "-m", "kubeagentix.container", "--", *command]
    done = subprocess.run(
        words, env={**box.environ, **environ}, capture_output=True, text=True, check=True, timeout=ENOUGH_S
    )
    return done.stdout


def test_it_uses_what_was_prepared_and_changes_nothing_of_it(box: Box) -> None:
    box.write(config({"down": {"server": f"https://127.0.0.1:{free_port()}"}}))
    with box.ready():
        before = (box.kubeconfig.read_text(), socats(box), box.state()["pid"])
        assert second(box, "sh", "-c", "echo $KUBECONFIG") == f"{box.kubeconfig}\n"
        assert (box.kubeconfig.read_text(), socats(box), box.state()["pid"]) == before


def test_one_with_a_kubeconfig_of_its_own_gets_that_elsewhere(box: Box, serve: Serve, tmp_path: Path) -> None:
    box.write(config({"down": {"server": f"https://127.0.0.1:{free_port()}"}}))
    own = box.write(config({"own": serve().cluster("https://127.0.0.1:PORT")}), "own")
    with box.ready():
        before = (box.kubeconfig.read_text(), box.state()["pid"])
        seen = second(box, "sh", "-c", "echo $KUBECONFIG; cat $KUBECONFIG", KUBECONFIG=str(own))
        path, _, text = seen.partition("\n")
        assert yaml.safe_load(text)["current-context"] == "own"
        assert (box.kubeconfig.read_text(), box.state()["pid"]) == before
    assert not Path(path).parent.exists()


def test_what_an_earlier_start_has_left_is_prepared_anew(box: Box) -> None:
    box.write(config({"a": {"server": "https://a.example:6443"}}))
    box.run("true")
    box.write(config({"b": {"server": "https://b.example:6443"}}))
    box.run("true")
    assert list(box.clusters()) == ["b"]
