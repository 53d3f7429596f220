"""`kubeagentix dx` over a saved snapshot and over the demo cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kubeagentix.cli.app import main
from kubeagentix.cluster import archive
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.testing import snapshot_of


def test_the_table_says_what_is_broken(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "--snapshot", broken]) == 0
    text = capsys.readouterr().out
    assert "found in all namespaces (cluster test)\n" in text
    assert "shop/web" in text


def test_json_is_one_object(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "deploy", "web", "-n", "shop", "--snapshot", broken, "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema_version"] == 1
    assert data["target"] == {"kind": "Deployment", "namespace": "shop", "name": "web"}
    assert data["hypotheses"]


@pytest.mark.parametrize(("format_name", "sign"), [("markdown", "## Quick Dx"), ("html", "<div")])
def test_other_formats(broken: str, format_name: str, sign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "--snapshot", broken, "--format", format_name]) == 0
    assert capsys.readouterr().out.startswith(sign)


@pytest.mark.parametrize(
    ("fixture", "threshold", "code"),
    [("broken", "critical", 1), ("broken", "info", 1), ("fine", "info", 0), ("broken", None, 0)],
)
def test_fail_on_decides_the_exit_code(
    fixture: str, threshold: str | None, code: int, request: pytest.FixtureRequest
) -> None:
    options = ["--fail-on", threshold] if threshold else []
    assert main(["dx", "--snapshot", request.getfixturevalue(fixture), *options]) == code


def test_fail_on_passes_over_what_is_ignored(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["dx", "--snapshot", broken, "--fail-on", "info"]
    assert main([*words, "--ignore", "namespace=shop,until=2026-12-31,why=known"]) == 0
    text = capsys.readouterr().out
    assert "Nothing is wrong in all namespaces but for" in text
    assert "by namespace=shop, until 2026-12-31: known" in text
    assert main([*words, "--ignore", "OOMKilled"]) == 1
    assert "reason=OOMKilled (--ignore 'OOMKilled') ignores nothing here" in capsys.readouterr().out


def test_nothing_wrong_says_so(fine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "--snapshot", fine]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Nothing is wrong in all namespaces (cluster test)\n")
    assert "Read 1 object: ConfigMap 1." in text


def test_a_namespace_that_the_snapshot_does_not_hold_is_no_healthy_one(
    broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dx", "-n", "shpo", "--snapshot", broken]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    message = "error: the snapshot does not hold namespace 'shpo'; did you mean shop? namespaces: shop\n"
    assert captured.err == message


@pytest.mark.parametrize("format_name", ["table", "json"])
def test_nothing_read_is_shown_and_is_no_success(
    format_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "blind.snapshot")
    gap = Gap(what="pods", why="403 Forbidden for user dev: ask for list on pods")
    archive.save(replace(snapshot_of(), gaps=(gap,)), file)
    assert main(["dx", "--snapshot", file, "--format", format_name]) == 2
    captured = capsys.readouterr()
    assert "403 Forbidden" in captured.out
    assert captured.err.startswith("error: nothing could be read, such as pods: 403 Forbidden for user dev")


def test_output_goes_to_the_file_alone(broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.md"
    file.write_text("old")
    assert main(["dx", "--snapshot", broken, "--format", "markdown", "--output", str(file)]) == 0
    assert file.read_text().startswith("## Quick Dx")
    assert capsys.readouterr().out == ""
    assert [path.name for path in tmp_path.iterdir() if "report" in path.name] == ["report.md"]


def test_output_without_its_folder_is_said_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "--snapshot", "nowhere", "--output", str(tmp_path / "gone" / "x.md")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_an_unknown_object_gets_the_nearest_names(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "deploy/wep", "--snapshot", broken]) == 2
    assert capsys.readouterr().err == (
        "error: there is no Deployment 'wep' in any namespace; did you mean web?\n"
    )  # fmt: skip


def test_a_damaged_snapshot_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "damaged"
    file.write_bytes(b"\x1f\x8b nothing of the kind")
    assert main(["dx", "--snapshot", str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_demo_cluster_with_one_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "--demo", "image-tag-not-found", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["hypotheses"][0]["findings"]
    assert data["target"]["namespace"] is None


def test_a_target_in_the_demo_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "deploi/such", "--demo=image-tag-not-found"]) == 2
    assert "unknown kind 'deploi'; did you mean deploy" in capsys.readouterr().err


def test_a_pin_that_pins_nobody_is_refused(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "--snapshot", broken, "--pin"]) == 2
    assert capsys.readouterr().err == (
        "error: --pin does nothing without --provider; name whom to ask, or leave it out\n"
    )


@pytest.mark.parametrize(
    ("options", "is_named"), [([], True), (["--anonymize"], False), (["--no-anonymize"], True)], ids=str
)
def test_the_payload_is_shown_and_nothing_is_sent(
    broken: str,
    options: list[str],
    is_named: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
    words = ["dx", "-n", "shop", "--snapshot", broken, "--provider", "openai", "--show-payload", *options]
    assert main(words) == 0
    text = capsys.readouterr().out
    shown = json.loads(text)
    assert shown["to"] == "POST https://api.openai.com/v1/responses"
    assert shown["note"].startswith("Nothing was sent.")
    assert shown["headers"]["authorization"] == "(hidden)"
    assert "dummy-key" not in text
    assert ("Deployment shop/web" in text) is is_named


@pytest.mark.parametrize("option", ["--anonymize", "--show-payload"])
def test_what_is_about_models_needs_one(broken: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dx", "--snapshot", broken, option]) == 2
    assert capsys.readouterr().err.startswith(f"error: {option} ")
