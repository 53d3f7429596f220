"""What is told of a kubeconfig: on one line each, whatever it holds, and nothing of what it keeps secret."""

from __future__ import annotations

import pytest

from kubeagentix.container.kubeconfigs import read_kubeconfigs
from kubeagentix.container.notes import MAX_CHARS
from kubeagentix.container.places import Homes, sources
from tests.planted import TORN_AT_A_PASSWORD

from .conftest import Box, config, free_port, wait_for

FAR = {"server": "https://example.invalid:6443"}


def _line(box: Box) -> str:
    homes = Homes(box.home)
    return "\n".join(note.line for note in read_kubeconfigs(sources({}, homes), homes).notes)


@pytest.mark.parametrize("text", TORN_AT_A_PASSWORD)
def test_a_password_in_a_broken_file_is_told_to_nobody(box: Box, text: str) -> None:
    (box.home / ".kube" / "config").write_text(text)
    box.run("true")
    assert "is none: no YAML at line " in box.lines
    assert "hunter2" not in box.lines + (box.private / "bridges.json").read_text()


def test_a_kind_that_is_no_word_is_not_told(box: Box) -> None:
    (box.home / ".kube" / "config").write_text("kind: {password: hunter2-pw}\n")
    assert "hunter2" not in _line(box)
    assert "its kind is not Config" in _line(box)


FORGED = "esc\x1b[31mRED\nkubeagentix: forged\r\x9b2J\u2028\u202e"


def test_a_name_cannot_forge_a_line_of_the_log(box: Box) -> None:
    local = {"server": f"https://127.0.0.1:{free_port()}"}
    document = config({FORGED: local, "x": {**FAR, "certificate-authority": FORGED}})
    document["users"][0]["user"] = {"tokenFile": FORGED}
    document["contexts"].append({"name": FORGED * 2, "context": {"cluster": FORGED * 100}})
    box.write(document)
    with box.ready():
        wait_for(box.said("where no cluster answers"), "the line")
        said, state = box.lines, box.state()
    for line in said.splitlines():
        assert line.startswith("kubeagentix: ")
        assert not line.startswith("kubeagentix: forged")
        assert line.isprintable()
    for note in state["notes"]:
        assert note["text"].isprintable()
        assert len(note["text"]) <= MAX_CHARS
