"""What a person sees of the chat and of the table while much comes at once: in a real JupyterLab, in a real Chromium.

    python benchmarks/widgets.py               # every kernel that tests/browser knows, both texts, three rounds
    python benchmarks/widgets.py --rounds 1 --text prose --json

Chat: a scripted API on loopback says 5,000 deltas at 1,000 a second to the real client, through `%%kchat`, the engine
and the widget. Table: `%kdx` of a saved cluster of broken pods, some 5,000 findings. Both are measured in the page (see
painted.js): when the last word was painted against when the server sent it, messages, and the longest time without an
animation frame. The text is counted word by word, in the widget and in the report that stays.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # for tests/, whose JupyterLab and servers are used

from aiohttp import web
from playwright.sync_api import Browser, Locator, WebSocket, sync_playwright

from benchmarks.broken_pods import broken_pods
from benchmarks.page_tasks import TRACED, longest_task_ms
from kubeagentix.cluster import archive
from tests.browser.book import Book
from tests.browser.conftest import FLAGS
from tests.browser.lab import CHROMIUM, Lab, a_lab
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Say
from tests.servers.wire import Event

DELTAS, RATE = 5_000, 1_000
PODS = 950  # which with --lint make some 5,000 findings
AIMS = {"last word painted": 250, "table painted": 250, "most in a second": 30, "longest freeze": 100}  # ms, messages
QUIET_MS = 1_000  # nothing more is painted after that
WAIT_MS = 120_000
COUNTED = re.compile(rb'"msg_type": ?"comm_msg"')
DATED = re.compile(rb'"date": ?"([^"]+)"')
PIECE = 8  # characters of a delta: a word, its number, and what of Markdown stands around it


def prose(deltas: int) -> str:
    """Paragraphs, lists and code, in blocks of 60 deltas."""
    said = []
    for number in range(deltas):
        place, block = number % 60, number // 60 % 6
        if block == 4:
            said.append(f"- w{number:04} " if place % 6 == 0 else _word(number, "..\n" if place % 6 == 5 else ""))
        elif block == 5 and place in (0, 59):
            said.append("```yaml\n" if place == 0 else "\n```\n\n\n\n")
        else:
            said.append(_word(number, ":.\n" if block == 5 and place % 4 == 3 else ".\n\n" if place == 59 else ""))
    return "".join(said)


def one_list(deltas: int) -> str:
    """A single list, which is one block until its end."""
    return "".join(
        f"- w{number:04} " if number % 7 == 0 else _word(number, "..\n" if number % 7 == 6 else "")
        for number in range(deltas)
    )


def _word(number: int, after: str) -> str:
    return f"w{number:04}{after}".ljust(PIECE)


SETUP = """%load_ext kubeagentix
import os, time
os.environ.update({environ!r})
%kdemo crash-missing-variable
from kubeagentix.notebook.dx_view import DxView
def show(*what, show=DxView.show, **more):
    global ended
    ended = time.time() * 1e3
    show(*what, **more)
DxView.show = show"""
CHAT = "%%kchat -n orders --new\nwhy is checkout failing?"
TABLE = "%kdx -A --lint --snapshot broken.json.gz"
SHOWN = ".jp-OutputArea-output .kx-dx:has(+ .kx-report)"
WHOLE = ".kx-dx:not(.kx-dx-partial):has(.kx-dx-cause):has(.kx-dx-body [role=row])"
TEXTS = {"prose": prose, "list": one_list}


class PacedServer(OpenAIServer):
    """Says each delta when it is due, and keeps when it did (in milliseconds since 1970)."""

    def __init__(self) -> None:
        super().__init__()
        self.sent_at: list[float] = []

    async def _write(self, response: web.StreamResponse, events: Iterator[Event], pause_s: float = 0.0) -> None:
        """One event after the other, none before its time."""
        began = time.monotonic()
        for event in events:
            is_delta = not isinstance(event, str) and event["type"].endswith("output_text.delta")
            if is_delta:
                left_s = began + len(self.sent_at) / RATE - time.monotonic()
                if left_s > 0:
                    await asyncio.sleep(left_s)
                self.sent_at.append(time.time() * 1e3)
            await super()._write(response, iter((event,)), pause_s)

    def say(self, text: str) -> None:
        """What it answers next."""
        self.sent_at.clear()
        self.restart(then=Say(text, piece=PIECE))


class Wire:
    """What the page's websocket brings from kernels: how many messages to widgets, and when they were made."""

    def __init__(self) -> None:
        self.made_at: list[float] = []

    def follow(self, socket: WebSocket) -> None:
        """Counts on a socket that has been opened."""
        socket.on("framereceived", self._received)

    def _received(self, payload: str | bytes) -> None:
        frame = payload.encode() if isinstance(payload, str) else payload
        if COUNTED.search(frame):
            found = DATED.search(frame)
            self.made_at.append(_seconds(found[1].decode()) if found else time.time())

    def busiest(self) -> int:
        """The most of them in any second."""
        times = sorted(self.made_at)
        return max((sum(start <= at < start + 1 for at in times) for start in times), default=0)


