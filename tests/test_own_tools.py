"""Tools of one's own: schemas from annotations, words from docstrings, async or plain."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator

import kubeagentix as kx
from kubeagentix import own_analyzers, own_tools, packages
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.tooling import ToolOutput
from kubeagentix.errors import NotFoundError, UsageError

register: Any = kx.tool  # for what no type checker lets pass


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> Iterator[None]:
    yield
    own_tools._own.clear()
    own_tools._functions.clear()
    own_tools._loaded.clear()


class NoResults:
    def get(self, result_id: str) -> str | None:
        return None


async def never(_: Any) -> Any:
    raise AssertionError("not asked for")


CONTEXT = ToolContext(source=None, namespace="shop", diagnose=never, results=NoResults(), environ={})


def call(plugin: ToolPlugin, arguments: Mapping[str, Any]) -> ToolOutput:
    async def answered() -> ToolOutput:
        return await plugin.handler(arguments, CONTEXT)

    return asyncio.run(answered())


@dataclass
class Place:
    """Where."""

    zone: str
    rack: int = 0


def owner_of(namespace: str, team: Literal["shop", "ops"] = "shop", limit: int | None = None) -> str:
    """Who owns a namespace.

    Looks it up in a list.

    Args:
        namespace: The namespace's name,
            as kubectl shows it.
        team (str): The team that asks.

    Returns:
        A name.
    """
    return f"{namespace} of {team}, {limit}"


def test_annotations_become_the_schema_and_the_docstring_its_words() -> None:
    assert kx.tool(owner_of) is owner_of
    spec = kx.tools["owner_of"].spec
    assert spec.description == "Who owns a namespace.\n\nLooks it up in a list."
    assert spec.effect == "read"
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "namespace": {"type": "string", "description": "The namespace's name, as kubectl shows it."},
            "team": {"enum": ["ops", "shop"], "default": "shop", "description": "The team that asks."},
            "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
        },
        "required": ["namespace"],
        "additionalProperties": False,
    }
    assert call(kx.tools["owner_of"], {"namespace": "a", "team": "ops", "limit": 3}).text == "a of ops, 3"


def test_an_async_function_and_the_context() -> None:
    @kx.tool(name="whereabouts", effect="write", timeout_s=5)
    async def where(place: Place, context: ToolContext) -> dict[str, Any]:
        """Where it is."""
        await asyncio.sleep(0)
        return {"zone": place.zone, "rack": place.rack, "namespace": context.namespace}

    plugin = kx.tools["whereabouts"]
    Draft202012Validator.check_schema(plugin.spec.parameters)
    assert list(plugin.spec.parameters["properties"]) == ["place"]
    assert (plugin.spec.effect, plugin.spec.timeout_s) == ("write", 5)
    output = call(plugin, {"place": {"zone": "a"}})
    assert output.data == {"zone": "a", "rack": 0, "namespace": "shop"}
    assert output.text == '{"zone": "a", "rack": 0, "namespace": "shop"}'
    with pytest.raises(UsageError, match=r"`place` of whereabouts: .*zone"):
        call(plugin, {"place": {}})


def test_sphinx_fields_and_annotated_texts_are_words_too() -> None:
    @kx.tool
    def look(a: int, b: Annotated[str, "The second."] = "x") -> ToolOutput:
        """Looks.

        :param a: The first
            of them.
        """
        return ToolOutput(text=f"{a}{b}", short="s")

    properties = kx.tools["look"].spec.parameters["properties"]
    assert properties["a"]["description"] == "The first of them."
    assert properties["b"]["description"] == "The second."
    assert call(kx.tools["look"], {"a": 1, "b": "y"}) == ToolOutput(text="1y", short="s")


def test_the_mapping_lists_and_removes() -> None:
    kx.tool(owner_of)
    assert "owner_of" in kx.tools
    assert list(kx.tools.own) == ["owner_of"]
    assert kx.tools.own["owner_of"].startswith(f"{__file__}:")
    assert "owner_of: Who owns a namespace. (" in repr(kx.tools)
    kx.tools.remove(owner_of)
    assert "owner_of" not in kx.tools
    with pytest.raises(NotFoundError, match="no tool of your own is called 'owner_of'; there are none"):
        kx.tools.remove("owner_of")


def test_to_define_it_again_replaces_it() -> None:
    kx.tool(name="twice")(owner_of)

    @kx.tool(name="twice")
    def other() -> str:
        """Another."""
        return "other"

    assert call(kx.tools["twice"], {}).text == "other"


def untyped(a):  # type: ignore[no-untyped-def]
    """Looks."""


def silent(a: str) -> None:
    pass


def many(*names: str) -> None:
    """Looks."""


def odd(a: Iterator[str]) -> None:
    """Looks."""


@pytest.mark.parametrize(
    ("decorate", "message"),
    [
        (lambda: register("id"), "a tool is a function, not str; as in @kx.tool"),
        (lambda: register(untyped), r"parameter a of tool untyped has no type; as in def untyped\(a: str\)"),
        (lambda: register(silent), "tool silent has no docstring: the model would not know"),
        (lambda: register(many), "parameter names of tool many has no name for a model"),
        (lambda: register(odd), "parameter a of tool odd has a type that no JSON stands for"),
        (lambda: register(name="a b")(owner_of), "'a b' is no name for a tool"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_in_one_line(decorate: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        decorate()


def test_what_a_function_returns_is_told_as_json() -> None:
    @kx.tool
    def listed() -> list[dict[str, Any]]:
        """Lists."""
        return [{"a": 1}]

    @kx.tool
    def nothing() -> None:
        """Nothing."""

    assert call(kx.tools["listed"], {}).text == '[{"a": 1}]'
    assert call(kx.tools["nothing"], {}).text == "(nothing)"


# --- installed packages

TOOL = """
import kubeagentix as kx

