"""Label selectors in kubectl's spelling."""

from __future__ import annotations

import pytest

from kubeagentix.domain.label_selectors import parse_label_selector
from kubeagentix.errors import UsageError

LABELS = {"app": "web", "tier": "front", "app.kubernetes.io/name": "shop"}


@pytest.mark.parametrize(
    ("text", "is_match"),
    [
        ("app=web", True),
        ("app==web", True),
        ("app=api", False),
        ("app = web , tier = front", True),
        ("app=web,tier=back", False),
        ("tier!=front", False),
        ("missing!=x", True),
        ("app in (web, api)", True),
        ("app notin (web,api)", False),
        ("app", True),
        ("missing", False),
        ("!missing", True),
        ("!app", False),
        ("app.kubernetes.io/name=shop", True),
        ("app=", False),
    ],
)
def test_a_selector_matches_as_in_kubectl(text: str, is_match: bool) -> None:
    assert parse_label_selector(text).matches(LABELS) is is_match


@pytest.mark.parametrize("text", ["=web", "app=web tier=front", "app in web", "app in (web", "a=b=c", "app>3", "a;b"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no label selector; such as app=web"):
        parse_label_selector(text)
