"""What a report says where names are hostile: nothing steers a terminal, forges a line or tells a password."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

import kubeagentix as kx
from tests.fleet.conftest import Clusters
from tests.fleet.test_sweep import Recorder, opened

HOSTILE = "a\x1b[31mb\u202e\nAll is well <script>alert(1)</script>`|$x$ \x1b]0;title\x07"


def test_the_name_of_a_context_steers_no_terminal(clusters: Clusters, tmp_path: Path) -> None:
    document = yaml.safe_load(clusters.merged(tmp_path / "config").read_text())
    for item in document["contexts"]:
        item["name"] = f"{item['name']} {HOSTILE}"
    folder = tmp_path / "of \x1b[7m them"
    folder.mkdir()
    (folder / "config").write_text(yaml.safe_dump(document))
    found = kx.fleet(kubeconfig_dir=folder, executor="threads")
    assert found.incidents[0].spread == "3 of 4 clusters"
    for text in (found.to_text(), found.to_markdown(), found.to_json()):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\x07" not in text
        assert "\nAll is well" not in text


def test_a_password_in_a_servers_address_goes_nowhere(clusters: Clusters, tmp_path: Path) -> None:
    document = yaml.safe_load(clusters.merged(tmp_path / "config").read_text())
    for item in document["clusters"]:
        item["cluster"]["server"] = item["cluster"]["server"].replace("://", "://dev:s3cret-word@")
    document["clusters"][0]["cluster"]["server"] = "https://dev:s3cret-word@127.0.0.1:1"
    (tmp_path / "config").write_text(yaml.safe_dump(document))
    with ThreadPoolExecutor(2) as pool:
        recorder = Recorder(pool)
        found = kx.fleet(all_contexts=True, kubeconfig=tmp_path / "config", executor=recorder)
    assert len(found.unread) == 1
    assert not any(b"s3cret-word" in data for data in [*recorder.results, *map(opened, found.reports)])
    assert "s3cret-word" not in found.to_json() + found.to_text() + found.to_markdown()