{decorator}
def {function}(namespace: str) -> str:
    'Who owns a namespace.'
    return namespace
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where packages are found."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def unpacked(site: Path, module: str, points: str, text: str) -> None:
    info = site / "kx_own-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kx-own\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[kubeagentix.tools]\n{points}\n")
    (site / f"{module}.py").write_text(text)
    sys.modules.pop(module, None)


@pytest.mark.parametrize(
    ("points", "decorator", "name"),
    [
        ("who-owns = kx_own_t:owner", "", "who_owns"),
        ("any = kx_own_t:owner", "@kx.tool", "owner"),
        ("all = kx_own_t", "@kx.tool(name='named')", "named"),
    ],
)
def test_an_installed_package_hands_over_a_function_or_a_module(
    site: Path, points: str, decorator: str, name: str
) -> None:
    unpacked(site, "kx_own_t", points, TOOL.format(decorator=decorator, function="owner"))
    assert kx.tools.own == {name: f"package kx-own 1.2 ({points.partition(' = ')[2]})"}
    assert call(kx.tools[name], {"namespace": "a"}).text == "a"
    kx.tools.remove(name)
    assert kx.tools.own == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('no licence')", "SystemExit: no licence"),
        ("x = 1", "UsageError: module kx_own_u decorates no function with @kx.tool"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_a_gap(site: Path, text: str, why: str) -> None:
    unpacked(site, "kx_own_u", "bad = kx_own_u", text)
    (gap,) = own_tools.load_packages()
    assert gap.what == "tool bad of package kx-own 1.2 (kx_own_u) could not be loaded"
    assert gap.why == why
    assert "pod_logs" in kx.tools


@pytest.mark.parametrize("family", [own_tools.tools, own_analyzers.analyzers], ids=["tools", "analyzers"])
def test_to_go_through_all_of_them_looks_for_packages_once(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(*, group: str) -> list[Any]:
        asked.append(group)
        return []

    packages._points.cache_clear()
    monkeypatch.setattr("kubeagentix.packages.entry_points", counted)
    assert len(dict(family.items())) > 10
    assert len(list(family.items())) > 10
    assert len(asked) == 1
    packages._points.cache_clear()
