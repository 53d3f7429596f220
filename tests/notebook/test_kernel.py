"""The magics in a real kernel: what a saved notebook holds, and an interrupt."""

from __future__ import annotations

import os
import queue
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from tests.servers.openai import OpenAIServer
from tests.servers.turns import Say

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # not our sockets


def executed(*cells: str) -> list[list[Any]]:
    """The saved outputs of each cell."""
    made: Any = nbformat.v4  # untyped
    notebook = made.new_notebook(cells=[made.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, allow_errors=True, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


def test_a_saved_notebook_holds_the_result_for_every_reader(broken: str) -> None:
    loaded, shown, failed, value = executed(
        "%load_ext kubeagentix",
        f"%%kdx --snapshot {broken} -o kept",
        "%kdx --wrong",
        "kept is _2, kept.hypotheses != ()",
    )
    assert loaded == []
    assert [output.output_type for output in shown] == ["execute_result"]
    assert {"text/html", "text/markdown", "text/plain"} <= set(shown[0].data)
    assert failed[0].traceback == ["error: unknown option '--wrong'; see %kdx --help"]
    assert value[0].data["text/plain"] == "(True, True)"


def test_progress_ends_as_one_line_beside_the_result(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_RENDER", "live")
    _, shown = executed("%load_ext kubeagentix", f"%%kdx --snapshot {broken}\n-A")
    assert [output.output_type for output in shown] == ["display_data", "execute_result"]
    assert shown[0].data["text/plain"].startswith("Quick Dx: done in ")


def test_a_mistake_that_is_seen_at_work_is_a_failure_and_no_stop(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_RENDER", "live")
    _, shown = executed("%load_ext kubeagentix", f"%kdx --show-payload --snapshot {broken}")
    assert shown[0].data["text/plain"].startswith("Quick Dx: failed in ")


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("%%kdx --provider openai --snapshot {file}\n-o out", "Diagnosis"),
        ("%kdx --provider openai --snapshot {file} -o out", "Diagnosis"),
        ("%%kchat --provider openai --snapshot {file} -o out\nwhy?", "Reply"),
    ],
)
def test_what_was_shown_until_an_interrupt_is_in_the_variable(
    broken: str, monkeypatch: pytest.MonkeyPatch, cell: str, kind: str
) -> None:
    monkeypatch.setenv("KUBEAGENTIX_RENDER", "live")
    with OpenAIServer() as server:
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
        server.script([Say("word " * 2000, pause_s=0.05)])
        manager, client = start_new_kernel(kernel_name="python3", env=dict(os.environ))
        try:
            client.execute_interactive("%load_ext kubeagentix", timeout=60)
            asked = client.execute(cell.replace("{file}", broken), stop_on_error=False)
            ends_at = time.monotonic() + 60
            while not server.requests:
                assert time.monotonic() < ends_at
                time.sleep(0.05)
            manager.interrupt_kernel()
            assert _reply_to(client, asked)["ename"] == "KeyboardInterrupt"
            answer = client.execute_interactive("", user_expressions={"kind": "type(out).__name__"}, timeout=60)
            assert answer["content"]["user_expressions"]["kind"]["data"]["text/plain"] == repr(kind)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


@pytest.fixture
def silent_server(tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of a server that accepts and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        path = tmp_path / "silent"
        path.write_text(
            "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
            f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{listening.getsockname()[1]}'}}}}]\n"
        )
        yield path


@pytest.mark.parametrize("cell", ["%%kdx --kubeconfig {file}\n-A", "%kdx -A --kubeconfig {file}"])
def test_an_interrupt_ends_the_cell_at_once_and_leaves_nothing_running(
    silent_server: Path, monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    monkeypatch.setenv("KUBEAGENTIX_RENDER", "live")
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive("%load_ext kubeagentix", timeout=60)
        asked = client.execute(cell.replace("{file}", str(silent_server)), stop_on_error=False)  # what follows counts
        _await_message(client, "display_data")  # the progress line: the work is under way
        manager.interrupt_kernel()
        interrupted_at = time.monotonic()
        reply = _reply_to(client, asked)
        assert time.monotonic() - interrupted_at < 10  # the server would be waited for much longer
        assert (reply["ename"], reply["traceback"]) == ("KeyboardInterrupt", ["interrupted"])
        code = (
            "import asyncio\nfrom kubeagentix import sync\n"
            "async def others():\n    return len(asyncio.all_tasks()) - 1\n"
            "left = sync.run(others())"
        )
        answer = client.execute_interactive(code, user_expressions={"left": "left"}, timeout=60)
        assert answer["content"]["user_expressions"]["left"]["data"]["text/plain"] == "0"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _await_message(client: Any, kind: str) -> None:
    while client.get_iopub_msg(timeout=60)["msg_type"] != kind:
        pass


def _reply_to(client: Any, asked: str) -> Any:
    while True:
        try:
            reply = client.get_shell_msg(timeout=60)
        except queue.Empty:
            raise AssertionError("the cell did not end") from None
        if reply["parent_header"]["msg_id"] == asked:
            return reply["content"]
