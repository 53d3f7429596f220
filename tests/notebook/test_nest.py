"""A kernel in which the user has called `nest_asyncio.apply()`: everything works there, too, and ■ still ends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from tests.notebook.test_kernel import _await_message, _reply_to, silent_server

__all__ = ["silent_server"]  # a fixture

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # not our sockets


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    monkeypatch.setenv("KUBEAGENTIX_RENDER", "live")
    manager, client = start_new_kernel(kernel_name="python3")
    value_of(client, "import nest_asyncio\nnest_asyncio.apply()\n%load_ext kubeagentix\nimport kubeagentix as kx", "1")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def value_of(client: Any, cell: str, expression: str) -> str:
    """What an expression is once the cell has run without an error."""
    reply = client.execute_interactive(
        cell, user_expressions={"it": expression}, timeout=60, output_hook=lambda _: None
    )["content"]
    assert reply["status"] == "ok", "\n".join(reply["traceback"])
    assert reply["user_expressions"]["it"]["status"] == "ok", reply["user_expressions"]["it"]
    return str(reply["user_expressions"]["it"]["data"]["text/plain"])


def test_everything_works_where_loops_nest(kernel: tuple[Any, Any], broken: str) -> None:
    _, client = kernel
    assert value_of(client, f"%kdx --snapshot {broken} -o one", "len(one.hypotheses)") == "1"
    assert value_of(client, f"%%kdx --snapshot {broken}\n-A -o two", "two.findings == one.findings") == "True"
    assert value_of(client, f"%%time\n%kdx --snapshot {broken} -o three", "three.findings == one.findings") == "True"
    whole = f"kx.load({broken!r})"
    assert value_of(client, f"four = kx.diagnose(cluster={whole})", "four.findings == one.findings") == "True"
    assert value_of(client, f"five = await kx.adiagnose(cluster={whole})", "five.findings == one.findings") == "True"
    nested = f"import asyncio\nsix = asyncio.run(kx.adiagnose(cluster={whole}))"
    assert value_of(client, nested, "six.findings == one.findings") == "True"
    chat = f"reply = kx.chat('why is web broken?', cluster={whole}, provider='rules')"
    assert "web" in value_of(client, chat, "reply.text")
    again = f"reply = await kx.achat('why is web broken?', cluster={whole}, provider='rules')"
    assert "web" in value_of(client, again, "reply.text")
    demo = "%kdemo image-tag-not-found\nlive = kx.diagnose()\n%kdemo --stop"
    assert value_of(client, demo, "len(live.hypotheses), kx.current()") == "(1, None)"


def test_an_interrupt_ends_the_work_there_too(kernel: tuple[Any, Any], silent_server: Path, broken: str) -> None:
    manager, client = kernel
    for cell in (
        f"%%kdx --kubeconfig {silent_server}\n-A",
        f"%%time\n%kdx -A --kubeconfig {silent_server}",
        f"display(1); await kx.adiagnose(cluster=kx.connect(kubeconfig={str(silent_server)!r}))",
    ):
        asked = client.execute(cell, stop_on_error=False)
        _await_message(client, "display_data")
        manager.interrupt_kernel()
        assert _reply_to(client, asked)["ename"] in ("KeyboardInterrupt", "CancelledError")
        left = (
            "import asyncio\nfrom kubeagentix import sync\n"
            "async def others():\n    return len(asyncio.all_tasks()) - 1\nleft = sync.run(others())"
        )
        assert value_of(client, left, "left") == "0", cell
        assert value_of(client, f"%%kdx --snapshot {broken} -o after", "len(after.hypotheses)") == "1"
