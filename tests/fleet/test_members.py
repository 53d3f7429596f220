"""Which clusters a fleet is, and what becomes of a careless word among good ones."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeagentix.errors import KubeAgentiXError
from kubeagentix.fleet import members
from kubeagentix.fleet.members import choose
from tests.another_user import as_another


def document(*contexts: str, server: str = "https://{}.example:6443", token: str = "dummy-{}") -> dict[str, Any]:
    return {
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in contexts],
        "clusters": [{"name": name, "cluster": {"server": server.format(name)}} for name in contexts],
        "users": [{"name": name, "user": {"token": token.format(name)}} for name in contexts],
    }


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "config", document("prod-eu", "prod-us", "lab"))


def test_contexts_by_name_and_by_pattern(file: Path) -> None:
    assert [item.name for item in choose("lab,prod-eu", kubeconfig=file).members] == ["lab", "prod-eu"]
    assert [item.name for item in choose(["prod-*"], kubeconfig=file).members] == ["prod-eu", "prod-us"]
    assert len(choose(all_contexts=True, kubeconfig=file).members) == 3


def test_an_unknown_context_loses_nothing_of_the_others(file: Path) -> None:
    good, bad = choose(["lab", "prod-eo"], kubeconfig=file).members
    assert good.access is not None
    assert bad.access is None
    assert bad.why.startswith("no context is called 'prod-eo'; did you mean prod-eu")


def test_a_pattern_that_meets_nothing_says_so(file: Path) -> None:
    (member,) = choose("stage-*", kubeconfig=file).members
    assert member.why.startswith("no context matches 'stage-*'")


def test_a_context_that_is_named_twice_is_asked_once(file: Path) -> None:
    chosen = choose(["lab", "lab"], kubeconfig=file)
    assert [item.name for item in chosen.members] == ["lab"]
    assert chosen.notices == ("context lab is named more than once: it is asked once",)


def test_one_cluster_under_two_contexts_is_asked_once_if_it_is_the_same_user(tmp_path: Path) -> None:
    content = document("a", "b", server="https://one.example", token="dummy")
    chosen = choose(all_contexts=True, kubeconfig=write(tmp_path / "config", content))
    assert [item.name for item in chosen.members] == ["a"]
    assert chosen.notices == ("b is a by another name (https://one.example): it is asked once",)


def test_one_cluster_as_two_users_is_asked_as_both(tmp_path: Path) -> None:
    path = write(tmp_path / "config", document("a", "b", server="https://one.example"))
    chosen = choose(all_contexts=True, kubeconfig=path)
    assert [item.name for item in chosen.members] == ["a", "b"]
    assert chosen.notices == ("a and b ask one server (https://one.example) in different ways: both are asked",)


def test_one_address_that_leads_to_many_clusters_by_name_is_nothing_odd(tmp_path: Path) -> None:
    content = document("a", "b", server="https://proxy.example", token="dummy")
    for item in content["clusters"]:
        item["cluster"]["tls-server-name"] = f"{item['name']}.example"
    chosen = choose(all_contexts=True, kubeconfig=write(tmp_path / "config", content))
    assert ([item.name for item in chosen.members], chosen.notices) == (["a", "b"], ())


def test_what_is_odd_about_many_is_one_line(tmp_path: Path) -> None:
    same = document(*(f"s{number}" for number in range(50)), server="https://one.example", token="dummy")
    other = document(*(f"o{number}" for number in range(50)), server="https://one.example")
    whole = {key: same[key] + other[key] for key in same}
    chosen = choose(all_contexts=True, kubeconfig=write(tmp_path / "config", whole))
    assert len(chosen.members) == 51
    first, second = chosen.notices
    assert first.startswith("s1, s2, s3, s4, s5, s6 and 43 more are s0 by other names (https://one.example)")
    assert second.startswith("s0, o0, o1, o2, o3, o4 and 45 more ask one server (https://one.example) in different")


def test_a_torn_file_among_good_ones_is_told_and_loses_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", document("a"))
    write(tmp_path / "b.yaml", "clusters: [")
    write(tmp_path / "c.yaml", document("c"))
    write(tmp_path / "empty", "")
    write(tmp_path / ".hidden", "clusters: [")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    chosen = choose(kubeconfig_dir=tmp_path)
    assert [(item.name, bool(item.why)) for item in chosen.members] == [("a", False), ("b.yaml", True), ("c", False)]
    assert "is no YAML at line 1" in chosen.members[1].why
    assert chosen.notices == ("passed over, as no context stands in them: empty, pipe",)


def test_what_lies_about_is_no_cluster(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", document("a"))
    write(tmp_path / "README.md", "# Ours\n- one: two: three\n")
    write(tmp_path / "ca.crt", "-----BEGIN CERTIFICATE-----\n")
    write(tmp_path / "list.json", "[1, 2]")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with (tmp_path / "dump").open("wb") as dump:
        dump.truncate(members.MAX_BYTES + 1)  # takes no room
    chosen = choose(kubeconfig_dir=tmp_path)
    assert [item.name for item in chosen.members] == ["a"]
    listed = "README.md, binary, ca.crt, dump, list.json"
    assert chosen.notices == (f"passed over, as no context stands in them: {listed}",)


def test_what_may_be_a_cluster_is_told_and_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", document("a"))
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "self").symlink_to(".")
    (tmp_path / "wide.yaml").write_text(yaml.safe_dump(document("wide")), encoding="utf-16")
    chosen = choose(kubeconfig_dir=tmp_path)
    told = {item.name: item.why for item in chosen.members}
    assert list(told) == ["a", "gone", "loop", "wide.yaml"]
    assert "there is no kubeconfig file" in told["gone"]
    assert "there is no kubeconfig file" in told["loop"]
    assert "no text file" in told["wide.yaml"]


def test_what_may_not_be_read_is_told() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        write(folder / "a.yaml", document("a"))
        (folder / "elsewhere").mkdir()
        write(folder / "elsewhere" / "c", document("c"))
        (folder / "led-on").symlink_to("elsewhere/c")
        with as_another(write(folder / "closed", document("b")), folder / "elsewhere"):
            found = choose(kubeconfig_dir=folder).members
    told = {item.name: "Permission denied" in item.why for item in found}
    assert told == {"a": False, "closed": True, "led-on": True}


def test_each_has_a_name_of_its_own_whatever_they_are_called(tmp_path: Path) -> None:
    write(tmp_path / "one", document("default", server="https://one.example"))
    write(tmp_path / "two", document("default", "other", server="https://two-{}.example"))
    write(tmp_path / "three", document("two/default", server="https://three.example"))
    names = [item.name for item in choose(kubeconfig_dir=tmp_path).members]
    assert sorted(names) == ["one", "other", "two/default", "two/default (2)"]


def test_an_entry_without_a_server_is_told_and_loses_nothing(tmp_path: Path) -> None:
    write(tmp_path / "config", document("a", "b"))
    content = document("a", "b")
    content["clusters"][0]["cluster"]["server"] = ""
    first, second = choose(all_contexts=True, kubeconfig=write(tmp_path / "config", content)).members
    assert "has no usable server" in first.why
    assert second.access is not None


def test_contexts_of_one_name_are_told_apart_by_their_files(tmp_path: Path) -> None:
    write(tmp_path / "one", document("default", server="https://one.example"))
    write(tmp_path / "two", document("default", "other", server="https://two-{}.example"))
    found = choose(kubeconfig_dir=tmp_path).members
    assert [item.name for item in found] == ["one", "two/default", "other"]
    assert found[1].where == (f"--kubeconfig={tmp_path / 'two'}", "--context=default")


def test_what_could_not_be_read_is_told_also_where_contexts_are_chosen(tmp_path: Path) -> None:
    write(tmp_path / "a", document("a"))
    write(tmp_path / "torn", "clusters: [")
    assert [item.name for item in choose("a", kubeconfig_dir=tmp_path).members] == ["a", "torn"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "no cluster is named"),
        ({"contexts": []}, "contexts= names none"),
        ({"contexts": " , "}, "contexts= names none"),
        ({"contexts": 5}, "contexts= takes names, not int"),
        ({"contexts": [5]}, "a context is a text, not int"),
        ({"contexts": "a", "all_contexts": True}, "contexts and all_contexts exclude each other"),
        ({"kubeconfig_dir": "EMPTY"}, "the folder .* holds no kubeconfig"),
        ({"kubeconfig_dir": "EMPTY/gone"}, "cannot read the folder .*: No such file or directory"),
        ({"kubeconfig_dir": "FILE"}, "is a file, not a folder; name it with --kubeconfig"),
        ({"kubeconfig_dir": 5}, "kubeconfig_dir= is a path, not int"),
        ({"kubeconfig_dir": "EMPTY", "kubeconfig": "FILE"}, "exclude each other"),
        ({"all_contexts": True, "kubeconfig": "NONE"}, "holds no context"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, words: dict[str, Any], message: str) -> None:
    (tmp_path / "empty").mkdir()
    places = {"EMPTY": tmp_path / "empty", "EMPTY/gone": tmp_path / "empty" / "gone"}
    places |= {"FILE": write(tmp_path / "file", document("a")), "NONE": write(tmp_path / "none", document())}
    given: dict[str, Any] = {
        key: places.get(value, value) if isinstance(value, str) else value for key, value in words.items()
    }
    with pytest.raises(KubeAgentiXError, match=message):
        choose(**given)