def _seconds(date: str) -> float:
    return datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp()


class Bench:
    """One notebook in one kernel, whose cells are run again and again."""

    def __init__(self, browser: Browser, lab: Lab, model: PacedServer, kernel: str, *, is_traced: bool) -> None:
        environ = {
            "KUBEAGENTIX_OPENAI_BASE_URL": model.base_url,
            "KUBEAGENTIX_OPENAI_API": "responses",
            "OPENAI_API_KEY": "dummy-key-of-the-benchmark",
        }
        self.browser, self.model, self.wire, self.is_traced = browser, model, Wire(), is_traced
        name = f"{kernel}.ipynb"
        lab.write(name, SETUP.format(environ=environ), CHAT, TABLE, "print(ended)", kernel=kernel)
        self.page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        self.page.on("websocket", self.wire.follow)
        self.book = Book(self.page, lab, name)
        self.book.open()
        self.page.evaluate(Path(__file__).with_name("painted.js").read_text())
        self.book.run_cell(0)
        self.book.wait_cell(0)

    def idle(self) -> dict[str, Any]:
        """The same page while nothing happens: what the machine itself makes of it."""
        self._start()
        self.page.wait_for_timeout(2_000)
        return self._frozen(self._stop())

    def chat(self, text: str) -> dict[str, Any]:
        """One answer, and the report that takes its place."""
        words = [int(word) for word in re.findall(r"w(\d{4})", text)]
        self.model.say(text)
        self._cleared(1)
        self.wire.made_at.clear()
        self._start(until=words[-1])
        self.book.run_cell(1)
        self._settled(1)
        seen, sent = self._stop(), self.model.sent_at
        painted = {word: at for at, word in reversed(seen["updates"]) if word >= 0}
        lags = [painted[word] - sent[word] for word in painted]
        reported = self.page.evaluate("painted.numbers(1)")
        assert seen["whole"] == len(words), (seen["whole"], len(words))
        assert reported == words, "words are missing in the report"
        return {
            "a second": round((len(sent) - 1) / (sent[-1] - sent[0]) * 1e3),
            "last word painted": painted[words[-1]] - sent[-1],
            "report in place": seen["last"] - sent[-1],
            "median lag": statistics.median(lags),
            "greatest lag": max(lags),
            "messages": len(self.wire.made_at),
            "most in a second": self.wire.busiest(),
            "kB rewritten": round(seen["rewritten"] / 1e3),
            **self._frozen(seen),
        }

    def table(self) -> dict[str, dict[str, Any]]:
        """A diagnosis as it appears, and what is done with its table."""
        self._cleared(2)
        self.wire.made_at.clear()
        self._start(mark=WHOLE)
        self.book.run_cell(2)
        self._settled(2)
        seen = self._stop()
        self.book.run_cell(3)
        self.book.wait_cell(3)
        ended = float(self.book.output(3).inner_text())
        shown = self.page.locator(SHOWN)
        found = {
            "appears": {
                "findings": int(shown.locator(".kx-dx-count").inner_text().split()[0]),
                "table painted": seen["markAt"] - ended,
                "without a table": seen["gone"],
                "report in place": seen["last"] - ended,
                "messages": len(self.wire.made_at),
                "most in a second": self.wire.busiest(),
                **self._frozen(seen),
            }
        }
        grid, field = shown.get_by_role("grid"), shown.get_by_label("Filter findings by text")
        grid.scroll_into_view_if_needed()
        for name, act in {
            "sort": lambda: grid.get_by_role("button", name="Name", exact=True).click(),
            "filter": lambda: field.press_sequentially("e"),
            "scroll": lambda: self._scroll(grid),
            "open": lambda: self._open(shown, grid),
        }.items():
            self._start()
            act()
            self.page.wait_for_timeout(300)
            found[name] = self._frozen(seen := self._stop()) | {"input to paint": seen["input"]}
        return found

    def _scroll(self, grid: Locator) -> None:
        grid.hover()
        for _ in range(30):
            self.page.mouse.wheel(0, 700)
            self.page.wait_for_timeout(20)

    def _open(self, shown: Locator, grid: Locator) -> None:
        grid.locator(".kx-dx-row:not(.kx-dx-head)").nth(10).click()
        shown.locator(".kx-dx-detail .kx-dx-list").first.wait_for()

    def _start(self, mark: str = "", until: int = -2) -> None:
        if self.is_traced:
            self.browser.start_tracing(page=self.page, categories=TRACED)
        self.page.evaluate("([mark, until]) => painted.start(mark, until)", [mark, until])

    def _stop(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("painted.stop()")
        if self.is_traced:
            found["processor"] = longest_task_ms(self.browser.stop_tracing())
        return found

    def _cleared(self, cell: int) -> None:
        """Takes away what a cell has shown in the round before."""
        self.book.select(cell)
        self.book.command("notebook:clear-cell-output")
        self.page.wait_for_function(
            "(at) => !document.querySelectorAll('.jp-CodeCell')[at].querySelector('.kx, .kx-report')", arg=cell
        )
        self.page.wait_for_timeout(300)

    def _settled(self, cell: int) -> None:
        """Waits until a cell has ended and nothing more is painted."""
        self.page.wait_for_timeout(300)
        self.book.wait_cell(cell)
        self.page.wait_for_function("(ms) => painted.quiet(ms)", arg=QUIET_MS, timeout=WAIT_MS)

    @staticmethod
    def _frozen(seen: dict[str, Any]) -> dict[str, Any]:
        found = {"longest freeze": seen["gap"], "longest task": seen["task"]}
        return {**found, "task, processor": seen["processor"]} if "processor" in seen else found


@contextmanager
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        sys.exit("there is no Chromium here")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=path, args=[*FLAGS])
        yield started
        started.close()


