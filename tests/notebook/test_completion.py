"""Tab after a magic: what exists in the place that the line names, soon or not at all, and nothing that is hostile."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix.notebook import known_names
from tests.notebook import test_extension

HOSTILE = ["web", "web-\x1b[31m", "web two"]


def completed(shell: Any, text: str) -> list[str]:
    """What is offered; IPython is given the word itself where there is nothing, lest it offer Python's names."""
    words = test_extension.completed(shell, text)
    return [] if len(words) == 1 and text.endswith(words[0]) else words


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is; what is late is another test's matter."""
    monkeypatch.setattr(known_names, "WAIT_S", 60.0)


class Slow:
    """An API server that answers once it may, with a list of names."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked: list[str] = []
        slow = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                slow.asked.append(self.path)
                slow.may_answer.wait(30)
                status = 403 if "/secrets" in self.path else 200
                body = json.dumps({"items": [{"metadata": {"name": name}} for name in HOSTILE]}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """A slow server, the only one of the kubeconfig; its context has a name that IPython would cut in pieces."""
    made = Slow()
    path = tmp_path / "kubeconfig"
    path.write_text(
        "current-context: aws:eks@one\n"
        "contexts: [{name: 'aws:eks@one', context: {cluster: c, user: u, namespace: shop}}]\n"
        "users: [{name: u, user: {}}]\n"
        f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{made.server.server_port}'}}}}]\n"
    )
    monkeypatch.setenv("KUBECONFIG", str(path))
    yield made
    made.may_answer.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def demo() -> Iterator[kx.Demo]:
    with kx.demo("image-tag-not-found", "healthy-web") as running:
        yield running


def test_names_of_the_demo(shell: Any, demo: kx.Demo) -> None:
    place = next(item for item in demo.scenarios if item.id == "healthy-web").namespace
    assert place in completed(shell, "%kdx -n ")
    assert "deploy/" in completed(shell, "%kdx ")
    assert set(completed(shell, "%kdx dep")) == {"deploy/", "deployment/"}
    names = completed(shell, f"%kdx -n {place} deploy/")
    assert names
    assert all(name.startswith("deploy/") for name in names)
    assert set(names) < set(completed(shell, "%kdx deploy/"))
    bare = [name.removeprefix("deploy/") for name in names]
    assert [name for name in completed(shell, f"%kdx -n {place} deploy ") if not name.startswith("--")] == bare
    assert completed(shell, f"%%kdx -n {place}\n\ndeploy/{bare[0][:2]}") == [f"deploy/{bare[0]}"]
    assert completed(shell, f"%kdx -A svc/{bare[0][:2]}zz") == []


def test_names_in_a_snapshot(shell: Any, broken: str) -> None:
    assert completed(shell, f"%kdx --snapshot {broken} deploy/w") == ["deploy/web"]
    assert completed(shell, f"%kdx --snapshot {broken} -n s") == ["shop"]
    assert "deploy/web" not in completed(shell, f"%kdx --snapshot {broken} -n bank deploy/w")
    kx.use(kx.load(broken))
    assert completed(shell, "%kdx deploy/w") == ["deploy/web"]


def test_a_slow_cluster_holds_nobody_up_and_is_there_at_the_next_tab(
    shell: Any, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_names, "WAIT_S", 0.1)
    assert completed(shell, "%kdx deploy/we") == []
    (job,) = known_names._asked.values()
    assert completed(shell, "%kdx deploy/we") == []
    assert list(known_names._asked.values()) == [job]  # the same question, asked once
    slow.may_answer.set()
    assert job.wait(30)
    assert completed(shell, "%kdx deploy/we") == ["deploy/web"]
    assert len(slow.asked) == 1
    assert slow.asked[0].startswith("/apis/apps/v1/namespaces/shop/deployments?limit=")


def test_what_cannot_be_typed_or_read_is_not_offered(shell: Any, slow: Slow) -> None:
    slow.may_answer.set()
    assert completed(shell, "%kdx -A svc/") == ["svc/'web two'", "svc/web"]
    assert completed(shell, "%kdx secret/") == []
    assert completed(shell, "%kdx nosuchkind/") == []
    assert completed(shell, "%kdx --snapshot nowhere deploy/") == []
    assert completed(shell, "%kdx --kubeconfig nowhere -n ") == []
    assert completed(shell, "%kdx --context nowhere deploy/") == []


def test_a_context_is_completed_whatever_its_name_is_made_of(shell: Any, slow: Slow) -> None:
    for typed, rest in (("aws", "aws:eks@one"), ("aws:e", "eks@one"), ("aws:eks@o", "one")):
        assert completed(shell, f"%kdx --context {typed}") == [rest]
        assert completed(shell, f"%kcontext {typed}") == [rest]


def test_providers_and_the_models_that_are_known(shell: Any) -> None:
    assert {"claude", "claude_code"} <= set(completed(shell, "%kdx --provider c"))
    assert "auto" in completed(shell, "%kdx --provider=")
    claude, openai = (set(completed(shell, f"%kdx --provider {name} --model ")) for name in ("claude", "openai"))
    assert claude
    assert openai
    assert claude.isdisjoint(openai)
    assert claude | openai <= set(completed(shell, "%kdx --model "))


def test_words_that_an_action_may_be(shell: Any) -> None:
    assert completed(shell, "%khistory se") == ["search"]


def test_variables_are_offered_after_two_braces(shell: Any) -> None:
    shell.user_ns.update(target_name="web", _hidden=1)
    assert completed(shell, "%kdx deploy/{{target_n") == ["target_name"]
    assert completed(shell, "%%kdx\n-n {{ target_n") == ["target_name"]
    assert "_hidden" not in completed(shell, "%kdx {{")
