"""The table of verbs in docs/policy.md says what the policy does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kubeagentix.cluster.kubectl_verbs import VERBS

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"


def table() -> Iterator[str]:
    yield "| verb | verdict | effect | because |"
    yield "|---|---|---|---|"
    for name, verb in VERBS.items():
        if name == verb.name:
            yield f"| `{name}` | {verb.verdict} | {verb.effect} | {verb.why or 'it only reads'} |"


def test_the_table_of_verbs_is_the_policys_own() -> None:
    expected = "\n".join(table())
    assert PAGE.read_text().endswith(f"## The verbs\n\n{expected}\n"), f"docs/policy.md should end with:\n{expected}"
