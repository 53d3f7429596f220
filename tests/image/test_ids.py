"""As whom a container runs, whose files are the host's and the notebooks, and what each start or `exec` gets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.image.compose import COMPOSE
from tests.image.engine import Engine, until
from tests.image.stage import OWNER, Lab, put_home
from tests.image.starting import composed, in_compose

IS_ROOT = os.getuid() == 0
NOTEBOOKS = "/home/kubeagentix/notebooks"
IDS = ("sh", "-c", "id -u; id -g; grep -h CapBnd /proc/self/status /proc/1/status")
NO_RIGHT = "CapBnd:\t0000000000000000\n" * 2
# As a tool that withholds what is not kubectl's business from it.
CLEANED = ("sh", "-c", 'env -i HOME="$HOME" PATH="$PATH" kubectl version --client && command -v kubectl')

as_root = pytest.mark.skipif(not IS_ROOT, reason="files of others can be made by root only")


def own(home: Path, uid: int, *names: str) -> None:
    """Gives these, or all of a home, to a user."""
    for path in map(home.joinpath, names) if names else (home, *home.rglob("*")):
        os.chown(path, uid, uid)


def told(said: str) -> list[str]:
    """The lines that the start has told."""
    return [line for line in said.splitlines() if line.startswith("kubeagentix: ")]


def failure(engine: Engine, *arguments: str) -> str:
    with pytest.raises(AssertionError) as failed:
        engine.run(*arguments, command=["true"])
    return str(failed.value)


@pytest.mark.parametrize("is_composed", [False, True])
def test_told_to_stop_it_ends_by_itself(engine: Engine, tmp_path: Path, *, is_composed: bool) -> None:
    put_home(tmp_path, "")
    with composed(engine, tmp_path, (COMPOSE,), {}) as (run, environ):
        try:
            if is_composed:
                container = engine.start(*run.arguments, command=run.command, environ=environ)
            else:
                container = engine.start()
            until(lambda: "?token=" in engine.logs(container), lambda: engine.logs(container))
            engine.said("stop", "--time", "60", container)
            assert "received signal 15, stopping" in engine.logs(container)
            assert engine.inspect("container", container)["State"]["ExitCode"] == 0
            assert "forwarding signal" not in engine.logs(container)
        finally:
            engine.close_one(container)


@as_root
@pytest.mark.parametrize(
    ("roots", "expected"),
    [
        ((), OWNER),
        ((".claude", ".claude/.credentials.json", ".claude.json"), OWNER),
        ((".kube", ".kube/config"), OWNER),
        ((".",), 0),
    ],
)
def test_it_is_the_owner_of_the_files_and_root_where_all_are_roots(
    engine: Engine, tmp_path: Path, roots: Sequence[str], expected: int
) -> None:
    put_home(tmp_path, "")
    own(tmp_path, 0, *(() if roots == (".",) else roots or ("..",)))
    said = in_compose(engine, tmp_path, "sh", "-c", f"{IDS[2]}; cat ~/.kube/config ~/.claude/.credentials.json; true")
    assert said.startswith(f"{expected}\n{expected}\n{NO_RIGHT}")
    assert ("claudeAiOauth" in said) == (".claude" not in roots)
    assert ("can be read by uid 0 only, and this is uid" in said) == bool(roots and expected)


@as_root
def test_empty_folders_of_roots_do_not_make_it_root(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / ".claude").mkdir()
    assert in_compose(engine, tmp_path, *IDS).startswith(f"1000\n0\n{NO_RIGHT}")
    (tmp_path / ".claude" / "settings.json").write_text("{}")
    assert in_compose(engine, tmp_path, *IDS).startswith(f"0\n0\n{NO_RIGHT}")


def test_ids_can_be_chosen(engine: Engine, tmp_path: Path) -> None:
    put_home(tmp_path, "")
    said = in_compose(engine, tmp_path, *IDS, KUBEAGENTIX_UID="4321", KUBEAGENTIX_GID="55")
    assert said.startswith(f"4321\n55\n{NO_RIGHT}")


def test_kubectl_is_the_real_one_below_a_program_that_cleans_the_environment(engine: Engine, tmp_path: Path) -> None:
    for said in (in_compose(engine, tmp_path, *CLEANED, KUBEAGENTIX_UID="0"), engine.run(command=CLEANED)):
        assert "Client Version: v1." in said
        assert "/opt/kubeagentix/bin/kubectl" in said
    login = "env -i HOME=$HOME bash -lc 'kubectl version --client && python -c \"import kubeagentix\"'"
    assert "Client Version: v1." in in_compose(engine, tmp_path, "sh", "-c", login, KUBEAGENTIX_UID="0")


def test_without_root_outside_it_is_whoever_has_started_it(engine: Engine, tmp_path: Path) -> None:
    if not (engine.is_podman and IS_ROOT):
        pytest.skip("only podman, as root, gives one container ids of its own")
    put_home(tmp_path, "")
    own(tmp_path, 100000)
    ids = ("--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", "--user", "0:0")
    mounts = ("--volume", f"{tmp_path}/.kube:/home/kubeagentix/.kube:ro")
    said = engine.run(*ids, *mounts, command=["sh", "-c", f"{IDS[2]}; {CLEANED[2]}"])
    assert said.startswith(f"0\n0\n{NO_RIGHT}")
    assert "/opt/kubeagentix/bin/kubectl" in said


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--user", "0:0", "--env", "KUBEAGENTIX_UID=abc"],
            r"KUBEAGENTIX_UID and KUBEAGENTIX_GID are numbers, .*'abc'",
        ),
        (
            ["--user", "0:0", "--env", "KUBEAGENTIX_UID=99999999999"],
            "it cannot become uid 99999999999 .*choose other ids",
        ),
        (
            ["--user", "0:0", "--cap-drop", "ALL", "--cap-add", "SETUID"],
            "give it the capabilities that compose.yaml has",
        ),
        (["--read-only"], r"nothing can be written in here: .*--tmpfs /tmp"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(engine: Engine, arguments: list[str], line: str) -> None:
    if engine.is_podman and "--read-only" in arguments:
        arguments = [*arguments, "--read-only-tmpfs=false"]
    said = failure(engine, *arguments)
    (only,) = told(said)
    assert re.search(line, only)
    assert not re.search("setpriv:|mktemp:|chown:", said)


def test_root_without_any_capability_stays_who_it_is(engine: Engine) -> None:
    said = engine.run(
        "--user", "0:0", "--cap-drop", "ALL", command=["sh", "-c", f"id -u; {CLEANED[2]}; touch x notebooks/x"]
    )
    assert said.startswith("0\n")
    assert "Client Version: v1." in said
    assert not re.search("setpriv|chown|cannot", said)


@pytest.fixture
def volume(engine: Engine) -> Iterator[str]:
    name = f"kx-test-{os.getpid()}-notebooks"
    yield name
    engine.remove([name])


def as_user(engine: Engine, uid: int, notebooks: str, shell: str) -> str:
    """What a shell prints beside the notebooks, as compose.yaml starts it with KUBEAGENTIX_UID."""
    rights = [word for name in ("CHOWN", "SETGID", "SETPCAP", "SETUID") for word in ("--cap-add", name)]
    ids = ("--env", f"KUBEAGENTIX_UID={uid}", "--env", f"KUBEAGENTIX_GID={uid}")
    mount = ("--volume", f"{notebooks}:{NOTEBOOKS}")
    return engine.run(
        "--user", "0:0", "--cap-drop", "ALL", *rights, *ids, *mount, command=["sh", "-c", f"cd notebooks; {shell}"]
    )


def test_a_volume_of_notebooks_goes_to_whoever_runs_it_next(engine: Engine, volume: str) -> None:
    as_user(engine, 4321, volume, "mkdir -m 700 own own/more && echo of-mine >own/more/x && chmod 600 own/more/x")
    for uid in (5432, 0, 4321):
        assert as_user(engine, uid, volume, "cat own/more/x && touch own/x y own/more/x").startswith("of-mine\n")
        said = as_user(engine, uid, volume, "find . -printf '%U\\n'")
        assert set(re.findall(r"^\d+$", said, re.M)) == {str(uid)}


@as_root
def test_a_folder_of_the_hosts_for_the_notebooks_is_left_alone(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "mine.ipynb").write_text("{}")
    own(tmp_path, 1000)
    tmp_path.chmod(0o755)
    said = as_user(engine, 4321, str(tmp_path), "id -u")
    assert "~/notebooks can be written by uid 1000 only, and this is uid 4321: set KUBEAGENTIX_UID" in said
    assert {path.stat().st_uid for path in (tmp_path, *tmp_path.iterdir())} == {1000}


def test_every_program_of_ours_is_the_owners_beside_it_too(engine: Engine, lab: Lab) -> None:
    for python in ("python", "python3"):
        shown = "import os, kubeagentix; print(os.getuid(), os.environ['KUBECONFIG'])"
        assert engine.inside(lab.container, python, "-c", shown) == f"{OWNER} /tmp/kubeagentix-{OWNER}/kubeconfig\n"
    assert "(Claude Code)" in engine.inside(lab.container, "claude", "--version")
    assert f":{lab.port}/" in engine.inside(lab.container, "jupyter", "server", "list")


def test_a_kubeconfig_that_is_named_beside_it_is_used(engine: Engine, lab: Lab) -> None:
    engine.inside(lab.container, "sh", "-c", "echo 'current-context: other' >/tmp/other.yaml")
    shown = (lab.container, "kubectl", "config", "current-context")
    assert engine.said("exec", "--env", "KUBECONFIG=/tmp/other.yaml", *shown) == "other\n"
    assert engine.said("exec", *shown) != "other\n"


def test_beside_a_start_with_a_kubeconfig_the_prepared_one_is_used(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("current-context: given\n")
    tmp_path.chmod(0o755)
    given = ("--env", "KUBECONFIG=/given/config", "--volume", f"{tmp_path}:/given:ro")
    container = engine.start(*given, command=["sh", "-c", "echo begun; sleep 600"])
    until(lambda: "begun" in engine.logs(container), lambda: engine.logs(container))
    look = "import os; print(os.environ['KUBECONFIG'])"
    assert engine.inside(container, "python", "-c", look) == "/tmp/kubeagentix-1000/kubeconfig\n"
    assert engine.inside(container, "kubectl", "config", "current-context") == "given\n"
    engine.close_one(container)
