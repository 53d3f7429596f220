"""`%kdx` and `%%kdx` in a real shell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import ExecutionResult
from IPython.utils.capture import capture_output

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.errors import KubeAgentiXError, UsageError
from kubeagentix.notebook.magics import kdx
from kubeagentix.options import OneLineParser


def run(shell: Any, cell: str) -> tuple[Any, str]:
    """The cell's value and what it printed; the cell must not fail."""
    with capture_output(display=False) as captured:
        result = shell.run_cell(cell, store_history=True)
    result.raise_error()
    return result.result, captured.stdout


def fail(shell: Any, cell: str) -> tuple[ExecutionResult, str]:
    """The result of a cell that fails, and what was printed of it."""
    with capture_output(display=False) as captured:
        result = shell.run_cell(cell, store_history=True)
    assert not result.success
    return result, captured.stdout + captured.stderr


def test_the_line_magic_returns_the_diagnosis_and_underscore_has_it(shell: Any, broken: str) -> None:
    diagnosis, text = run(shell, f"%kdx --snapshot {broken}")
    assert isinstance(diagnosis, kx.Diagnosis)
    assert shell.user_ns["_"] is diagnosis
    assert "root cause found in all namespaces" in text


def test_the_cell_magic_takes_options_from_its_body(shell: Any, broken: str) -> None:
    diagnosis, _ = run(
        shell, f"%%kdx --snapshot {broken}\n# what and where\ndeploy/web  # the target\n-n shop\n\n-o kept"
    )
    assert str(diagnosis.target) == "Deployment/web in namespace shop"
    assert shell.user_ns["kept"] is diagnosis


def test_a_comment_may_follow_on_the_line(shell: Any, broken: str) -> None:
    diagnosis, _ = run(shell, f"%kdx --snapshot {broken} -n shop  # only this namespace")
    assert str(diagnosis.target) == "namespace shop"


def test_an_empty_body_means_everything(shell: Any, broken: str) -> None:
    diagnosis, _ = run(shell, f"%%kdx --snapshot {broken}")
    assert diagnosis.hypotheses


@pytest.mark.parametrize(
    "cell",
    [
        "x = %kdx --snapshot {file}\nx",
        "%%time\n%kdx --snapshot {file}",
        "%%time\n%%kdx --snapshot {file}\n-A",
        "def f():\n    return get_ipython().run_cell_magic('kdx', '--snapshot {file}', '-A')\nf()",
        "get_ipython().run_line_magic('kdx', '--snapshot {file}')",
        "%%kdx --snapshot {file}\n-A",
    ],
)
def test_it_works_wherever_a_magic_may_stand(shell: Any, broken: str, cell: str) -> None:
    diagnosis, _ = run(shell, cell.replace("{file}", broken))
    assert isinstance(diagnosis, kx.Diagnosis)


def test_a_top_level_cell_leaves_the_loop_free(shell: Any, broken: str) -> None:
    assert shell.transform_cell(f"%%kdx --snapshot {broken}\n").startswith("await ")
    assert not shell.transform_cell(f"%kdx --snapshot {broken}\n").startswith("await ")


def test_without_autoawait_it_waits(shell: Any, broken: str) -> None:
    shell.autoawait = False
    diagnosis, _ = run(shell, f"%%kdx --snapshot {broken}\n-A")
    assert isinstance(diagnosis, kx.Diagnosis)


def test_help_is_printed(shell: Any) -> None:
    value, text = run(shell, "%kdx --help")
    assert value is None
    assert text.startswith("usage: %kdx ")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%kdx --snapsot f", "error: unknown option '--snapsot'; did you mean --snapshot?"),
        ("%%kdx\n--hlp", "error: unknown option '--hlp'; did you mean --help"),
        ("%kdx --snapshot nowhere", "error: there is no file nowhere; check the path"),
        ("%%kdx --snapshot nowhere\n-A", "error: there is no file nowhere; check the path"),
        ("%kdx 'unclosed", "error: %kdx: no closing quotation; close the quotation, or quote the whole"),
        ("%kdx -o 1x", "error: '1x' is no variable name; as in -o diagnosis"),
        ("%kdx --watch 0.1", "error: --watch takes 1 to 3600 seconds; as in --watch 10"),
        ("%kdx --watch nan", "error: --watch takes 1 to 3600 seconds; as in --watch 10"),
        ("%kdx --watch 5 --snapshot {file}", "error: --watch and --snapshot exclude each other;"),
        ("%kdx --watch 5 --provider openai", "error: --watch asks no model;"),
        ("%kdx -o class", "error: 'class' is no variable name; as in -o diagnosis"),
        (
            "%kdx deploy/wep --snapshot {file}",
            "error: there is no Deployment 'wep' in any namespace; did you mean web?",
        ),
        ("%%kdx deploy/wep\n--snapshot {file}", "error: there is no Deployment 'wep' in any namespace;"),
        ("%kdx {a} $b --snapshot {file}", "error: unknown kind '{a}'"),
        ("%kdx nobody --snapshot {file}", "error: there is no object 'nobody' in any namespace"),
        ("%kdx / --snapshot {file}", "error: '/' is no KIND/NAME; such as deploy/web"),
        ("%%kdx --snapshot {file}\ndeploy/web\ndeploy/api", "error: 'deploy/web deploy/api' is more than one target"),
        ("%kdx -o print", "error: 'print' is Python's or the notebook's own name; as in -o diagnosis"),
        ("%kdx -o __builtins__", "error: '__builtins__' is Python's or the notebook's own name"),
        ("%kdx -o get_ipython", "error: 'get_ipython' is Python's or the notebook's own name"),
        ("%kdx -o In", "error: 'In' is Python's or the notebook's own name"),
        ("%kdx -o module", "error: 'module' is a module here"),
        ("%%kchat -o module\nwhy?", "error: 'module' is a module here; as in -o reply"),
    ],
)
def test_a_known_error_is_one_line(shell: Any, broken: str, cell: str, message: str) -> None:
    shell.user_ns.update(a="expanded", b="expanded", module=kx)
    result, text = fail(shell, cell.replace("{file}", broken))
    assert isinstance(result.error_in_exec, KubeAgentiXError)
    assert message in text
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) == 1


