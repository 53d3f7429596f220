"""`kubeagentix fleet` over demo clusters, and what it says to careless words."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubeagentix import sync
from kubeagentix.cli.app import main
from kubeagentix.demo.running import start_demo


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the kubeconfigs of a broken cluster and of a healthy one, and with a torn file."""
    folder = tmp_path_factory.mktemp("fleet")
    demos = {"broken": sync.run(start_demo(["image-tag-not-found"])), "fine": sync.run(start_demo(["healthy-batch"]))}
    for name, demo in demos.items():
        demo.write_kubeconfig(folder / name)
    yield folder
    for demo in demos.values():
        sync.run(demo.close())


@pytest.fixture
def folder(running: Path, tmp_path: Path) -> str:
    for file in running.iterdir():
        (tmp_path / file.name).write_text(file.read_text())
    return str(tmp_path)


def test_the_table_tells_incidents_and_what_was_not_seen(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(folder, "torn").write_text("clusters: [")
    assert main(["fleet", "--kubeconfig-dir", folder]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("3 clusters: 1 incident in 1 of them, 1 could not be asked\n")
    assert "ImagePullBackOff/TagNotFound of image registry.example.com/" in captured.out
    assert f"kubectl --kubeconfig={folder}/broken --context=demo describe" in captured.out
    assert "not seen  torn: the kubeconfig" in captured.out
    assert captured.err == ""


def test_json_and_markdown(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "--kubeconfig-dir", folder, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert [item["clusters"] for item in document["incidents"]] == [["broken"]]
    assert [item["is_read"] for item in document["clusters"]] == [True, True]
    assert {"cluster", "root", "reason"} <= document["incidents"][0]["affected"][0].keys()
    page = Path(folder).parent / "report.html"
    assert main(["fleet", "--kubeconfig-dir", folder, "--format", "html", "--output", str(page)]) == 0
    assert page.read_text().startswith("<div ")
    output = Path(folder, "report.md")
    assert main(["fleet", "--kubeconfig-dir", folder, "--format", "markdown", "--output", str(output)]) == 0
    assert output.read_text().startswith("## Quick Dx of a fleet\n")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("context", "code"), [("broken", 1), ("fine", 0)])
def test_fail_on_decides_the_exit_code(folder: str, context: str, code: int) -> None:
    assert main(["fleet", "--kubeconfig-dir", folder, "--contexts", context, "--fail-on", "warning"]) == code


def test_what_is_ignored_is_no_incident(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fleet", "--kubeconfig-dir", folder, "--fail-on", "warning", "--ignore", "ImagePullBackOff*"]
    assert main([*words, "--contexts", "broken", "--executor", "threads"]) == 0
    assert "nothing wrong was seen" in capsys.readouterr().out


def test_nothing_read_is_shown_and_is_no_success(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "--kubeconfig-dir", folder, "--contexts", "prod"]) == 2
    captured = capsys.readouterr()
    assert "not seen  prod: no context is called 'prod'" in captured.out
    assert captured.err.startswith("error: no cluster could be read, such as prod: no context is called 'prod'")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no cluster is named; give --contexts A,B or --all-contexts or --kubeconfig-dir DIR"),
        (["--all-contexts", "--contexts", "a"], "contexts and all_contexts exclude each other"),
        (["--kubeconfig-dir", "/nowhere"], "cannot read the folder /nowhere"),
        (["--all-contexts", "--workers", "0"], "workers= is 0"),
        (["--all-contexts", "--workers", "x"], "argument --workers: invalid int value"),
        (["--all-contexts", "--deadline", "-5"], "deadline_s= is -5"),
        (["--all-contexts", "--dask", "tcp://x", "--executor", "threads"], "--dask and --executor exclude each other"),
        (["--all-contexts", "--format", "pdf"], "invalid choice"),
        (["--all-contexts", "--output", "/nowhere/x"], "there is no folder /nowhere"),
    ],
)
def test_careless_words_are_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = {"server": "https://127.0.0.1:1"}
    document = {
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": ""}}],
        "clusters": [{"name": "a", "cluster": cluster}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(document))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert main(["fleet", *words]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_ctrl_c_shows_what_is_there(running: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        document = yaml.safe_load((running / "fine").read_text())
        document["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{silent.getsockname()[1]}"
        config = running / ".held"  # no file of the folder's
        config.write_text(yaml.safe_dump(document))
        words = ["fleet", "--all-contexts", "--kubeconfig", str(config), "--executor", "processes"]
        process = subprocess.Popen(
            [sys.executable, "-m", "kubeagentix", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        silent.settimeout(60)
        connection, _ = silent.accept()  # its worker is at it
        with connection:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out.startswith("1 cluster: it could not be asked (broken off)\n")
    assert "the sweep was interrupted before it answered" in out
    assert err == ""
