"""kubectl command lines made up by hypothesis: verbs, flags in each spelling, words, in almost any order."""

from __future__ import annotations

from hypothesis import strategies as st

from kubeagentix.cluster import kubectl_flags
from kubeagentix.cluster.kubectl_flags import Flag
from kubeagentix.cluster.kubectl_verbs import VERBS

VERB_WORDS = sorted({word for name in VERBS for word in name.split()} | {"svc", "foo", "get-", "Get", "po"})
OPERANDS = [
    *(
        "pods",
        "po",
        "deploy/checkout",
        "deployment",
        "checkout",
        "secrets",
        "secret/planted",
        "planted",
        "nodes",
        "all",
    ),
    *("a=b", "c-", "pods,secrets", "Secrets.v1.", "cm", "svc", "--", "-", "", "x", "orders", "list", "*", "/readyz"),
    *("deploy", "secret", "sa", "default", "events", "ev", "ns", "node-1", "pods.metadata", "statefulsets.apps"),
]
VALUES = [
    *("orders", "wide", "yaml", "json", "name", "jsonpath={.data}", "go-template={{.data}}", "custom-columns=A:.data"),
    *("app=web", "true", "false", "1", "5s", "T", ".metadata.name", ".data.password", "/api/v1/secrets", "/readyz"),
    *("/api/v1/namespaces/orders/pods", "get", "delete", "https://127.0.0.1:1", "x=y", "metadata.name=x", "status"),
]


def spelled(flag: Flag, value: str, style: int) -> list[str]:
    """A flag in one of the ways in which it may be written."""
    name = flag.name.replace("-", "_") if style == 5 else flag.name
    if flag.letter and style in (1, 2, 3):
        return [[f"-{flag.letter}", value], [f"-{flag.letter}{value}"], [f"-{flag.letter}={value}"]][style - 1]
    if flag.kind in ("switch", "optional") and style != 4:
        return [f"--{name}"]
    return [f"--{name}={value}"] if style in (0, 4, 5) else [f"--{name}", value]


def flag_words(flags: list[Flag]) -> st.SearchStrategy[list[str]]:
    return st.builds(spelled, st.sampled_from(flags), st.sampled_from(VALUES), st.integers(0, 6))


GLOBAL = flag_words(list(kubectl_flags.everywhere().values()))
OFFERED = {verb: list(kubectl_flags.offered(verb).values()) for verb in kubectl_flags.verbs_with_flags()}
ANY = flag_words([flag for flags in OFFERED.values() for flag in flags])
OPERAND = st.sampled_from(OPERANDS).map(lambda word: [word])


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Verbs, flags and words of kubectl in almost any order."""
    name = draw(st.sampled_from(sorted(VERBS)) | st.sampled_from(VERB_WORDS))
    parts = [draw(GLOBAL | ANY) for _ in range(draw(st.integers(0, 2)))]
    for word in name.split():
        parts += [[word], *(draw(GLOBAL) for _ in range(draw(st.integers(0, 1))))]
    own = flag_words(OFFERED[name]) if name in OFFERED else ANY
    parts += draw(st.lists(own | OPERAND | ANY | OPERAND, max_size=5))
    return [word for part in parts for word in part]


@st.composite
def reading_lines(draw: st.DrawFn) -> list[str]:
    """What reads, with its own flags in any spelling and place: much of it is allowed."""
    name = draw(st.sampled_from(sorted(verb for verb in OFFERED if VERBS[verb].verdict == "allow")))
    words = draw(st.lists(st.sampled_from(OPERANDS), max_size=2))
    flags = draw(st.lists(flag_words(OFFERED[name]), max_size=3))
    first = draw(
        st.sampled_from([[], ["-n", "orders"], ["-norders"], ["--namespace=orders"], ["--request_timeout", "5"]])
    )
    return [*first, *name.split(), *(word for part in flags for word in part), *words]