def test_a_name_alone_is_told_without_a_kind(shell: Any, broken: str) -> None:
    _, text = run(shell, f"%kdx web -n shop --snapshot {broken}")
    assert "found in web in namespace shop" in text


def test_a_variable_that_holds_a_credential_is_not_shown() -> None:
    parser = OneLineParser("%kdx", "")
    registry.magics()["kdx"].configure(parser)
    secret = f"sk-ant-api03-{'dummy0A9' * 8}"
    for words in (["-n", secret], [f"deploy/{secret}"]):
        title = kdx._title(parser.parse(words))
        assert title.startswith("Quick Dx of ")
        assert "dummy" not in title


@pytest.mark.parametrize(
    ("is_live", "why"),
    [(False, "needs a live notebook"), (True, "is for the table, without --format, --verbose and --output")],
)
def test_why_nothing_is_watched_is_said(
    shell: Any, broken: str, is_live: bool, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kdx, "is_live", lambda: is_live)
    kx.use(kx.load(broken))
    with capture_output(display=False) as captured:
        shell.run_cell("%kdx --watch 2 --format json", store_history=True)
    kx.use(None)
    assert f"--watch {why}: this is one look" in captured.stderr


def test_tb_shows_the_whole_traceback_of_a_known_error(shell: Any) -> None:
    fail(shell, "%kdx --snapshot nowhere")
    _, text = run(shell, "%tb")
    assert "Traceback" in text


def test_a_known_error_can_be_caught(shell: Any) -> None:
    code = "try:\n    get_ipython().run_line_magic('kdx', '--wrong')\nexcept Exception as error:\n    kept = error"
    run(shell, code)
    assert isinstance(shell.user_ns["kept"], UsageError)


def test_the_options_are_those_of_the_command() -> None:
    magic, command = OneLineParser("%kdx", ""), OneLineParser("dx", "")
    registry.magics()["kdx"].configure(magic)
    registry.commands()["dx"].configure(command)
    assert set(magic.option_names) - set(command.option_names) == {"-o", "--out", "--watch"}
    for_jobs = {"--metrics", "--save-snapshot"}  # that nobody watches; a cell has `kx.save`
    assert set(command.option_names) - set(magic.option_names) == for_jobs


def test_options_count_for_one_call(shell: Any, broken: str, tmp_path: Path) -> None:
    saved = kx.load(broken)
    kx.use(saved)
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\nusers: [{name: u, user: {}}]\n"
    )
    fail(shell, f"%kdx --kubeconfig {kubeconfig}")
    assert kx.current() is saved


def test_output_goes_to_a_file(shell: Any, broken: str, tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    diagnosis, _ = run(shell, f"%kdx --snapshot {broken} --format markdown --output {file}")
    assert isinstance(diagnosis, kx.Diagnosis)
    assert file.read_text() == diagnosis.to_markdown()


def test_another_format_is_shown_instead(shell: Any, broken: str) -> None:
    with capture_output() as captured:
        result = shell.run_cell(f"%kdx --snapshot {broken} --format html -o kept", store_history=True)
    assert result.result is None
    assert [list(output.data) for output in captured.outputs] == [["text/html"]]
    assert isinstance(shell.user_ns["kept"], kx.Diagnosis)


def test_fail_on_shows_the_result_and_fails_the_cell(shell: Any, broken: str) -> None:
    result, text = fail(shell, f"%kdx --snapshot {broken} --fail-on critical")
    assert isinstance(result.error_in_exec, KubeAgentiXError)
    assert "root cause found" in text
    assert "error: there are findings of severity critical or worse" in text


@pytest.mark.parametrize(("options", "is_named"), [("", True), ("--anonymize", False)])
def test_the_payload_is_shown_and_nothing_is_sent(
    shell: Any, broken: str, options: str, is_named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
    run(shell, f"%kdx -n shop --snapshot {broken} --provider openai --show-payload {options}")
    shown = repr(shell.user_ns["_"])
    assert '"to": "POST https://api.openai.com/v1/responses"' in shown
    assert ("Deployment shop/web" in shown) is is_named
    assert "dummy-key" not in shown
