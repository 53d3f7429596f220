"""Advice on roles: rules that allow everything, today's resources and tomorrow's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis.advice import Remark, advice
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.access import ClusterRole, PolicyRule, Role
from kubeagentix.domain.diagnosis import Finding
from kubeagentix.domain.snapshot import Snapshot

ID = "lint-roles"
_BUILT_IN = ("kubernetes.io/bootstrapping", "rbac-defaults")  # the label of the roles that the API server makes


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """One Finding of severity `info` per role that has a rule with a wildcard."""
    roles: tuple[Role | ClusterRole, ...] = (*snapshot.all(Role), *snapshot.all(ClusterRole))
    for role in roles:
        if _BUILT_IN not in role.metadata.labels.items() and not role.name.startswith("system:"):
            remarks = tuple(_wildcards(role))
            if remarks:
                why = "It also gives what is added to the cluster later; name what is needed."
                yield advice(
                    ID, "WildcardRole", snapshot.ref(role), title="rights without a bound", why=why, remarks=remarks
                )


def _wildcards(role: Role | ClusterRole) -> Iterator[Remark]:
    if isinstance(role, ClusterRole) and role.aggregation_rule is not None:
        return  # its rules are those of others
    for place, rule in enumerate(role.rules):
        if "*" in rule.verbs or "*" in rule.resources:
            yield Remark(seen=_in_words(rule), locator=f"rules[{place}]")


def _in_words(rule: PolicyRule) -> str:
    verbs = "every verb" if "*" in rule.verbs else ", ".join(rule.verbs)
    things = "every resource" if "*" in rule.resources else ", ".join(rule.resources or rule.non_resource_urls)
    groups = "every API group" if "*" in rule.api_groups else ", ".join(name or "core" for name in rule.api_groups)
    only = f" named {', '.join(rule.resource_names)}" if rule.resource_names else ""
    return f"{verbs} on {things}{only} of {groups}" if rule.resources else f"{verbs} on {things}"


plugin = AnalyzerPlugin(id=ID, title="Advice on roles", analyze=analyze, is_lint=True)
