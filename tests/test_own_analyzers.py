"""Analyzers of one's own: from a cell, from an installed package, and the broken ones among them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import kubeagentix as kx
from kubeagentix import own_analyzers
from kubeagentix.errors import NotFoundError, UsageError
from kubeagentix.testing import snapshot_of

SNAPSHOT = snapshot_of(
    "{kind: ConfigMap, metadata: {name: a, namespace: shop}}",
    "{kind: ConfigMap, metadata: {name: b, namespace: shop, labels: {team: x}}}",
)


register: Any = kx.analyzer  # for what no type checker lets pass


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> Iterator[None]:
    yield
    own_analyzers._own.clear()
    own_analyzers._loaded.clear()


def no_team(snapshot: kx.Snapshot) -> Iterable[kx.Finding]:
    """Everything belongs to a team."""
    for item in snapshot.all(kx.resources.ConfigMap):
        if "team" not in item.metadata.labels:
            yield kx.finding(item, "NoTeam", "has no team label", remedies="kubectl label configmap a team=…")


def run(**words: Any) -> kx.Diagnosis:
    return kx.diagnose(cluster=SNAPSHOT, **words)


def test_a_decorated_function_takes_part_at_once_and_stays_callable() -> None:
    assert kx.analyzer(no_team) is no_team
    found = run()
    assert [(item.analyzer, item.reason, str(item.ref)) for item in found.findings] == [
        ("no-team", "NoTeam", "ConfigMap shop/a")
    ]
    assert [str(item.root) for item in found.hypotheses] == ["ConfigMap shop/a"]
    assert [item.ref.name for item in no_team(SNAPSHOT)] == ["a"]
    assert run().findings[0].id == found.findings[0].id


def test_the_registry_lists_and_removes() -> None:
    kx.analyzer(id="teams", title="Teams")(no_team)
    assert "teams" in kx.analyzers
    assert "crashes" in kx.analyzers
    assert kx.analyzers["teams"].title == "Teams"
    assert list(kx.analyzers.own) == ["teams"]
    assert "1 of your own\n" not in repr(kx.analyzers)
    assert repr(kx.analyzers).splitlines()[1].startswith(f"  teams: Teams ({__file__}:")
    kx.analyzers.remove("teams")
    assert run().findings == ()
    kx.analyzer(no_team)
    kx.analyzers.remove(no_team)
    assert list(kx.analyzers.own) == []


def test_to_define_it_again_replaces_it() -> None:
    kx.analyzer(id="teams")(no_team)

    @kx.analyzer(id="teams")
    def other(snapshot: kx.Snapshot) -> Iterable[kx.Finding]:
        return ()

    assert run().findings == ()


def test_one_for_lint_runs_on_request_and_gives_advice_only() -> None:
    kx.analyzer(is_lint=True)(no_team)
    assert run().findings == ()
    found = run(include_lint=True)
    assert "NoTeam" in {item.reason for item in found.findings}
    assert {item.severity for item in found.findings} == {kx.Severity.INFO}
    assert found.hypotheses == ()


def test_findings_alike_have_ids_of_their_own() -> None:
    @kx.analyzer
    def twice(snapshot: kx.Snapshot) -> Iterable[kx.Finding]:
        return [*no_team(snapshot), *no_team(snapshot)]

    assert len({item.id for item in run().findings}) == 2


def test_its_findings_can_be_ignored() -> None:
    kx.analyzer(no_team)
    assert len(run(ignore="analyzer=no-team").ignored[0].findings) == 1


@pytest.mark.parametrize(
    ("decorate", "message"),
    [
        (lambda: register("id"), "an analyzer is a function, not str; write @kx.analyzer, or @kx.analyzer"),
        (lambda: register(lambda: ()), "cannot be called with a snapshot alone; as in def"),
        (lambda: register(lambda a, b: ()), "cannot be called with a snapshot alone"),
        (lambda: kx.analyzer(id="crashes")(no_team), "analyzer 'crashes' is built in; name yours otherwise"),
        (lambda: kx.analyzers.remove("crashes"), "'crashes' is built in; ignore its findings: ignore="),
    ],
)
def test_what_cannot_be_an_analyzer_is_refused_in_one_line(decorate: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        decorate()


def test_an_async_function_is_refused() -> None:
    async def check(snapshot: kx.Snapshot) -> Iterable[kx.Finding]:
        return ()

    with pytest.raises(UsageError, match="analyzer check is async; def will do"):
        register(check)


def test_to_remove_what_is_not_there_offers_the_nearest() -> None:
    kx.analyzer(no_team)
    with pytest.raises(NotFoundError, match="no analyzer of your own is called 'no_taem'; did you mean no-team"):
        kx.analyzers.remove("no_taem")


# --- installed packages

CHECK = """
import kubeagentix as kx

{decorator}
def {function}(snapshot):
    for item in snapshot.all(kx.resources.ConfigMap):
        yield kx.finding(item, "{function}", "is seen")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where packages are installed and found."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def files_of(name: str, points: str, **modules: str) -> dict[str, str]:
    """What a package consists of: its modules, and what an installer reads of it."""
    info = f"{name.replace('-', '_')}-1.2.dist-info"
    return {
        **{f"{module}.py": text for module, text in modules.items()},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[kubeagentix.analyzers]\n{points}\n",
        f"{info}/RECORD": "",
    }


