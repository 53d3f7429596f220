"""Names that only a text knows: what stands behind a kind, in a field, in a column, in a message of the API, in a log.

A word of a sentence is no name: where the place alone does not say so (`namespace is full`), ordinary words are passed
over. What is taken for a name and is none costs little: it is restored in whatever comes back.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator

from kubeagentix.anonymizing.names import FIELDS, KIND_TYPES, Names, pairs
from kubeagentix.anonymizing.placeholders import Piece
from kubeagentix.anonymizing.vocabulary import is_ordinary
from kubeagentix.domain.resources import find_kind

_N = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"  # an object's name
_REF = re.compile(rf"\b([A-Z][A-Za-z]+) ({_N})/({_N})")  # Deployment shop/web, also of custom kinds
_CLUSTER_REF = re.compile(
    r"\b(Node|PersistentVolume|StorageClass|Namespace|Host|Registry) ([a-z0-9][a-z0-9.:-]*[a-z0-9])"
)
_SLASH = re.compile(
    rf"(?<![\w/.-])([A-Za-z]+)(?:\.(?!(?:[a-z]+\.)?kubernetes\.io)[a-z][a-z0-9.]*)?/({_N})"
)  # deploy/web
_QUOTED = re.compile(rf"(?<![\w.-])([A-Za-z]+)(?:\.[a-z][a-z0-9.]*)? ?[\"'`]({_N})[\"'`]")  # pods "web-1" not found
_IN_WORDS = re.compile(rf"\b(namespace|node|pod|deployment|service|container|configmap|secret) ({_N})")
_PLACE = re.compile(rf"(?:^|\s)(?:-n|--namespace)[ =]({_N})")
_CONTEXT = re.compile(r"(?:^|\s)--(?:context|cluster)[ =]([\w.@-]+)")
_USER = re.compile(
    r"\b[Uu]ser[ =:]{1,3}[\"'`]([^\"'`\s]{2,200})[\"'`]|\b(?:user|User|username)=([A-Za-z][\w.@-]{2,100})"
)
_DATABASE = re.compile(
    r"\b(?:database|dbname)[ =:]{1,3}[\"'`]([A-Za-z][\w.-]{2,62})[\"'`]|\b(?:database|dbname)=([A-Za-z][\w.-]{2,62})"
)
_GROUP = re.compile(r"\b[Gg]roup [\"'`]([^\"'`\s]{2,200})[\"'`]")
_ACCOUNT = re.compile(rf"\bsystem:(?:serviceaccount:{_N}:{_N}|node:{_N})")
_ACCOUNTS = re.compile(rf"\bsystem:serviceaccounts:({_N})|--serviceaccount=({_N}):({_N})")
_EMAIL = re.compile(r"(?<![\w.+-])([A-Za-z][\w.+-]{0,63})@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})\b")
# A workload's pod, by the letters that Kubernetes makes suffixes of. Source: k8s.io/apimachinery/pkg/util/rand
_SAFE = "bcdfghjklmnpqrstvwxz2456789"
_POD = re.compile(rf"(?<![\w.-])([a-z](?:[a-z0-9-]*?[a-z0-9])?)-[{_SAFE}]{{8,10}}-[{_SAFE}]{{5}}(?![\w-])")
_SVC = re.compile(r"(?<![\w.-])((?:[a-z0-9-]+\.)*)([a-z0-9-]+)\.([a-z0-9-]+)\.svc\b")
_URL = re.compile(
    r"\b(?!containerd|docker|cri-o)[a-z][a-z0-9+.-]{1,15}://(?:[^\s/@\"'<>]{0,80}@)?([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?=[:/\s\"'`,)\]}?]|\Z)"
)
_PORT = re.compile(r"(?<![\w./:@-])([a-z](?:[a-z0-9.-]*[a-z0-9])?):(?:[1-9]\d{1,4})\b(?![.\w:-])")
_FILES = re.compile(
    r"(?:go|py|m?js|ts|java|rb|rs|cc?|cpp|cs|php|kt|ya?ml|json|conf|cfg|toml|xml|html|txt|log|sh|sql)\Z"
)
_LOOKUP = re.compile(
    r"(?:\blookup|[Rr]esolve host(?:name)?|\bhost(?:name)?[=:]|translate host name|server at|getaddrinfo \w+|can't find"
    r"|[Nn]o such host|waiting for|[Cc]onnecting to|[Uu]nknown host|UnknownHostException:?)[ :]*[\"'`]?"
    r"([a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?)"
)
_TLD = "com|net|org|io|cloud|biz|edu|gov|mil|int|internal|intranet|lan|corp|example|localdomain"
_DOMAIN = re.compile(rf"(?<![\w.@/$-])((?:[A-Za-z0-9_](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+(?:{_TLD}))(?![\w-]|\.\w)")
_IMAGE = re.compile(
    r"\b[Ii]mage(?:ID)?[\"']?[ :=]+[\"'`]?([A-Za-z0-9][\w./:@-]*[\w])"
    r"|(?<![\w./:@-])((?:[a-z0-9-]+\.)+[a-z]{2,24}(?::\d+)?/[a-z0-9][\w./-]*:[\w][\w.-]*)(?![\w/])"
)
_LABEL = re.compile(
    r"(?<![\w.-])(?:[\w.-]+/)?(?:app|name|instance|component|part-of|tier|team|role|release|env|stage|owner|track|pool|job-name"
    r"|statefulset\.kubernetes\.io/pod-name|metadata\.name|hostname|service-name)=([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)"
)
_FIELD = re.compile(
    r"(?m)^[ \t]*(?:- )?[\"']?([A-Za-z][\w ./-]{0,60}?)[\"']?:[ \t]+"
    r"[\"']?([A-Za-z0-9][\w.:@/,*=-]*)[\"']?,?[ \t]*(?:\(.*\))?$"
)
_INLINE = re.compile(r"[\"']([A-Za-z]\w{2,40})[\"']: ?[\"']([A-Za-z0-9][\w.:@/*-]*)[\"']")
# What `…` has cut: the beginning of a name before it, the end of one after it.
_CUT_OFF = re.compile(r"(?<![\w.-])([^\W_][\w.-]{0,251})(?:…|\n\[…)")
_CUT_FROM = re.compile(r"…\]?\n?([\w.-]{1,252})")
LEAST_CUT = 3  # characters of a cut name that tell anything
_HEADER = re.compile(
    r"(?m)^(?:NAMESPACE|NAME|NODE|POD|CONTAINER|LAST SEEN|KIND|CURRENT|CLUSTER)(?:(?: {2,}|\t| )[A-Z().%-]+)*[ ]*$"
)
_CELL = re.compile(r"[A-Z()%.-]+(?: [A-Z()%.-]+)*")
_COLUMNS = pairs(
    """
    NAMESPACE=ns NODE=node NOMINATED_NODE=node POD=pod CONTAINER=container NAME=name CONTAINERS=container
    CLUSTER=cluster STORAGECLASS=sc VOLUME=pv SERVICE=svc AUTHINFO=user USER=user CLAIM=pvc SERVICES=svc
    ROLE=role
    """
)


def learn_text(names: Names, text: str) -> None:
    """Makes known what names this text has."""
    for pattern, take in _PATTERNS:
        taken: set[str] = set()  # logs and lists repeat themselves
        for match in pattern.finditer(text):
            if match[0] not in taken:
                taken.add(match[0])
                take(names, match)
    if "…" in text:
        _learn_cut(names, text)
    for header in _HEADER.finditer(text):
        for column, value in _cells(text, header):
            _take_cell(names, column, value)


def _learn_cut(names: Names, text: str) -> None:
    """Makes known what is left of names where a text was shortened."""
    beginnings, ends = names.edges()
    for pattern, edges, turned in ((_CUT_OFF, beginnings, 1), (_CUT_FROM, ends, -1)):
        for match in pattern.finditer(text):
            left = match[1].strip("-_.")
            piece = left[::turned]
            at = bisect_left(edges, piece)
            is_cut = at < len(edges) and edges[at] != piece and edges[at].startswith(piece)
            if is_cut and len(piece) >= LEAST_CUT and not is_ordinary(left):
                names.add(left, Piece(left, "name"))


def _kind_type(word: str) -> str:
    kind = find_kind(word)
    return KIND_TYPES.get(kind.name, "name") if kind is not None else "name"


def _ref(names: Names, match: re.Match[str]) -> None:
    kind, namespace, name = match.groups()
    names.learn(namespace, "ns")
    names.learn(name, KIND_TYPES.get(kind, "name"))
    names.learn_in(namespace, name)


def _cluster_ref(names: Names, match: re.Match[str]) -> None:
    kind, name = match.groups()
    if kind in ("Host", "Registry"):
        names.learn_host(name.partition(":")[0])
    elif not is_ordinary(name):
        names.learn(name, KIND_TYPES.get(kind, "name"))


def _named(names: Names, match: re.Match[str]) -> None:
    if find_kind(match[1]) is not None:
        names.learn(match[2], _kind_type(match[1]))


def _in_words(names: Names, match: re.Match[str]) -> None:
    kind, name = match.groups()
    may_be_a_word = name.isalpha() and kind not in ("namespace", "container")
    if not is_ordinary(name) and not may_be_a_word:
        names.learn(name, "container" if kind == "container" else _kind_type(kind))


def _simple(kind: str) -> Callable[[Names, re.Match[str]], None]:
    def take(names: Names, match: re.Match[str]) -> None:
        names.learn(next(item for item in (*match.groups(), match[0]) if item), kind)

    return take


def _accounts(names: Names, match: re.Match[str]) -> None:
    names.learn(match[1] or match[2], "ns")
    names.learn(match[3] or "", "sa")


def _svc(names: Names, match: re.Match[str]) -> None:
    before, service, namespace = match.groups()
    names.learn(namespace, "ns")
    names.learn(service, "svc")
    names.learn_in(namespace, service)
    for label in before.split("."):
        names.learn(label, "host")


def _host(names: Names, match: re.Match[str]) -> None:
    host = match[1]
    is_file = _FILES.match(host.rpartition(".")[2])
    if not is_file and ("." in host or not is_ordinary(host)):
        names.learn_host(host)


def _email(names: Names, match: re.Match[str]) -> None:
    names.learn_host(match[2])
    if not is_ordinary(match[1]):
        names.learn(match[1], "user")


def _image(names: Names, match: re.Match[str]) -> None:
    image = match[1] or match[2]
    if "/" in image or ":" in image:
        names.learn_image(image)


def _label(names: Names, match: re.Match[str]) -> None:
    names.learn_label(match[1])


def _field(names: Names, match: re.Match[str]) -> None:
    key = match[1].lower().replace(" ", "").replace("-", "").replace("_", "")
    value = match[2]
    if key == "node":
        value = value.partition("/")[0]
    if key == "name":
        if value != value.lower() or is_ordinary(value):
            return
        names.learn(value, "name")
    elif key in FIELDS and "/" not in value:
        names.learn(value, FIELDS[key])
    elif key in ("host", "hostname", "externalname"):
        names.learn_host(value)


_PATTERNS: tuple[tuple[re.Pattern[str], Callable[[Names, re.Match[str]], None]], ...] = (
    (_REF, _ref),
    (_CLUSTER_REF, _cluster_ref),
    (_SLASH, _named),
    (_QUOTED, _named),
    (_PLACE, _simple("ns")),
    (_CONTEXT, _simple("cluster")),
    (_ACCOUNT, _simple("sa")),
    (_ACCOUNTS, _accounts),
    (_USER, _simple("user")),
    (_GROUP, _simple("user")),
    (_DATABASE, _simple("name")),
    (_EMAIL, _email),
    (_POD, _simple("deploy")),
    (_SVC, _svc),
    (_IMAGE, _image),
    (_URL, _host),
    (_DOMAIN, _host),
    (_PORT, _host),
    (_LOOKUP, _host),
    (_LABEL, _label),
    (_FIELD, _field),
    (_INLINE, _field),
    (_IN_WORDS, _in_words),
)


def _cells(text: str, header: re.Match[str]) -> Iterator[tuple[str, str]]:
    """The cells below a header, each with the name of its column."""
    starts = [(item.start(), item[0]) for item in _CELL.finditer(header[0])]
    for line in text[header.end() + 1 :].split("\n"):
        if not line.strip():
            return
        bounds = [*(start for start, _ in starts), len(line)]
        for (start, column), end in zip(starts, bounds[1:], strict=True):
            if line[max(0, start - 1) : start].strip() or (end != len(line) and line[end - 1 : end].strip()):
                break  # it is not of this table
            yield column, line[start:end].strip()


def _take_cell(names: Names, column: str, value: str) -> None:
    if not value or value.startswith("<"):
        return
    if column in _COLUMNS:
        for item in value.split(","):
            kind, _, name = item.rpartition("/")
            names.learn(name, _kind_type(kind) if kind and column == "NAME" else _COLUMNS[column])
    elif column in ("IMAGES", "IMAGE"):
        for item in value.split(","):
            names.learn_image(item)
    elif column in ("HOSTS", "EXTERNAL-IP", "HOST"):
        for item in value.split(","):
            names.learn_host(item)
    elif column in ("SELECTOR", "LABELS", "NODE SELECTOR"):
        for item in value.split(","):
            names.learn_label(item.partition("=")[2])
