"""docs/SECURITY.md claims nothing without naming a test that shows it, and each of these tests is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "SECURITY.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)
WITHOUT_CLAIMS = ("What this does not do", "Reporting a vulnerability")


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)), ids=lambda word: word.rpartition("/")[2])
def test_a_test_that_is_named_is_there(path: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_every_claim_names_a_test() -> None:
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
    claims = [
        claim
        for section in sections
        if not section.startswith(WITHOUT_CLAIMS)
        for claim in re.split(r"^- ", re.sub(r"\n(?!  |- )[\s\S]*?(?=\n- |\Z)", "", section), flags=re.MULTILINE)[1:]
    ]
    assert len(claims) > 20
    assert [claim for claim in claims if not re.search(r"`tests/[\w/]+\.py::test_\w+`", claim)] == []


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
