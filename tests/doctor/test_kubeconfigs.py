"""Each file of the kubeconfig, its current context, and what that names."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeagentix.cluster.kubeconfig import list_contexts
from kubeagentix.container.__main__ import prepare
from kubeagentix.container.kubeconfigs import read_kubeconfigs
from kubeagentix.container.places import Homes, sources
from kubeagentix.container.state import State
from kubeagentix.doctor import container, kubeconfigs
from tests.another_user import as_another
from tests.cluster.conftest import FakeApi, Issued
from tests.doctor.seeing import only, seen


def write(folder: Path, users: dict[str, dict[str, Any]], current: str = "", name: str = "config") -> Path:
    """A kubeconfig with a context, a cluster and a user for each of `users`."""
    path = folder / name
    document = {
        "current-context": current,
        "contexts": [{"name": user, "context": {"cluster": user, "user": user}} for user in users],
        "clusters": [{"name": user, "cluster": {"server": f"https://{user}.example:6443"}} for user in users],
        "users": [{"name": user, "user": fields} for user, fields in users.items()],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def test_none_at_all_is_not_there() -> None:
    (result,) = seen(kubeconfigs.check)
    assert (result.state, result.code) == ("not there", "none")
    assert "kubeagentix demo" in result.do


def test_the_usual_file_is_found_and_shown_as_people_write_it(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube", {"dev": {"token": "dummy"}}, "dev")
    found = seen(kubeconfigs.check)
    assert only(found, "~/.kube/config").seen == "1 context"
    assert only(found, "current context dev").seen == "https://dev.example:6443 as dev"


def test_a_file_of_the_variable_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    monkeypatch.setenv("KUBECONFIG", str(gone))
    (result,) = seen(kubeconfigs.check)
    assert (result.state, result.code, result.seen) == (
        "failed",
        "missing",
        "is named by KUBECONFIG and does not exist",
    )
    there = write(tmp_path, {"dev": {}}, "dev")
    monkeypatch.setenv("KUBECONFIG", f"{gone}{os.pathsep}{there}")
    found = seen(kubeconfigs.check)
    assert only(found, "gone").state == "warning"
    assert only(found, "current context dev").state == "ok"


@pytest.mark.parametrize("text", ["a: [", "- 1", "contexts: 3", "\x00", "contexts: [{}]"])
def test_a_broken_file_fails_with_its_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    (result,) = seen(kubeconfigs.check, kubeconfig=str(path))
    assert result.state == "failed"
    assert result.what == "~/config"


def test_a_folder_in_place_of_the_file_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".kube/config").mkdir(parents=True)
    found = only(seen(kubeconfigs.check), "~/.kube/config")
    assert (found.state, found.code, found.seen) == ("failed", "folder", "is an empty folder")


def test_an_empty_file_holds_no_context(tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    found = seen(kubeconfigs.check, kubeconfig=str(tmp_path / "config"))
    assert only(found, "~/config").state == "warning"
    assert only(found, "current context").seen == "none is set"


def test_a_current_context_that_is_not_there_fails_with_the_nearest(tmp_path: Path) -> None:
    result = only(seen(kubeconfigs.check, kubeconfig=str(write(tmp_path, {"dev": {}}, "dov"))), "current context dov")
    assert result.state == "failed"
    assert "did you mean dev?" in result.do


def test_a_missing_plugin_or_file_fails_for_the_current_context_and_warns_for_others(tmp_path: Path) -> None:
    users: dict[str, dict[str, Any]] = {
        "eks": {"exec": {"command": "no-such-plugin"}},
        "old": {"client-certificate": "gone.crt"},
        "dev": {},
    }
    found = seen(kubeconfigs.check, kubeconfig=str(write(tmp_path, users, "eks")))
    assert only(found, "current context eks").state == "failed"
    assert "no-such-plugin" in only(found, "current context eks").seen
    assert only(found, "context old").state == "warning"
    assert "gone.crt" in only(found, "context old").seen
    assert not [result for result in found if "dev" in result.what]


def test_others_that_are_fine_are_one_line_and_many_broken_ones_are_cut(tmp_path: Path) -> None:
    fine = seen(kubeconfigs.check, kubeconfig=str(write(tmp_path, {f"c{n}": {} for n in range(20)}, "c0")))
    assert only(fine, "other contexts").seen.startswith("19, ")
    broken = {f"c{n}": {"tokenFile": "gone"} for n in range(20)}
    path = str(write(tmp_path, {"a": {}, **broken}, "a"))
    assert only(seen(kubeconfigs.check, kubeconfig=path), "other contexts").seen == "14 more cannot be used"
    everyone = seen(kubeconfigs.check, kubeconfig=path, all_contexts=True)
    assert len([result for result in everyone if result.state == "failed"]) == 20


def test_a_client_certificate_is_told_before_and_after_its_end(
    api: FakeApi, issue: Callable[..., Issued], tmp_path: Path
) -> None:
    def with_certificate(days: int) -> str:
        certificate, key = issue("dev", days=days).write(tmp_path, "dev")
        return str(api.kubeconfig(tmp_path, user={"client-certificate": str(certificate), "client-key": str(key)}))

    ok = only(seen(kubeconfigs.check, kubeconfig=with_certificate(30)), "current context lab")
    assert (ok.state, "certificate valid until" in ok.seen) == ("ok", True)
    soon = only(seen(kubeconfigs.check, kubeconfig=with_certificate(2)), "current context lab")
    assert (soon.state, soon.code) == ("warning", "expires_soon")
    past = only(seen(kubeconfigs.check, kubeconfig=with_certificate(-1)), "current context lab")
    assert past.state == "failed"
    assert "expired on" in past.seen


def test_a_password_in_the_address_is_not_shown(tmp_path: Path) -> None:
    path = write(tmp_path, {"dev": {}}, "dev")
    path.write_text(path.read_text().replace("https://dev.", "https://me:pw@dev."))
    assert "pw" not in repr(seen(kubeconfigs.check, kubeconfig=str(path)))


def test_a_pipe_is_read_once_and_one_that_nobody_writes_to_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = write(tmp_path, {"dev": {}}, "dev").read_text()
    writer = threading.Thread(target=lambda: pipe.write_text(text), daemon=True)
    writer.start()
    assert only(seen(kubeconfigs.check, kubeconfig=str(pipe)), "current context dev").state == "ok"
    writer.join()
    monkeypatch.setattr(kubeconfigs, "READ_S", 0.1)
    dead = seen(kubeconfigs.check, kubeconfig=str(pipe))
    assert [(result.what, result.state) for result in dead] == [("~/pipe", "ok"), ("kubeconfig", "failed")]
    assert dead[1].seen == "it could not be read within 0.1 s"
    with pipe.open("w"):  # the thread that still waits for it may end
        pass


def test_a_file_that_hangs_is_told_beside_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hangs(path: Path) -> Any:
        return released.wait(60) if path.name == "slow" else list_contexts(path)

    monkeypatch.setattr(kubeconfigs, "READ_S", 0.1)
    monkeypatch.setattr(kubeconfigs, "list_contexts", hangs)
    slow, fine = write(tmp_path, {"a": {}}, "a", name="slow"), write(tmp_path, {"b": {}}, name="fine")
    monkeypatch.setenv("KUBECONFIG", f"{slow}{os.pathsep}{fine}")
    found = seen(kubeconfigs.check)
    released.set()
    assert (only(found, "~/slow").code, only(found, "~/fine").state) == ("timeout", "ok")


def test_a_folder_of_somebody_else_is_told_with_its_owner(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    path = write(tmp_path / ".kube", {"dev": {}}, "dev")
    for kubeconfig in (None, str(path)):
        seen(kubeconfigs.check, kubeconfig=kubeconfig)  # so that all is loaded
        with as_another(tmp_path / ".kube"):
            (result,) = seen(kubeconfigs.check, kubeconfig=kubeconfig)
        assert (result.what, result.state, result.code) == ("~/.kube/config", "failed", "unreadable")
        assert " belongs to " in result.seen


def test_a_context_with_fields_of_another_type_leaves_the_others(tmp_path: Path) -> None:
    users: dict[str, dict[str, Any]] = {"a": {}, "odd": {"tokenFile": "x" * 300}, "odder": {"exec": [1]}, "c": {}}
    found = seen(kubeconfigs.check, kubeconfig=str(write(tmp_path, users, "a")))
    assert {result.what: result.state for result in found} == {
        "~/config": "ok",
        "current context a": "ok",
        "context odd": "warning",
        "context odder": "warning",
    }


def test_what_the_image_has_made_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bridges.json").write_text("{}")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    (none,) = seen(kubeconfigs.check)
    assert (none.state, none.code) == ("not there", "none")
    write(tmp_path, {"dev": {}}, "dev", name="kubeconfig")
    assert only(seen(kubeconfigs.check), "~/kubeconfig").seen.endswith("made of the host's when the container started")


def _tab(path: Path) -> None:
    path.write_text("\tcontexts: []\n")


def _utf_16(path: Path) -> None:
    path.write_text("contexts: []\n", encoding="utf-16")


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate((16 << 20) + 1)


def _link(path: Path) -> None:
    path.symlink_to("/no/such/file")


def _folder(path: Path) -> None:
    (path / "inner").mkdir(parents=True)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_tab, "is none: no YAML at line 1, column 1: a tab"),
        (_utf_16, "is none: it is no text"),
        (_large, "holds more than 16 MiB"),
        (_link, "is a link to /no/such/file, which is not in the container"),
        (_folder, "is a folder"),
    ],
)
def test_one_that_was_broken_as_the_container_started_fails_with_its_fault(
    make: Callable[[Path], None], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".kube").mkdir()
    make(tmp_path / ".kube/config")
    kubeconfig, bridges = prepare({"HOME": str(tmp_path)}, ["true"], tmp_path)
    bridges.close()
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    (result,) = seen(kubeconfigs.check)
    assert (result.state, result.code) == ("failed", "unusable")
    assert told in result.seen
    assert result.do
    (tmp_path / ".dockerenv").touch()
    assert not [item for item in seen(container.check, root=tmp_path) if item.what == "as it started"]


def test_one_of_somebody_else_as_the_container_started_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube", {"dev": {}}, "dev")
    homes = Homes(tmp_path)
    with as_another(tmp_path / ".kube"):
        merged = read_kubeconfigs(sources({}, homes), homes)
    State(tmp_path, tmp_path / "kubeconfig", notes=merged.notes).write()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    (result,) = seen(kubeconfigs.check)
    assert (result.state, "cannot be read by user" in result.seen) == ("failed", True)


def test_none_at_all_as_the_container_started_is_still_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig, bridges = prepare({"HOME": str(tmp_path)}, ["true"], tmp_path)
    bridges.close()
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    assert [result.state for result in seen(kubeconfigs.check)] == ["not there"]


def test_names_of_others_are_shown_on_one_line(tmp_path: Path) -> None:
    name = "esc\x1b[31mRED\nkubeagentix: forged"
    path = write(tmp_path, {name: {"tokenFile": "a\n\x1b[2Jb"}}, name)
    for result in seen(kubeconfigs.check, kubeconfig=str(path)):
        assert (result.what + result.seen + result.do).isprintable()
