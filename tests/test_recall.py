"""`kx.history`: what was kept is listed, found, shown, exported, compared, gone on with, and pruned."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import kubeagentix as kx
from kubeagentix.domain.events import Notice
from kubeagentix.domain.messages import Text
from kubeagentix.errors import NotFoundError, UsageError
from kubeagentix.history import searching
from kubeagentix.recall import Transcript
from kubeagentix.testing import snapshot_of
from tests.history.runs import BROKEN
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Say
from tests.servers.wire import WireServer

PICTURE = snapshot_of(BROKEN)
LEDGER = snapshot_of({**BROKEN, "metadata": {"name": "ledger-7", "namespace": "banking"}})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    with OpenAIServer() as running:
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", running.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
        yield running


def asked(question: str, server: WireServer, *steps: object, **more: object) -> kx.Reply:
    server.script(list(steps) or [Say(f"answer to {question}")])  # type: ignore[arg-type]
    return kx.chat(question, cluster=PICTURE, provider="openai", **more)  # type: ignore[call-overload, no-any-return]


def test_an_empty_history_says_so() -> None:
    assert repr(kx.history) == "nothing is kept yet"
    assert kx.history.list() == ()
    assert not kx.history.path.exists()
    for look in (kx.history.show, kx.history.resume, kx.history.diagnosis):
        with pytest.raises(NotFoundError, match="in the history yet"):
            look()


def test_chats_and_diagnoses_are_listed_the_latest_first(server: WireServer) -> None:
    reply = asked("why is web failing?", server)
    dx = kx.diagnose(cluster=PICTURE)
    found = kx.history.list()
    assert [(entry.id, entry.what, entry.state) for entry in found] == [
        (dx.id, "dx", "finished"),
        (reply.conversation.id, "chat", "finished"),
    ]
    assert "why is web failing?" in repr(found)
    assert kx.history.list(limit=1) == found[:1]
    frame = found.frame()
    assert list(frame["what"]) == ["dx", "chat"]
    assert frame.index.name == "id"


def test_a_diagnosis_that_a_model_took_part_in_is_one_entry(server: WireServer) -> None:
    server.script([Call("submit_answer", {"root_cause": "it was evicted", "hypotheses": []})])
    dx = kx.diagnose(cluster=PICTURE, provider="openai")
    assert [(entry.id, entry.provider) for entry in kx.history.list()] == [(dx.id, "openai")]
    assert kx.history.diagnosis() == dx


def test_an_earlier_diagnosis_can_be_compared_with() -> None:
    earlier = kx.diagnose(cluster=PICTURE)
    healthy = kx.diagnose(cluster=snapshot_of({"kind": "ConfigMap", "metadata": {"name": "x"}}))
    assert kx.history.diagnosis() == healthy
    kept = kx.history.diagnosis(earlier.id)
    assert [finding.reason for finding in healthy.diff(kept).gone] == [finding.reason for finding in earlier.findings]
    assert kept.to_html() == earlier.to_html()
    assert kx.history.export(earlier.id, "json") == earlier.to_json()


def test_a_conversation_is_gone_on_with(server: WireServer) -> None:
    first = asked("why is web failing?", server, Say("it was evicted"))
    again = asked("since when?", server, Say("since noon"), conversation=kx.history.resume())
    said = [message.text for message in server.heard[-1].messages]
    assert said[1:] == ["it was evicted", "since when?"]
    assert again.conversation.id == first.conversation.id
    kept = kx.history.show(first.conversation.id)
    assert isinstance(kept, Transcript)
    assert [run.question for run in kept.conversation.runs] == ["why is web failing?", "since when?"]


def test_names_that_were_hidden_stay_hidden_when_it_is_gone_on_with(server: WireServer) -> None:
    def ask(question: str, **more: object) -> kx.Reply:
        server.script([Say("it was evicted")])
        return kx.chat(question, cluster=LEDGER, provider="openai", **more)  # type: ignore[call-overload, no-any-return]

    first = ask("why is ledger-7 failing?", options=kx.RunOptions(anonymize=True))
    for conversation in (first.conversation, kx.history.resume()):
        ask("since when does Pod banking/ledger-7 fail?", conversation=conversation)
        assert "ledger-7" not in str(server.requests[-1].body)
        assert "banking" not in str(server.requests[-1].body)
    ask("and now?", conversation=kx.history.resume(), options=kx.RunOptions(anonymize=False))
    assert "ledger-7" in str(server.requests[-1].body)


def test_it_is_gone_on_with_by_another_provider(server: WireServer) -> None:
    asked("why is web failing?", server, Call("list_namespaces"))
    server.script([Say("it was evicted")])
    reply = kx.chat("and now?", cluster=PICTURE, provider="rules", conversation=kx.history.resume())
    assert reply.finished.provider == "rules"


def test_what_tools_had_answered_can_be_cited_and_searched_later(server: WireServer) -> None:
    first = asked("why?", server)
    resumed = kx.history.resume()
    assert resumed.evidence == first.conversation.evidence
    assert resumed.evidence
    assert resumed.messages == first.conversation.messages
    assert resumed.fence.number == first.conversation.fence.number
    first.conversation.results.put("r7", "whole text")
    asked("and?", server, conversation=first.conversation)
    again = kx.history.resume()
    assert again.results.get("r7") == "whole text"
    assert again.results.reserve() == "r8"


def test_another_cluster_than_before_is_told(server: WireServer) -> None:
    asked("why?", server)
    server.script([Say("elsewhere")])
    other = snapshot_of(BROKEN)
    object.__setattr__(other, "cluster", "elsewhere")
    reply = kx.chat("and there?", cluster=other, provider="openai", conversation=kx.history.resume())
    told = [record.event for record in reply.records if isinstance(record.event, Notice)]
    assert [notice.message for notice in told if notice.code == "other_cluster"] == [
        "the conversation was about another cluster so far; now it is about elsewhere"
    ]
    assert "read another cluster than before" in server.heard[-1].messages[-1].text
    assert kx.history.list()[0].cluster == "elsewhere"


def test_two_that_go_on_with_one_conversation_do_not_mix_it_up(server: WireServer) -> None:
    asked("why?", server)
    one, two = kx.history.resume(), kx.history.resume()
    asked("one", server, conversation=one)
    asked("two", server, conversation=two)
    asked("one again", server, conversation=one)
    said = [message.text for message in kx.history.resume().messages if message.role == "user"]
    assert said[1:] == ["one", "one again"]
    kept = kx.history.show()
    assert isinstance(kept, Transcript)
    assert len(kept.conversation.runs) == 4


CUT_SHORT = """
import os, signal, sys
import kubeagentix as kx
from kubeagentix.domain.events import TextDelta
from kubeagentix.history.writer import flush_all
from tests.history.runs import call, ran
from pathlib import Path
from kubeagentix.engine.conversation import Conversation
def die(_):
    flush_all()
    os.kill(os.getpid(), signal.SIGKILL)
