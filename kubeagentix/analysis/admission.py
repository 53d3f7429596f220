"""Why the API server refused to create an object: the texts of its admission plugins, decoded.

The texts are those that controllers copy into FailedCreate events and ReplicaFailure conditions. One table of
patterns, tried in order; the first that fits wins.
Source: kubernetes/plugin/pkg/admission/{resourcequota,limitranger,serviceaccount,priority,runtimeclass},
apiserver/pkg/admission/plugin/webhook, k8s.io/pod-security-admission.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from kubeagentix.domain.quantities import format_bytes, quantity_or_zero
from kubeagentix.errors import excerpt


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """One amount that a quota refused: what was asked for beyond what is used, and the most that may be."""

    resource: str
    requested: str
    used: str
    hard: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One bound of a LimitRange that was not kept: `side` is `min`, `max` or `ratio`, `of` the field it is about.

    `given` is empty where the field is not set at all.
    """

    side: str
    resource: str
    type: str
    bound: str
    of: str = ""
    given: str = ""

    @property
    def in_words(self) -> str:
        """`memory limit 128Mi is above the maximum of 64Mi per Container`."""
        given = _readable(self.resource, self.given)
        if self.side == "ratio":
            ratio = f"{float(given):g}" if given else "unbounded"
            return f"{self.resource} limit to request ratio is {ratio}, at most {self.bound} per {self.type}"
        word = "maximum" if self.side == "max" else "minimum"
        if not given:
            return f"no {self.resource} {self.of} is set, where the {word} per {self.type} is {self.bound}"
        place = "above" if self.side == "max" else "below"
        return f"{self.resource} {self.of} {given} is {place} the {word} of {self.bound} per {self.type}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a creation was refused: the refinement of its reason (empty: not known), and in words.

    `objects` are the (kind, namespace, name) that stand behind it, nearest first; an empty namespace means the
    namespace of what was to be created. `amounts` and `bounds` are the numbers of a quota and of a LimitRange,
    `detail` what a title has room for.
    """

    split: str
    cause: str
    detail: str = ""
    objects: tuple[tuple[str, str, str], ...] = field(default=())
    amounts: tuple[Amount, ...] = ()
    bounds: tuple[Bound, ...] = ()


TITLE_MAX_CHARS = 100  # of a refusal's own words in a title

_NOISE = re.compile(
    r"^(\(combined from similar events\): )?"
    r"((Error creating( job)?|Failed to create new replica set \"[^\"]*\""
    r"|create (Claim|Pod) .*? in StatefulSet \S+ failed error): )?",
    re.DOTALL,
)
_QUOTA = re.compile(
    r"exceeded quota: (?P<quota>[^,]+), requested: (?P<requested>.*?), used: (?P<used>.*?), limited: (?P<limited>[^;]*)"
)
_QUOTA_UNSPECIFIED = re.compile(r"failed quota: (?P<quota>[^:]+): must specify (?P<what>.*)")
_SCOPES = re.compile(r"insufficient quota to match these scopes: (?P<what>.*)")
_LIMIT = re.compile(
    r"(?P<text>(?:maximum|minimum) \S+ usage per \w+ is .*|\S+ max limit to request ratio per \w+ is .*)", re.DOTALL
)
_BOUND = re.compile(
    r"(?P<side>max|min)imum (?P<resource>\S+) usage per (?P<type>\w+) is (?P<bound>\S+?)"
    r"(?:\.\s+No (?P<unset>request|limit) is specified|, but (?P<of>request|limit) is (?P<given>[^\s,\]]+))"
)
_RATIO = re.compile(
    r"(?P<resource>[^\s\[]{1,253}) max limit to request ratio per (?P<type>\w+) is (?P<bound>\S+), but "
    r"(?:provided ratio is (?P<given>[\d.]+)|no )"
)
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[^"]+)": (?P<what>.*)', re.DOTALL)
_OLD_POD_SECURITY = re.compile(
    r"(?P<text>(?:PodSecurityPolicy: )?unable to (?:admit pod|validate against any (?:pod security policy"
    r"|security context constraint)):.*)",
    re.DOTALL,
)
_DENIED = re.compile(
    r'admission webhook "(?P<name>[^"]+)" denied the request(?::| without explanation) ?(?P<why>.*)', re.S
)
_UNAVAILABLE = re.compile(r'failed calling webhook "(?P<name>[^"]+)": ?(?P<why>.*)', re.DOTALL)
_WEBHOOK_URL = re.compile(r"https://(?P<service>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc")
_POLICY = re.compile(r"ValidatingAdmissionPolicy '(?P<name>[^']+)' .*?denied request: (?P<why>.*)", re.DOTALL)
_ACCOUNT = re.compile(r"error looking up service account (?P<namespace>[^/\s]+)/(?P<name>[^:\s]+):")
_ACCOUNT_TOKEN = re.compile(r"no API token found for service account \"?(?P<name>[^\s\",]+)")
_PRIORITY = re.compile(r"no PriorityClass with name (?P<name>\S+) was found")
_RUNTIME_CLASS = re.compile(r'RuntimeClass "(?P<name>[^"]+)" not found')
_TERMINATING = re.compile(r"unable to create new content in namespace (?P<name>\S+) because it is being terminated")
_INVALID = re.compile(r'\S+ "[^"]*" is invalid: (?P<why>.*)', re.DOTALL)


def read_refusal(message: str) -> Refusal:
    """What a FailedCreate message (or a ReplicaFailure condition's) says."""
    text = strip_noise(message)
    for pattern, decode in _DECODERS:
        match = pattern.search(text)
        if match is not None:
            return decode(match)
    return Refusal(split="", cause=excerpt(text))


def strip_noise(message: str) -> str:
    """The API server's own words, without what the controller and the event recorder put in front."""
    return _NOISE.sub("", message, count=1)


def read_amounts(text: str) -> dict[str, str]:
    """`{resource: amount}` of `requests.cpu=200m,pods=1`."""
    pairs = (piece.partition("=") for piece in text.split(","))
    return {name.strip(): amount.strip() for name, equals, amount in pairs if equals}


def _quota(match: re.Match[str]) -> Refusal:
    used, limited = read_amounts(match["used"]), read_amounts(match["limited"])
    amounts = tuple(
        Amount(resource=name, requested=amount, used=used.get(name, "?"), hard=limited.get(name, "?"))
        for name, amount in read_amounts(match["requested"]).items()
    )
    parts = [
        f"{item.resource}: {item.requested} more is asked for, {item.used} of {item.hard} are in use"
        for item in amounts
    ]
    quota = match["quota"].strip()
    return Refusal(
        split="QuotaExceeded",
        cause=f"ResourceQuota {quota} is used up ({'; '.join(parts)}).",
        objects=(("ResourceQuota", "", quota),),
        detail=f"{amounts[0].resource} {amounts[0].requested} more with {amounts[0].used} of {amounts[0].hard} used"
        if amounts
        else quota,
        amounts=amounts,
    )


def _quota_unspecified(match: re.Match[str]) -> Refusal:
    quota = match["quota"].strip()
    return Refusal(
        split="QuotaUnspecified",
        cause=f"ResourceQuota {quota} makes every pod say {excerpt(match['what'])}, and this one does not.",
        detail=_short(match["what"]),
        objects=(("ResourceQuota", "", quota),),
    )


def _pod_security(match: re.Match[str]) -> Refusal:
    what = excerpt(match["what"], 400)
    return Refusal(
        split="PodSecurity",
        cause=f"The namespace enforces Pod Security {match['level']}: {what}",
        detail=_short(f"{match['level']}: {match['what']}"),
    )


def _denied(match: re.Match[str]) -> Refusal:
    why = excerpt(match["why"]) or "without explanation"
    return Refusal(
        split="WebhookDenied",
        cause=f"Admission webhook {match['name']} denied it: {why}",
        detail=_short(f"{match['name']}: {why}"),
    )


def _unavailable(match: re.Match[str]) -> Refusal:
    url = _WEBHOOK_URL.search(match["why"])
    return Refusal(
        split="WebhookUnavailable",
        cause=f"Admission webhook {match['name']} could not be asked: {excerpt(match['why'])}",
        detail=match["name"],
        objects=(("Service", url["namespace"], url["service"]),) if url else (),
    )


def _missing(split: str, kind: str) -> Callable[[re.Match[str]], Refusal]:
    def decode(match: re.Match[str]) -> Refusal:
        return Refusal(
            split=split,
            cause=f"{kind} {match['name']} does not exist.",
            detail=match["name"],
            objects=((kind, "", match["name"]),),
        )

    return decode


def _account_token(match: re.Match[str]) -> Refusal:
    name = match["name"].rpartition("/")[2]
    return Refusal(
        split="ServiceAccountNotFound",
        cause=f"ServiceAccount {name} has no token.",
        objects=(("ServiceAccount", "", name),),
    )


def _quoting(split: str, group: str, lead: str = "") -> Callable[[re.Match[str]], Refusal]:
    def decode(match: re.Match[str]) -> Refusal:
        return Refusal(split=split, cause=lead + excerpt(match[group], 400), detail=_short(match[group]))

    return decode


def _limit_range(match: re.Match[str]) -> Refusal:
    bounds = (
        *(
            Bound(
                side=item["side"],
                resource=item["resource"],
                type=item["type"],
                bound=item["bound"],
                of=item["of"] or item["unset"],
                given=item["given"] or "",
            )
            for item in _BOUND.finditer(match["text"])
        ),
        *(
            Bound(
                side="ratio",
                resource=item["resource"],
                type=item["type"],
                bound=item["bound"],
                given=item["given"] or "",
            )
            for item in _RATIO.finditer(match["text"])
        ),
    )
    said = "; ".join(dict.fromkeys(bound.in_words for bound in bounds))
    cause = f"{said[:1].upper()}{said[1:]}." if said else excerpt(match["text"], 400)
    return Refusal(split="LimitRange", cause=cause, detail=_short(said or match["text"]), bounds=bounds)


def _short(text: str) -> str:
    return excerpt(text, TITLE_MAX_CHARS)


def _readable(resource: str, amount: str) -> str:
    """Bytes of a pod are summed up as a plain number; `134217728` is `128Mi`."""
    is_bytes = resource in ("memory", "storage", "ephemeral-storage") and amount.isdigit()
    return format_bytes(quantity_or_zero(amount)) if is_bytes else amount


def _policy(match: re.Match[str]) -> Refusal:
    return Refusal(
        split="PolicyDenied", cause=f"ValidatingAdmissionPolicy {match['name']} denied it: {excerpt(match['why'])}"
    )


def _terminating(match: re.Match[str]) -> Refusal:
    return Refusal(
        split="NamespaceTerminating",
        cause=f"Namespace {match['name']} is being deleted, so nothing new may be made in it.",
        objects=(("Namespace", "", match["name"]),),
    )


# A webhook's own text may quote any of the others, so the webhooks come first.
_DECODERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Refusal]], ...] = (
    (_DENIED, _denied),
    (_UNAVAILABLE, _unavailable),
    (_POLICY, _policy),
    (_QUOTA, _quota),
    (_QUOTA_UNSPECIFIED, _quota_unspecified),
    (_SCOPES, _quoting("QuotaExceeded", "what", "No quota covers these scopes: ")),
    (_POD_SECURITY, _pod_security),
    (_OLD_POD_SECURITY, _quoting("PodSecurity", "text")),
    (_ACCOUNT, _missing("ServiceAccountNotFound", "ServiceAccount")),
    (_ACCOUNT_TOKEN, _account_token),
    (_PRIORITY, _missing("PriorityClassNotFound", "PriorityClass")),
    (_RUNTIME_CLASS, _missing("RuntimeClassNotFound", "RuntimeClass")),
    (_TERMINATING, _terminating),
    (_LIMIT, _limit_range),
    (_INVALID, _quoting("Invalid", "why")),
)
