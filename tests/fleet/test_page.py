"""The report for a notebook: what it shows, and that nothing foreign in it is markup."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from kubeagentix.domain.diagnosis import Gap, ResourceRef, Severity
from kubeagentix.fleet.diagnosis import FleetDiagnosis
from kubeagentix.fleet.report import ClusterReport, RootCause, Step

NOW = datetime(2026, 1, 15, 10, 0, tzinfo=UTC)
EVIL = "<img src=x onerror=alert(1)>\x1b[31m$x$\n&lt;"
ALLOWED = {"div", "p", "strong", "small", "details", "summary", "ul", "li", "pre", "code", "table", "thead", "tbody"}


def cause(**fields: Any) -> RootCause:
    values: dict[str, Any] = {
        "id": "h-1",
        "title": "it is broken",
        "summary": "this is why",
        "reason": "CrashLoopBackOff/Panic",
        "severity": Severity.CRITICAL,
        "confidence": 0.9,
        "symptoms": 0,
        "root": ResourceRef(kind="Deployment", namespace="shop", name="web"),
        "steps": (Step(title="Look", command="kubectl describe deployment/web -n shop", is_change=False),),
    }
    return RootCause(**{**values, **fields})


def fleet(*reports: ClusterReport, **fields: Any) -> FleetDiagnosis:
    return FleetDiagnosis(reports=reports, started_at=NOW, finished_at=NOW, **fields)


class Tags(HTMLParser):
    """The tags of a document, which must be closed in order, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.add(tag)
        assert {name for name, _ in attributes} <= {"class", "style", "open"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    return tags


def test_it_shows_incidents_what_was_not_seen_and_each_cluster() -> None:
    found = fleet(
        ClusterReport(name="asia", roots=(cause(),), severities={"critical": 3}, where=("--context=asia",)),
        ClusterReport(name="europe", roots=(cause(),), severities={"critical": 1}),
        ClusterReport(name="lab", gaps=(Gap(what="events", why="403 Forbidden"),)),
        ClusterReport(name="us", why="cannot reach it", code="unreachable"),
        notices=("something odd",),
    )
    html = found.to_html()
    text = " ".join(parsed(html).text.split())
    assert text.startswith("⛔ 4 clusters: 1 incident in 2 of them, 1 could not be asked")
    assert "CrashLoopBackOff/Panic of Deployment shop/web — critical, 2 of 3 clusters On asia, europe" in text
    assert "kubectl --context=asia describe deployment/web -n shop" in text
    assert "us: cannot reach it events: 403 Forbidden (in lab)" in text
    assert "us cannot reach it ? ? ? ?" in text  # what was not seen is not 0
    assert "something odd" in text
    assert found._repr_mimebundle_()["text/html"] == html


def test_nothing_foreign_is_markup() -> None:
    evil = cause(
        title=EVIL,
        summary=f"why {EVIL}",
        reason=f"X{EVIL}",
        root=ResourceRef(kind="Deployment", namespace=EVIL, name=EVIL),
        steps=(Step(title=EVIL, command=f"kubectl get {EVIL}", is_change=True),),
    )
    html = fleet(
        ClusterReport(name=EVIL, roots=(evil,), where=(f"--context={EVIL}",), severities={"critical": 1}),
        ClusterReport(name=f"2{EVIL}", why=EVIL, gaps=(Gap(what=EVIL, why=EVIL),)),
        ClusterReport(name=f"3{EVIL}", gaps=(Gap(what=EVIL, why=EVIL),)),
        notices=(EVIL,),
    ).to_html()
    tags = parsed(html)
    assert tags.seen <= ALLOWED | {"tr", "th", "td"}
    assert "onerror=alert(1)>" in tags.text
    assert "\x1b" not in html
    assert "mathjax_ignore" in html


def test_a_large_fleet_is_a_short_page() -> None:
    reports = [
        ClusterReport(name=f"c{number}", roots=(cause(reason=f"R{number}"),), severities={"critical": 1})
        for number in range(1000)
    ]
    html = fleet(*reports).to_html()
    assert len(html) < 500_000
    assert "<details open" not in html  # all are seen at a glance
    assert "… and 800 more, in the JSON" in parsed(html).text