turns = [TextDelta(text="let me look"), call("a")], [TextDelta(text="half an "), TextDelta(text="ans"), die]
ran(Path(sys.argv[1]), *turns, question="why?")
"""


def test_a_run_that_was_killed_is_interrupted_and_gone_on_with_from_its_last_whole_turn() -> None:
    root = Path(__file__).parents[1]
    environ = {**os.environ, "PYTHONPATH": str(root)}
    ended = subprocess.run([sys.executable, "-c", CUT_SHORT, str(kx.history.path)], cwd=root, env=environ, check=False)
    assert ended.returncode == -9
    assert [entry.state for entry in kx.history.list()] == ["interrupted"]
    kept = kx.history.show()
    assert isinstance(kept, Transcript)
    assert kept.conversation.runs[0].answer == "let me lookhalf an "  # a last word may not be all of it
    assert "interrupted" in kept.to_markdown()
    resumed = kx.history.resume()
    assert [message.role for message in resumed.messages] == ["user", "assistant", "tool"]
    assert Text(text="let me look") in resumed.messages[1].parts
    reply = kx.chat("go on", cluster=PICTURE, provider="rules", conversation=resumed)
    assert reply.conversation.id == kx.history.list()[0].id


def test_words_are_found_where_they_stand(server: WireServer) -> None:
    reply = asked("why is the paymentservice failing?", server, Say("its 50%_disk is full"))
    other = asked("what of checkout?", server)
    dx = kx.diagnose(cluster=PICTURE)
    found = kx.history.search("PAYMENTSERVICE")
    assert [entry.id for entry in found] == [reply.conversation.id]
    assert "paymentservice" in found[0].found
    assert [entry.id for entry in kx.history.search("checkout")] == [other.conversation.id]
    assert dx.id in [entry.id for entry in kx.history.search("evicted Pod")]
    assert [entry.id for entry in kx.history.search("mentserv")] == [reply.conversation.id]  # in the middle of a word
    assert [entry.id for entry in kx.history.search("50%_")] == [reply.conversation.id]
    assert kx.history.search('"; DROP TABLE runs; --') == ()
    with pytest.raises(UsageError, match="nothing to look for"):
        kx.history.search("  ")


def test_words_are_found_without_an_index_too(server: WireServer, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = asked("why is payment failing?", server)
    sql = searching._INDEX.replace("fts5", "fts_of_nobody")
    monkeypatch.setattr(searching, "_INDEX", sql)
    assert [entry.id for entry in kx.history.search("payment")] == [reply.conversation.id]
    assert kx.history.search("pa_ment") == kx.history.search("%") == ()


def test_an_id_may_be_shortened_as_long_as_it_is_clear(server: WireServer) -> None:
    first, second = asked("one", server), asked("two", server)
    run = kx.history.show(first.conversation.id).conversation.runs[0]  # type: ignore[union-attr]
    assert kx.history.resume(first.conversation.id[:-1]).id == first.conversation.id
    assert kx.history.resume(first.conversation.id[2:]).id == first.conversation.id
    assert kx.history.resume(run.id).id == first.conversation.id
    with pytest.raises(UsageError, match=f"not one id; it is the beginning of {second.conversation.id}"):
        kx.history.resume("c-")
    with pytest.raises(NotFoundError, match=f"the nearest is {first.conversation.id}"):
        kx.history.show(f"{first.conversation.id[:-1]}z")
    with pytest.raises(NotFoundError, match="kubeagentix history list"):
        kx.history.show("zzz")


def test_a_conversation_is_exported_with_its_tools_and_events(server: WireServer) -> None:
    server.script([Say("let me look"), Call("list_namespaces")], [Say("| a | b |\n\x1b[31m")])
    reply = kx.chat("why?\nreally", cluster=PICTURE, provider="openai")
    text = kx.history.export()
    assert "## why? really" in text
    assert "- `list_namespaces()`" in text
    assert "| a | b |" in text
    assert "\x1b" not in text
    found = json.loads(kx.history.export(reply.conversation.id, "json"))
    assert (found["schema_version"], found["id"]) == (1, reply.conversation.id)
    kinds = [event["kind"] for event in found["runs"][0]["events"]]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_finished"
    one = json.loads(kx.history.export(found["runs"][0]["id"], "json"))
    assert one["runs"] == found["runs"]
    with pytest.raises(UsageError, match="a conversation has no format 'html'; it has markdown, json"):
        kx.history.export(reply.conversation.id, "html")


def aged(days: float) -> None:
    """As if all that is there were older by so many days."""
    with closing(sqlite3.connect(kx.history.path)) as file, file:
        file.execute("UPDATE conversations SET updated_at = updated_at - ?", (days * 86_400,))
        file.execute("UPDATE diagnoses SET finished_at = finished_at - ?", (days * 86_400,))


def test_what_is_old_is_taken_out_and_the_file_shrinks(server: WireServer) -> None:
    for number in range(3):
        asked(f"old {number}", server, Say("x" * 200_000, piece=20_000))
        kx.diagnose(cluster=PICTURE)
    kx.history.search("old")
    aged(10)
    young = asked("young", server)
    before = kx.history.path.stat().st_size
    pruned = kx.history.prune(days=5)
    assert (pruned.conversations, pruned.diagnoses) == (3, 3)
    assert [entry.id for entry in kx.history.list()] == [young.conversation.id]
    assert kx.history.path.stat().st_size == pruned.after < before / 3
    assert kx.history.search("old") == ()
    assert len(kx.history.search("young")) == 1
    left = b"".join(file.read_bytes() for file in kx.history.path.parent.iterdir())
    assert b"xxxxxxxxxx" not in left


def test_what_is_too_much_goes_from_the_oldest_on(server: WireServer) -> None:
    replies = [asked(f"number {number}", server, Say(f"{number} " * 60_000, piece=20_000)) for number in range(12)]
    pruned = kx.history.prune(mb=2)
    assert pruned.after <= 2_000_000
    kept = [entry.id for entry in kx.history.list()]
    assert kept
    assert kept == [reply.conversation.id for reply in reversed(replies)][: len(kept)]


def test_the_limits_of_the_settings_hold_by_themselves(server: WireServer, monkeypatch: pytest.MonkeyPatch) -> None:
    old = asked("old", server)
    aged(100)
    with closing(sqlite3.connect(kx.history.path)) as file, file:
        file.execute("DELETE FROM meta WHERE key = 'pruned'")
    asked("new", server)
    assert old.conversation.id not in [entry.id for entry in kx.history.list()]
    monkeypatch.setenv("KUBEAGENTIX_HISTORY_DAYS", "-1")
    with pytest.raises(kx.KubeAgentiXError, match="KUBEAGENTIX_HISTORY_DAYS"):
        kx.diagnose(cluster=PICTURE)


def test_clearing_takes_everything_but_what_runs(server: WireServer) -> None:
    asked("why?", server)
    kx.diagnose(cluster=PICTURE)
    with closing(sqlite3.connect(kx.history.path)) as file, file:
        kx.history.list()
    kx.history.clear()
    assert kx.history.list() == ()


def test_a_history_that_is_off_can_still_be_read(server: WireServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked("why?", server)
    monkeypatch.setenv("KUBEAGENTIX_HISTORY", "no")
    asked("again?", server)
    assert [entry.title for entry in kx.history.list()] == ["why?"]


@pytest.mark.parametrize("value", [-1, float("nan"), True, "ten"])
def test_limits_that_cannot_be_are_refused(value: object) -> None:
    with pytest.raises(UsageError, match="a number from 0 up"):
        kx.history.prune(days=value)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a whole number from 1 up"):
        kx.history.list(limit=value)  # type: ignore[arg-type]
