"""The table of `%kdx`: what is sent of a diagnosis, what clicks do, and what a saved notebook holds of it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import kubeagentix as kx
from kubeagentix import sync
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.events import PartialFindings, StageChanged
from kubeagentix.errors import ClusterError
from kubeagentix.notebook import dx_view, reports
from kubeagentix.notebook.dx_view import DxView
from kubeagentix.notebook.reports import bundle_of
from kubeagentix.notebook.watching import Watch
from kubeagentix.notebook.widgets import findings as widget
from tests.notebook.test_view import Screen
from tests.servers.openai import OpenAIServer
from tests.servers.turns import Call, Say
from tests.servers.wire import WireServer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # a kernel's sockets
POD = ResourceRef(kind="Pod", namespace="shop", name="web-1")


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable", "service-selector-mismatch") as started:
        kx.use(None)
        yield started


@pytest.fixture(scope="module")
def diagnosis(demo: kx.Demo) -> kx.Diagnosis:
    return kx.diagnose(cluster=demo, history=False)


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    yield
    reports._tables.clear()


@pytest.fixture
def table(demo: kx.Demo) -> DxView:
    return DxView("Quick Dx of the cluster", demo)


def by_reason(diagnosis: kx.Diagnosis, word: str) -> Finding:
    return next(item for item in diagnosis.findings if word in item.reason)


def test_every_finding_is_a_row_with_the_rank_of_its_cause(diagnosis: kx.Diagnosis) -> None:
    rows = widget.rows(diagnosis)
    assert [row[0] for row in rows] == [item.id for item in diagnosis.findings]
    first = diagnosis.hypotheses[0]
    assert {row[0] for row in rows if row[8] == 1} == {*first.findings}
    json.dumps(rows)


def test_an_opened_row_tells_what_caused_it_and_what_it_leads_to(diagnosis: kx.Diagnosis) -> None:
    effect = next(item for item in diagnosis.findings if item.caused_by)
    cause = diagnosis.finding(effect.caused_by[0])
    assert effect.id in {step["finding"] for step in widget.detail(diagnosis.findings, cause)["effects"]}
    assert cause.id in {step["finding"] for step in widget.detail(diagnosis.findings, effect)["causes"]}


def test_a_circle_of_causes_has_an_end(diagnosis: kx.Diagnosis) -> None:
    one, two = diagnosis.findings[:2]
    one, two = dataclasses.replace(one, caused_by=(two.id,)), dataclasses.replace(two, caused_by=(one.id,))
    round_about = dataclasses.replace(diagnosis, findings=(one, two))
    assert [step["finding"] for step in widget.detail(round_about.findings, one)["causes"]] == [two.id]


def test_the_guilty_line_of_a_log_is_marked(diagnosis: kx.Diagnosis) -> None:
    part = widget.detail(diagnosis.findings, by_reason(diagnosis, "MissingVariable"))
    logs = [piece for piece in part["evidence"] if piece["source"] == "log"]
    for log in logs:
        assert [line for at, line in enumerate(log["lines"]) if at in log["guilty"]] == [log["lines"][-1]]
        assert log["lines"][-1].endswith("DATABASE_URL not set")
        assert len(log["lines"]) > 1
    assert logs


@pytest.mark.parametrize(
    ("summary", "lines", "guilty"),
    [
        ("container app of web-1 logs: boom: no such host", "starting\nboom: no such host\nbye", [1]),
        ("boom: no such host", "boom: no such host", [0]),
        ("the last lines of its log", "listening on :80", []),
        ("the last lines of its log", "starting\nready", []),
    ],
)
def test_without_a_mark_the_line_that_is_quoted_is_guilty(
    diagnosis: kx.Diagnosis, summary: str, lines: str, guilty: list[int]
) -> None:
    piece = Evidence.of(POD, "log", summary, excerpt=lines)
    finding = dataclasses.replace(diagnosis.findings[0], evidence=(piece,))
    assert widget.detail(diagnosis.findings, finding)["evidence"][0]["guilty"] == guilty


def test_five_thousand_findings_are_one_message(diagnosis: kx.Diagnosis, table: DxView) -> None:
    many = tuple(
        Finding.of(
            analyzer="a",
            reason="R",
            ref=dataclasses.replace(POD, name=f"web-{number}"),
            title="t",
            severity=Severity.WARNING,
            confidence=0.5,
            cause="c",
            evidence=(),
        )
        for number in range(5000)
    )
    screen = Screen(table.view)
    table.show(dataclasses.replace(diagnosis, findings=many))
    table.view.flush()
    assert len(screen.parts["findings"]["rows"]) == 5000
    assert sum("web-4999" in json.dumps(message) for message in screen.messages) == 1


def test_stages_are_told_with_their_counts(table: DxView) -> None:
    screen = Screen(table.view)
    table.listen(StageChanged(stage="connect", done=1, total=1))
    table.listen(StageChanged(stage="collect", done=61, total=61, detail="pods"))
    table.view.flush()
    assert [(one["name"], one["done"], one["total"]) for one in screen.state["stages"]] == [
        ("connect", 1, 1),
        ("collect", 61, 61),
    ]


def test_objects_are_counted_by_kind_while_they_are_read(table: DxView) -> None:
    screen = Screen(table.view)
    for done, detail, items in ((0, "pods", 500), (1, "nodes", 6), (2, "pods", 1500)):
        table.listen(StageChanged(stage="collect", done=done, total=2, detail=detail, items=items))
    table.view.flush()
    (stage,) = screen.state["stages"]
    assert (stage["objects"], stage["kinds"], stage["detail"]) == (1506, "1,500 pods, 6 nodes", "1,500 pods")


def test_what_is_sure_is_shown_until_the_answer_comes(diagnosis: kx.Diagnosis, table: DxView) -> None:
    screen, some = Screen(table.view), diagnosis.findings[:2]
    table.listen(PartialFindings(findings=some, more=3))
    table.view.flush()
    assert screen.state["is_partial"]
    assert [(row[0], row[8]) for row in screen.parts["findings"]["rows"]] == [(item.id, 0) for item in some]
    assert "hypotheses" not in screen.parts
    screen.say({"intent": "open", "id": some[0].id})
    assert screen.parts[f"detail-{some[0].id}"]["evidence"]
    table.show(diagnosis)
    table.listen(PartialFindings(findings=some))  # of another look, as with --watch
    table.view.flush()
    assert not screen.state["is_partial"]
    assert len(screen.parts["findings"]["rows"]) == len(diagnosis.findings)


def test_a_run_that_is_stopped_keeps_what_was_sure_by_then(diagnosis: kx.Diagnosis, table: DxView) -> None:
    bad = dataclasses.replace(diagnosis.findings[0], title="<img src=x onerror=alert(1)>")

    def stopped() -> None:
        with table as listen:
            listen(PartialFindings(findings=(bad,)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    kept = table._static()
    assert kept["text/plain"].startswith("Quick Dx: stopped in")
    assert str(bad.ref) in kept["text/plain"]
    assert "&lt;img" in kept["text/html"]
    assert "<img" not in kept["text/html"]


def test_a_row_is_opened_by_its_id_and_no_other(diagnosis: kx.Diagnosis, table: DxView) -> None:
    screen = Screen(table.view)
    table.show(diagnosis)
    for key in ("f-0000000000", "", "detail", diagnosis.findings[0].id):
        screen.say({"intent": "open", "id": key})
    assert [name for name in screen.parts if name.startswith("detail-")] == [f"detail-{diagnosis.findings[0].id}"]


def test_nothing_of_a_diagnosis_is_in_the_state_that_a_notebook_may_save(
    diagnosis: kx.Diagnosis, table: DxView
) -> None:
    table.show(diagnosis)
    state = repr({name: value for name, value in table.view.get_state().items() if name not in ("_esm", "_css")})
    assert "checkout" not in state


def test_of_many_tables_the_oldest_are_left_to_their_reports(diagnosis: kx.Diagnosis, demo: kx.Demo) -> None:
    tables = [DxView("t", demo) for _ in range(reports.MAX_TABLES + 2)]
    for number, one in enumerate(tables):
        one.show(dataclasses.replace(diagnosis, id=f"d-{number}"))
    assert [*reports._tables.values()] == tables[2:]
    assert tables[0].view.comm is None


def test_without_a_kernel_a_diagnosis_is_shown_as_ever(diagnosis: kx.Diagnosis, table: DxView) -> None:
    table.show(diagnosis)
    assert bundle_of(diagnosis) == diagnosis._repr_mimebundle_()


def test_the_report_is_ready_when_the_widget_goes(
    diagnosis: kx.Diagnosis, table: DxView, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = diagnosis._repr_mimebundle_()
    with table:
        table.show(diagnosis)
    with monkeypatch.context() as patched:
        patched.setattr(kx.Diagnosis, "_repr_mimebundle_", None)
        assert bundle_of(diagnosis) == whole
    assert bundle_of(diagnosis) == whole  # later it is made anew


# explaining


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    with OpenAIServer() as server:
        monkeypatch.setenv("KUBEAGENTIX_OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "dummy-key-of-this-test")
        yield server


def until(holds: Any, seconds: float = 20.0) -> None:
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def test_a_row_is_explained_by_the_chosen_provider(model: WireServer, diagnosis: kx.Diagnosis, table: DxView) -> None:
    model.script(
        [Call("get_resource", {"kind": "Deployment", "name": "checkout", "namespace": "orders"})],
        [Say("The variable is <img src=x onerror=alert(1)> **missing**.")],
    )
    finding = by_reason(diagnosis, "MissingVariable")
    screen = Screen(table.view)
    table.show(diagnosis)
    sync.run(table._offer())
    until(lambda: "openai" in {item["id"] for item in screen.state.get("providers", ())})
    screen.say({"intent": "choose", "provider": "openai"})
    screen.say({"intent": "explain", "id": finding.id})
    until(lambda: screen.parts.get(f"run-{finding.id}", {}).get("state") in ("done", "failed"))
    run, said = screen.parts[f"run-{finding.id}"], screen.parts[f"said-{finding.id}"]
    assert run["ran"].startswith("openai / ")
    assert [(call["name"], call["state"]) for call in run["calls"]] == [("get_resource", "done")]
    assert "<strong>missing</strong>" in said["html"] + said["tail"]
    assert "<img" not in said["html"] + said["tail"]
    assert "Deployment orders/checkout" in str(model.requests[0].body)


def explained(table: DxView, finding: Finding) -> Screen:
    """The screen of that table once openai has explained that row."""
    screen = Screen(table.view)
    sync.run(table._offer())
    screen.say({"intent": "choose", "provider": "openai"})
    screen.say({"intent": "explain", "id": finding.id})
    until(lambda: screen.parts.get(f"run-{finding.id}", {}).get("state") in ("done", "failed"))
    return screen


def test_evidence_that_an_explanation_cites_opens_where_it_is_cited(
    model: WireServer, diagnosis: kx.Diagnosis, table: DxView
) -> None:
    finding = by_reason(diagnosis, "MissingVariable")
    known, made_up = finding.evidence[0].id, "e-0123456789"
    model.script([Say(f"The log says so [{known}], and so does [{made_up}].")])
    table.show(diagnosis)
    screen = explained(table, finding)
    said = screen.parts[f"said-{finding.id}"]
    assert f'data-evidence="{known}"' in said["html"] + said["tail"]
    assert f'data-evidence="{made_up}"' not in said["html"] + said["tail"]
    assert screen.parts[known]["summary"]
    assert made_up not in screen.parts


def test_an_explanation_goes_on_as_a_chat(model: WireServer, diagnosis: kx.Diagnosis, table: DxView) -> None:
    finding = by_reason(diagnosis, "MissingVariable")
    model.script([Say("A variable is missing.")], [Say("Set it in the Deployment.")])
    table.show(diagnosis)
    screen = explained(table, finding)
    until(lambda: screen.parts[f"run-{finding.id}"]["goes_on"])
    screen.say({"intent": "chat", "id": finding.id})
    chat = table.chats[finding.id]
    assert screen.parts[f"chat-{finding.id}"]["model"] == chat.views[0].model_id
    assert "A variable is missing." in chat.to_markdown()
    chat.hear("ask", {"text": "how do I mend it?"})
    until(lambda: not chat.is_running and len(chat.turns) == 2)
    assert chat.turns[1].text == "Set it in the Deployment."
    asked = str(model.requests[-1].body)
    assert "A variable is missing." in asked
    assert "how do I mend it?" in asked


def test_a_credential_that_was_entered_is_enough_to_be_offered(
    diagnosis: kx.Diagnosis, table: DxView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    screen = Screen(table.view)
    table.show(diagnosis)
    sync.run(table._offer())
    before = {item["id"] for item in table.view.state["providers"]}
    table._choice.enter("openai", "dummy-key-of-this-test")
    sync.run(table._offer())
    table.view.flush()
    assert {item["id"] for item in screen.state["providers"]} - before == {"openai"}


def test_an_explanation_is_stopped_and_a_wrong_choice_is_none(
    model: WireServer, diagnosis: kx.Diagnosis, table: DxView
) -> None:
    model.script([Say("word " * 200, pause_s=0.1)])
    finding = diagnosis.findings[0]
    screen = Screen(table.view)
    table.show(diagnosis)
    sync.run(table._offer())
    screen.say({"intent": "choose", "provider": "nobody"})
    screen.say({"intent": "choose", "provider": "openai"})
    screen.say({"intent": "explain", "id": finding.id})
    until(lambda: "word" in screen.parts.get(f"said-{finding.id}", {}).get("tail", ""))
    screen.say({"intent": "stop_explaining", "id": finding.id})
    until(lambda: screen.parts[f"run-{finding.id}"]["state"] == "stopped")


# watching


def watched(table: DxView, looks: list[Any], stop_after: int) -> tuple[Any, list[kx.Diagnosis]]:
    """Watches these looks, stops after so many; the result, and what was handed on at the end."""
    handed: list[kx.Diagnosis] = []
    done = 0

    async def look(_: Any) -> kx.Diagnosis:
        nonlocal done
        done += 1
        if done >= stop_after:
            table._intended("stop", {})
        found = looks[min(done, len(looks)) - 1]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    async def wait() -> Any:
        return await Watch(table, look, 0.01, lambda found: handed.append(found) or found)  # type: ignore[func-returns-value]

    return asyncio.run(wait()), handed


def test_watching_marks_what_is_new_and_gone_and_returns_the_last(diagnosis: kx.Diagnosis, table: DxView) -> None:
    first, last = diagnosis.findings[0], diagnosis.findings[-1]
    before = dataclasses.replace(diagnosis, id="d-1", findings=diagnosis.findings[1:])
    after = dataclasses.replace(diagnosis, id="d-2", findings=diagnosis.findings[:-1])
    screen = Screen(table.view)
    result, handed = watched(table, [before, after, after], 4)
    table.view.flush()
    assert result is after
    assert handed == [after]
    marks = {row[0]: row[10] for row in screen.parts["findings"]["rows"]}
    assert {key: mark for key, mark in marks.items() if mark} == {first.id: "new", last.id: "gone"}
    assert screen.state["change"].endswith(": 1 new, 1 gone")
    screen.say({"intent": "open", "id": last.id})
    assert screen.parts[f"detail-{last.id}"]["is_gone"]


def test_a_look_that_fails_is_told_and_the_next_one_counts(diagnosis: kx.Diagnosis, table: DxView) -> None:
    screen = Screen(table.view)
    result, _ = watched(table, [diagnosis, ClusterError("cannot list pods: timeout"), diagnosis], 3)
    assert result is diagnosis
    notes = [
        op["state"]["note"]
        for m in screen.messages
        for op in m.get("ops", ())
        if op["op"] == "set" and "note" in op["state"]
    ]
    assert any("cannot list pods" in note for note in notes)
    assert notes[-1] == ""


def test_a_first_look_that_fails_raises(table: DxView) -> None:
    with pytest.raises(ClusterError):
        watched(table, [ClusterError("no")], 9)


def interrupted(table: DxView, first: kx.Diagnosis) -> Watch:
    """What was watched until an interrupt, after one look."""

    async def look(_: Any) -> kx.Diagnosis:
        return first

    watch = Watch(table, look, 60, lambda found: found)

    async def wait() -> None:
        task = asyncio.ensure_future(watch._watched())
        while not table.view.state.get("may_stop"):  # noqa: ASYNC110  it is set on any thread
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(wait())
    return watch


def test_an_interrupt_of_watching_leaves_one_report(diagnosis: kx.Diagnosis, table: DxView) -> None:
    assert interrupted(table, diagnosis).left() is diagnosis
    assert table._static()["text/plain"].startswith("Quick Dx: stopped in")
    assert "root cause" not in table._static()["text/html"]


# what a kernel that ends leaves


class Output:
    """Takes the place of a cell's output: what is in it each time it changes."""

    def __init__(self, static: Any) -> None:
        self.static, self.seen = static, list[Any]()

    def settle(self) -> None:
        self.seen.append(self.static())

    def unsettle(self) -> None:
        self.seen.append("widget")


