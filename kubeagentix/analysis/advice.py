"""How lint says what it has to say: one Finding of severity `info` per object and rule, with all that was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.templates import Template, templates
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.pods import Container
from kubeagentix.domain.snapshot import Snapshot

REMARKS_SHOWN = 12  # in words; a spec with more is as bad as it gets


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What a rule has to say of an object: what was seen, and the field it is about."""

    seen: str
    locator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRule:
    """A rule about pod templates: what is the matter, in a few words, and why that matters."""

    title: str
    why: str
    look: Callable[[Snapshot, Template], Iterable[Remark]]


def advise_templates(analyzer: str, snapshot: Snapshot, rules: Mapping[str, TemplateRule]) -> Iterator[Finding]:
    """One Finding per workload and rule, naming all containers it is about. `rules` are by reason."""
    for template in templates(snapshot):
        for reason, rule in rules.items():
            remarks = tuple(rule.look(snapshot, template))
            if remarks:
                yield advice(analyzer, reason, template.workload, title=rule.title, why=rule.why, remarks=remarks)


def advice(analyzer: str, reason: str, ref: ResourceRef, *, title: str, why: str, remarks: Iterable[Remark]) -> Finding:
    """A Finding whose cause tells the remarks and why they matter. Its reason is `Lint/` and `reason`."""
    seen = tuple(remarks)
    more = f" and {len(seen) - REMARKS_SHOWN} more" if len(seen) > REMARKS_SHOWN else ""
    return Finding.of(
        analyzer=analyzer,
        reason=f"Lint/{reason}",
        ref=ref,
        title=f"{ref}: {title}",
        severity=Severity.INFO,
        confidence=0.9,
        cause=f"{'; '.join(remark.seen for remark in seen[:REMARKS_SHOWN])}{more}. {why}",
        evidence=tuple(Evidence.of(ref, "spec", remark.seen, locator=remark.locator) for remark in seen),
        remedies=(kubectl.read("See the spec", f"get {kubectl.arguments(ref)} -o yaml"),),
    )


def of_container(container: Container, field: str, seen: str) -> Remark:
    """A Remark on one container."""
    return Remark(seen=f"container {container.name} {seen}", locator=f"containers[{container.name}].{field}")


def all_containers(template: Template) -> tuple[Container, ...]:
    """Init containers first."""
    return (*template.spec.init_containers, *template.spec.containers)