def unpacked(site: Path, name: str, points: str, **modules: str) -> None:
    for path, text in files_of(name, points, **modules).items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text)
    for module in modules:
        sys.modules.pop(module, None)


def test_an_installed_package_takes_part(site: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "kx_pip_checks-1.2-py3-none-any.whl"
    check = CHECK.format(decorator="@kx.analyzer", function="first")
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files_of("kx-pip-checks", "seen = kx_pip_checks:first", kx_pip_checks=check).items():
            archive.writestr(path, text)
    words = ["install", "-q", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, capture_output=True)
    found = run()
    assert {(item.analyzer, item.reason) for item in found.findings} == {("first", "first")}
    assert found.gaps == ()
    assert kx.analyzers.own == {"first": "package kx-pip-checks 1.2 (kx_pip_checks:first)"}
    assert len(run().findings) == 2  # loaded once


@pytest.mark.parametrize(
    ("points", "decorator", "ids"),
    [
        ("plain = kx_own_a:check", "", {"plain"}),
        ("seen = kx_own_a:check", "@kx.analyzer", {"check"}),
        ("seen = kx_own_a:check", "@kx.analyzer(id='named')", {"named"}),
        ("all = kx_own_a", "@kx.analyzer", {"check"}),
    ],
)
def test_a_function_or_a_module_is_handed_over(site: Path, points: str, decorator: str, ids: set[str]) -> None:
    unpacked(site, "kx-own", points, kx_own_a=CHECK.format(decorator=decorator, function="check"))
    found = run()
    assert {item.analyzer for item in found.findings} == ids
    assert found.gaps == ()


def test_a_removed_one_does_not_come_back(site: Path) -> None:
    unpacked(site, "kx-own", "seen = kx_own_b:check", kx_own_b=CHECK.format(decorator="@kx.analyzer", function="check"))
    kx.analyzers.remove("check")
    assert run().findings == ()


@pytest.mark.parametrize(
    ("text", "point", "why"),
    [
        ("import nowhere_at_all", "kx_own_c:check", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("1/0", "kx_own_c:check", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('no licence')", "kx_own_c:check", "SystemExit: no licence"),
        ("def check(: pass", "kx_own_c:check", "SyntaxError: "),
        ("x = 1", "kx_own_c:check", "AttributeError: module 'kx_own_c' has no attribute 'check'"),
        ("check = 5", "kx_own_c:check", "UsageError: an analyzer is a function, not int"),
        ("x = 1", "kx_own_c", "UsageError: module kx_own_c decorates no function"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_a_gap_that_names_it(site: Path, text: str, point: str, why: str) -> None:
    kx.analyzer(no_team)
    unpacked(site, "kx-own", f"bad = {point}", kx_own_c=text)
    found = run()
    assert [item.reason for item in found.findings] == ["NoTeam"]
    assert [gap.what for gap in found.gaps] == [f"analyzer bad of package kx-own 1.2 ({point}) could not be loaded"]
    assert found.gaps[0].why.startswith(why)
    (site / "kx_own_c.py").write_text(CHECK.format(decorator="@kx.analyzer", function="check"))
    sys.modules.pop("kx_own_c", None)


def test_two_packages_with_one_id_cost_the_second_only(site: Path) -> None:
    for name in ("kx_own_d", "kx_own_e"):
        unpacked(
            site, name, f"{name} = {name}:check", **{name: CHECK.format(decorator="@kx.analyzer", function="check")}
        )
    found = run()
    assert {item.analyzer for item in found.findings} == {"check"}
    second = "analyzer kx_own_e of package kx_own_e 1.2 (kx_own_e:check) could not be loaded"
    assert [gap.what for gap in found.gaps] == [second]
    assert "there is an analyzer 'check' already, of package kx_own_d 1.2" in found.gaps[0].why


# --- a real kernel


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # not our sockets
def test_a_cell_makes_an_analyzer_that_every_further_cell_uses(tmp_path: Path) -> None:
    file = tmp_path / "s.snapshot"
    kx.save(SNAPSHOT, file)
    cell = textwrap.dedent("""\
        import kubeagentix as kx
        @kx.analyzer
        def no_team(snapshot):
            for item in snapshot.all(kx.resources.ConfigMap):
                if "team" not in item.metadata.labels:
                    yield kx.finding(item, "NoTeam", "has no team label")
    """)
    broken = cell.replace('yield kx.finding(item, "NoTeam", "has no team label")', "yield item.nmae")
    made: Any = nbformat.v4
    cells = (
        "%load_ext kubeagentix",
        cell,
        f"%kdx --snapshot {file}",
        broken,
        f"%kdx --snapshot {file}",
        "kx.analyzers",
    )
    notebook = made.new_notebook(cells=[made.new_code_cell(text) for text in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    first, second, listed = (notebook.cells[place].outputs[-1]["data"]["text/plain"] for place in (2, 4, 5))
    assert "root      ConfigMap shop/a (NoTeam)" in first
    assert "analyzer no-team of this notebook: AttributeError: 'ConfigMap' object has no attribute" in second
    assert "(line 6)" in " ".join(second.split())
    assert "  no-team: no-team (this notebook)" in listed