def test_what_is_saved_while_it_works_is_what_is_known_by_then(diagnosis: kx.Diagnosis, table: DxView) -> None:
    screen = Screen(table.view)
    output: Any = Output(table._static)
    table._shown = output
    table.listen(PartialFindings(findings=diagnosis.findings[:1]))
    assert output.seen == []  # as long as nobody says that the report is covered
    screen.say({"intent": "docks"})
    table.listen(PartialFindings(findings=diagnosis.findings[:3]))  # at once: not again
    table.show(diagnosis, phase="watching")
    table.show(diagnosis, phase="watching")
    partial, whole = output.seen
    assert "⏳ Quick Dx of the cluster, as far as it was at" in partial["text/plain"]
    assert str(diagnosis.findings[0].ref) in partial["text/plain"]
    assert table.view.dock in partial["text/html"]
    assert "root causes found" in whole["text/plain"]
    assert table.view.dock in whole["text/html"]
    screen.say({"intent": "stays"})
    assert output.seen[2:] == ["widget"]


# what stays


def executed(*cells: str) -> list[list[Any]]:
    made: Any = nbformat.v4  # untyped
    notebook = made.new_notebook(cells=[made.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, allow_errors=True, kernel_name="python3", env=dict(os.environ)).execute()
    return [cell.outputs for cell in notebook.cells]


def test_a_saved_notebook_holds_the_report_and_no_widget(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_RENDER", "live")
    _, shown, again = executed("%load_ext kubeagentix", f"%%kdx --snapshot {broken} -o kept", "kept")
    assert [output.output_type for output in shown] == ["display_data", "execute_result"]
    assert all("application/vnd.jupyter.widget-view+json" not in output.data for output in (*shown, *again))
    assert "kx-dock-" in shown[1].data["text/html"]
    assert "kx-dock-" in again[0].data["text/html"]
    assert "root cause found" in shown[1].data["text/html"]


def test_an_answer_of_a_plain_call_is_covered_by_a_table_too(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_RENDER", "live")
    load = f"%load_ext kubeagentix\nimport kubeagentix as kx\nsnapshot = kx.load({broken!r})"
    _, shown, awaited, again = executed(
        load, "kx.diagnose(cluster=snapshot)", "dx = await kx.adiagnose(cluster=snapshot)\ndx", "dx"
    )
    slots = [re.findall(r"kx-dock-[0-9a-f]+", cell[0].data["text/html"]) for cell in (shown, awaited, again)]
    assert slots[0] != slots[1]
    assert slots[1] == slots[2]
    assert all("application/vnd.jupyter.widget-view+json" not in cell[0].data for cell in (shown, awaited, again))


def test_an_answer_knows_what_it_is_about(demo: kx.Demo) -> None:
    with kx.demo("image-tag-not-found") as other:
        kx.use(None)
        found, elsewhere = (kx.diagnose(cluster=one, history=False) for one in (demo, other))
        assert dx_view._source_of(found) is demo.cluster
        assert dx_view._source_of(elsewhere) is other.cluster
    assert dx_view._source_of(dataclasses.replace(found, id="d-unknown", cluster="no-such-context")) is None


def test_asked_for_static_output_there_is_no_widget_at_all(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEAGENTIX_RENDER", "static")
    _, shown = executed("%load_ext kubeagentix", f"%%kdx --snapshot {broken}\n-A")
    assert [output.output_type for output in shown] == ["execute_result"]
    assert "kx-dock" not in shown[0].data["text/html"]
