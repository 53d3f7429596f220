"""Whatever a kubeconfig holds, the container starts, and what is made of it is one that kubectl can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeagentix.cluster.kubeconfig import list_contexts
from kubeagentix.container.endpoints import local_endpoints, move
from kubeagentix.container.kubeconfigs import read_kubeconfigs
from kubeagentix.container.places import Homes, Source
from kubeagentix.container.plugins import missing_plugins
from kubeagentix.container.state import write_private

from .conftest import Box, kubectl

SOME = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.dates(), st.binary(max_size=3), st.text(max_size=6),
    st.sampled_from(["https://127.0.0.1", "https://[::1]:7", "http://localhost:0", "a\x00b", "/etc", "../x", "YQ=="]),
)  # fmt: skip
ANY = st.recursive(
    SOME, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(SOME, inner, max_size=2), max_leaves=4
)
FIELDS = {
    "cluster": ("server", "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify",
                "extensions", "tls-server-name", "proxy-url", "disable-compression", "other"),
    "context": ("cluster", "user", "namespace", "extensions", "other"),
    "user": ("client-certificate", "client-key-data", "token", "tokenFile", "as", "as-uid", "as-groups",
             "as-user-extra", "username", "password", "auth-provider", "exec", "extensions"),
    "exec": ("command", "args", "env", "apiVersion", "installHint", "provideClusterInfo", "interactiveMode"),
}  # fmt: skip


def _fields(of: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(FIELDS[of]), ANY | st.text("ab.", max_size=3), max_size=4)


def _entries(one: str) -> st.SearchStrategy[Any]:
    value = _fields(one)
    if one == "user":
        value |= st.builds(lambda spec: {"exec": {"command": "a", **spec}}, _fields("exec"))
    entry = st.fixed_dictionaries({"name": st.sampled_from(["a", "b", 1, True])}, optional={one: value})
    return st.lists(entry | ANY, max_size=3) | ANY


DOCUMENTS = st.fixed_dictionaries(
    {}, optional={f"{one}s": _entries(one) for one in ("cluster", "context", "user")} | {"current-context": ANY}
)


def _prepare(folder: Path, document: Any) -> Path | None:
    path = folder / "any"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8", errors="replace")
    merged = read_kubeconfigs([Source(path, "any")], Homes(folder, "/home/me"))
    for note in (*merged.notes, *missing_plugins(merged)):
        assert "\n" not in note.line
    for endpoint in local_endpoints(merged):
        move(merged, endpoint, "127.0.0.1", 9)
    if not merged.files:
        return None
    write_private(folder / "made", yaml.safe_dump(merged.document(), sort_keys=False, allow_unicode=True))
    return folder / "made"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=DOCUMENTS)
def test_what_is_made_of_any_kubeconfig_can_be_read(box: Box, document: Any) -> None:
    made = _prepare(box.home, document)
    if made is not None:
        list_contexts(made)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=DOCUMENTS)
def test_kubectl_reads_what_is_made_of_any_kubeconfig(box: Box, document: Any) -> None:
    made = _prepare(box.home, document)
    if made is not None:
        kubectl(made, "config", "get-contexts", "-o", "name")
