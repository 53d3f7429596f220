"""`%load_ext kubeagentix` in a real shell: quiet, idempotent, and gone again afterwards."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from kubeagentix import registry
from kubeagentix.notebook import extension


def completed(shell: Any, text: str) -> list[str]:
    with provisionalcompleter():
        return [completion.text for completion in shell.Completer.completions(text, len(text))]


def test_loading_is_quiet_and_doing_it_twice_changes_nothing(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    extension.load(shell)
    assert len(shell.Completer.custom_matchers) == 1
    assert len([item for item in shell.input_transformers_post if type(item).__name__ == "Rewriter"]) == 1
    assert capsys.readouterr() == ("", "")


def test_every_magic_is_there_with_its_help(shell: Any) -> None:
    for name, plugin in registry.magics().items():
        line = shell.find_line_magic(name)
        assert "usage: %" + name in (line.__doc__ or "")
        assert (shell.find_cell_magic(name) is not None) == plugin.has_cell


def test_a_wrong_configuration_is_one_line(shell: Any) -> None:
    shell.run_line_magic("unload_ext", "kubeagentix")
    other: Any = InteractiveShell(config=Config({"KubeAgentix": {"provider": "clawde"}}))  # type: ignore[no-untyped-call]
    with capture_output() as captured:
        assert not other.run_cell("%load_ext kubeagentix").success
    assert captured.stdout.splitlines() == [
        "error: KubeAgentix.provider: there is no provider 'clawde'; did you mean claude?"
    ]


def test_unloading_leaves_nothing(shell: Any) -> None:
    shell.run_line_magic("unload_ext", "kubeagentix")
    assert shell.find_line_magic("kdx") is None
    assert shell.find_cell_magic("kdx") is None
    assert shell.Completer.custom_matchers == []
    assert not [item for item in shell.input_transformers_post if type(item).__name__ == "Rewriter"]
    shell.run_line_magic("load_ext", "kubeagentix")
    assert shell.find_line_magic("kdx") is not None


LOADED = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "kubeagentix")
print(sorted({name.partition(".")[0] for name in sys.modules}))
"""
FOR_LATER = {
    "aiohttp",
    "anywidget",
    "cryptography",
    "ipywidgets",
    "markdown_it",
    "nh3",
    "pandas",
    "rich",
    "kubernetes",
    "openai",
    "anthropic",
}


def test_what_widgets_and_models_need_is_loaded_with_the_first_of_them() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True).stdout
    assert "kubeagentix" in ast.literal_eval(loaded)
    assert FOR_LATER.intersection(ast.literal_eval(loaded)) == set()


def test_reloading_works(shell: Any) -> None:
    shell.run_line_magic("reload_ext", "kubeagentix")
    assert shell.find_line_magic("kdx") is not None


def shown(shell: Any, cell: str) -> str:
    """What a cell that fails prints."""
    with capture_output(display=False) as captured:
        assert not shell.run_cell(cell, store_history=True).success
    return str(captured.stdout + captured.stderr)


@pytest.mark.parametrize("call", ["kx.load('nowhere')", "await kx.adiagnose(namespace='')", "kx.demo('nosuch')"])
def test_a_known_error_of_plain_python_is_one_line_until_tb_asks_for_more(shell: Any, call: str) -> None:
    text = shown(shell, f"import kubeagentix as kx\n{call}")
    assert text.startswith("error: ")
    assert len(text.strip().splitlines()) == 1
    with capture_output(display=False) as captured:
        shell.run_cell("%tb")
    assert "Traceback" in captured.stdout


def test_other_errors_keep_their_traceback_and_their_own_handler(shell: Any) -> None:
    assert "Traceback" in shown(shell, "1/0")
    shell.run_line_magic("unload_ext", "kubeagentix")
    shell.set_custom_exc((ZeroDivisionError,), lambda *_, **__: sys.stdout.write("divided\n") and None)
    shell.run_line_magic("load_ext", "kubeagentix")
    assert shown(shell, "1/0") == "divided\n"
    assert shown(shell, "import kubeagentix as kx\nkx.load('nowhere')").startswith("error: there is no file")
    shell.run_line_magic("unload_ext", "kubeagentix")
    assert shown(shell, "1/0") == "divided\n"
    assert "Traceback" in shown(shell, "kx.load('nowhere')")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%kdx --form", ["--format"]),
        ("%kdx --format ma", ["markdown"]),
        ("%kdx deploy/web --in", ["--include-lint"]),
        ("%%kdx --names", ["--namespace"]),
        ("%kdemo --st", ["--stop"]),
        ("%kdemo crash-p", ["crash-panic"]),
        ("%kdx --demo=crash-p", ["crash-panic"]),
        ("%kdx --demo crash-panic healthy-w", ["healthy-web"]),
        ("%%kdx -A\n--fail-on cr", ["critical"]),
        ("%kcontext pro", ["prod"]),
        ("%kdx --context pro", ["prod"]),
        ("%kdx --kubeconfig ", ["kubeconfig.yaml"]),
        ("x = 1; y --form", []),
    ],
)
def test_options_and_their_values_are_completed_and_nothing_else(
    shell: Any, text: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = "contexts: [{name: prod, context: {cluster: c, user: u}}]"
    (tmp_path / "kubeconfig.yaml").write_text(context)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", "kubeconfig.yaml")
    matches = completed(shell, text)
    assert [match for match in matches if match.startswith("--") or expected] == expected


def test_all_options_are_offered_after_two_dashes(shell: Any) -> None:
    offered = completed(shell, "%kdx --")
    assert {"--namespace", "--snapshot", "--out", "--demo"} <= set(offered)
    assert len(offered) == len(set(offered))
    assert "--abs" not in offered


def test_a_damaged_kubeconfig_is_not_the_completers_business(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert "prod" not in completed(shell, "%kdx --context pro")
