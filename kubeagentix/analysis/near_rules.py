"""Which rule of a role comes nearest to allowing a request, and what is amiss in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubeagentix.analysis.rbac import Request, covers_name, covers_resource
from kubeagentix.analysis.selectors import is_one_slip
from kubeagentix.domain.access import PolicyRule
from kubeagentix.domain.resources import KINDS, find_kind

MISSING_VERB = "MissingVerb"
RESOURCE_NAMES = "ResourceNames"
MISSING_SUBRESOURCE = "MissingSubresource"
WRONG_API_GROUP = "WrongAPIGroup"
MISSPELT_RESOURCE = "MisspeltResource"
# The less there is to mend, the nearer.
NEARNESS = (MISSING_VERB, RESOURCE_NAMES, MISSING_SUBRESOURCE, WRONG_API_GROUP, MISSPELT_RESOURCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearRule:
    """A rule that nearly allows a request: what is amiss (one of NEARNESS), and in words that follow the role's name.

    `index` is the rule's place in the role.
    """

    amiss: str
    words: str
    index: int


def nearest_rule(rules: tuple[PolicyRule, ...], request: Request) -> NearRule | None:
    """The rule that comes nearest, None if none of them is about the same thing."""
    found = [
        NearRule(amiss=amiss, words=words, index=index)
        for index, rule in enumerate(rules)
        for amiss, words in (_amiss(rule, request),)
        if amiss
    ]
    if not found:
        return None
    best = min(found, key=lambda item: NEARNESS.index(item.amiss))
    return NearRule(amiss=MISSING_VERB, words=_verbs(rules, request), index=best.index) if _lacks_verb(best) else best


def _lacks_verb(rule: NearRule) -> bool:
    return rule.amiss == MISSING_VERB


def _verbs(rules: Iterable[PolicyRule], request: Request) -> str:
    """The verbs that all rules about the resource give together."""
    about = [rule for rule in rules if _amiss(rule, request)[0] == MISSING_VERB]
    verbs = ", ".join(dict.fromkeys(verb for rule in about for verb in rule.verbs))
    return f"gives {verbs or 'nothing'} on {request.what}; {request.verb} is missing"


def _amiss(rule: PolicyRule, request: Request) -> tuple[str, str]:
    if request.path:
        is_about = request.path in rule.non_resource_urls
        return (MISSING_VERB, "") if is_about else ("", "")
    base, _, sub = request.resource.partition("/")
    in_group = "*" in rule.api_groups or request.group in rule.api_groups
    has_verb = "*" in rule.verbs or request.verb in rule.verbs
    if covers_resource(rule, request.resource):
        return _of_resource(rule, request, in_group=in_group, has_verb=has_verb)
    if in_group and sub and base in rule.resources:
        return MISSING_SUBRESOURCE, f"gives {base}, which does not include the subresource {request.resource}"
    slip = next((item for item in rule.resources if _is_slip(item, base, request.group)), "")
    if slip:
        spelt = request.resource if sub else base
        return MISSPELT_RESOURCE, f"names the resource {slip}, which does not exist; it is called {spelt}"
    return "", ""


def _of_resource(rule: PolicyRule, request: Request, *, in_group: bool, has_verb: bool) -> tuple[str, str]:
    if not in_group:
        if "*" in rule.resources or _is_right_elsewhere(rule, request.resource):
            return "", ""
        return WRONG_API_GROUP, f"gives {request.resource} in {_groups(rule)}; it belongs to {_group(request.group)}"
    if not has_verb:
        return MISSING_VERB, ""
    if not covers_name(rule, request.name):
        which = f"{request.resource} {request.name}" if request.name else f"{request.verb} of all {request.resource}"
        named = ", ".join(rule.resource_names[:3])
        return RESOURCE_NAMES, f"gives {request.verb} only on {named} (resourceNames), which does not cover {which}"
    return "", ""


def _groups(rule: PolicyRule) -> str:
    return "API group " + " and ".join(f'"{group}"' for group in rule.api_groups)


def _group(group: str) -> str:
    return f'API group "{group}"'


def _is_right_elsewhere(rule: PolicyRule, resource: str) -> bool:
    """Whether the rule's own group has a resource of that name, such as pods in "" and in metrics.k8s.io."""
    base = resource.partition("/")[0]
    return any(kind.plural == base and kind.group in rule.api_groups for kind in KINDS.values())


def _is_slip(item: str, base: str, group: str) -> bool:
    """Whether `item` stands for `base` and is no resource: a kind, a singular, a short name, a typing error."""
    name = item.partition("/")[0]
    if name == base or any(kind.plural == name for kind in KINDS.values()):
        return item != base and name == base and item.endswith("/*")
    known = find_kind(name)
    if known is not None:
        return known.plural == base
    plain = name.lower().removesuffix(f".{group}") if group else name.lower()
    return plain == base or (len(base) > 3 and is_one_slip(plain, base))