def measured(
    rounds: int, texts: list[str], kernels: list[str], *, has_table: bool, is_traced: bool
) -> dict[str, dict[str, list[Any]]]:
    """Measurements by what was done and in which kernel, then by what was measured: one of each round."""
    found: dict[str, dict[str, list[Any]]] = {}

    def keep(what: str, values: dict[str, Any]) -> None:
        for name, value in values.items():
            found.setdefault(what, {}).setdefault(name, []).append(value)

    with tempfile.TemporaryDirectory() as folder, a_lab(Path(folder) / "lab") as lab, chromium() as browser:
        archive.save(broken_pods(PODS), lab.folder / "broken.json.gz")
        for kernel in [name for name in lab.kernels if not kernels or name in kernels]:
            with PacedServer() as model:
                bench = Bench(browser, lab, model, kernel, is_traced=is_traced)
                keep(f"{kernel}: nothing", bench.idle())
                for _ in range(rounds):
                    for text in texts:
                        keep(f"{kernel}: chat, {text}", bench.chat(TEXTS[text](DELTAS)))
                    for name, values in bench.table().items() if has_table else ():
                        keep(f"{kernel}: table, {name}", values)
                bench.book.close()
    return found


def verdict(name: str, each: list[float]) -> str:
    """Whether the median meets what is aimed at, and whether every round does."""
    if (aim := AIMS.get(name)) is None:
        return ""
    if max(each) <= aim:
        return f"  aim {aim}: met"
    return f"  aim {aim}: met, but not in every round" if statistics.median(each) <= aim else f"  aim {aim}: MISSED"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--text", action="append", choices=tuple(TEXTS), help="default: all")
    parser.add_argument("--kernel", action="append", choices=("now", "old"), help="default: all there are")
    parser.add_argument("--no-table", action="store_true", help="the chat only")
    parser.add_argument("--trace", action="store_true", help="also the processor's time of the page's longest task")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measured(
        options.rounds,
        options.text or [*TEXTS],
        options.kernel or [],
        has_table=not options.no_table,
        is_traced=options.trace,
    )
    if options.json:
        print(json.dumps({"load": os.getloadavg(), "measured": found}))
        return
    for what, values in found.items():
        print(what)
        for name, each in values.items():
            spread = f"({min(each):,.0f} to {max(each):,.0f})"
            print(f"  {name:20} {statistics.median(each):8,.0f}  {spread}{verdict(name, each)}")
    print("load of this machine at the end:", " ".join(f"{value:.1f}" for value in os.getloadavg()))


if __name__ == "__main__":
    main()
