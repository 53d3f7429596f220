"""A model's arguments: what can only have been meant in one way is mended, the rest is told."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.errors import UsageError
from kubeagentix.toolkit.arguments import check, signature

SPEC = ToolSpec(
    name="pod_logs",
    description="Logs.",
    parameters={
        "type": "object",
        "properties": {
            "pod": {"type": "string", "description": "The pod's name."},
            "namespace": {"type": "string"},
            "lines": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
            "share": {"type": "number"},
            "previous": {"type": "boolean", "default": False},
            "order": {"type": "string", "enum": ["Newest", "oldest"]},
            "labels": {"type": "object", "properties": {"count": {"type": "integer"}}},
            "containers": {"type": "array", "items": {"type": "string"}},
            "since": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
        "required": ["pod"],
        "additionalProperties": False,
    },
)


def test_defaults_are_filled_in_and_what_fits_is_left_as_it_is() -> None:
    assert check(SPEC, {"pod": "web-0"}) == {"pod": "web-0", "lines": 100, "previous": False}
    given = {"pod": "web-0", "lines": 5, "previous": True, "labels": {"count": 1}, "containers": ["a"], "share": 0.5}
    assert check(SPEC, given) == given


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("lines", "5", 5),
        ("lines", 5.0, 5),
        ("lines", " 5 ", 5),
        ("share", "0.5", 0.5),
        ("previous", "True", True),
        ("previous", "no", False),
        ("pod", 7, "7"),
        ("pod", " web-0 ", "web-0"),
        ("order", "newest", "Newest"),
        ("labels", '{"count": "3"}', {"count": 3}),
        ("containers", '["a", "b"]', ["a", "b"]),
        ("containers", "a", ["a"]),
        ("since", "60", 60),
        ("since", None, None),
    ],
)
def test_a_harmless_slip_is_mended(name: str, written: Any, meant: Any) -> None:
    assert check(SPEC, {"pod": "web-0", name: written})[name] == meant


def test_the_arguments_may_be_json_text_or_nothing() -> None:
    assert check(SPEC, '{"pod": "web-0"}')["pod"] == "web-0"
    nothing = ToolSpec(name="all", description="", parameters={"type": "object", "properties": {}})
    assert check(nothing, "") == check(nothing, None) == {}


def test_null_and_an_empty_choice_mean_that_it_is_left_out() -> None:
    assert check(SPEC, {"pod": "a", "lines": None, "order": "", "wish": None}) == check(SPEC, {"pod": "a"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"pod_logs needs `pod` \(The pod's name\.\); call it as pod_logs\(pod: string, namespace\?: string"),
        ({"pod": ""}, "pod_logs needs `pod`"),
        ({"pod": "a", "lines": "many"}, "`lines` of pod_logs: 'many' is not of type 'integer'; call it as"),
        ({"pod": "a", "lines": 501}, "`lines` of pod_logs: 501 is greater than the maximum of 500"),
        ({"pod": "a", "lines": 5.5}, "`lines` of pod_logs: 5.5 is not of type 'integer'"),
        ({"pod": "a", "order": "new"}, "'new' is not one of"),
        ({"pod": "a", "name_space": "x"}, "has no argument `name_space`; did you mean `namespace`?"),
        ({"pod": "a", "labels": "x=1"}, "`labels` of pod_logs: 'x=1' is not of type 'object'"),
        ("web-0", "the arguments of pod_logs are no JSON object"),
        ([1], "the arguments of pod_logs are no JSON object"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(arguments: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(SPEC, arguments)


def test_the_signature_shows_types_and_choices() -> None:
    assert "order?: Newest|oldest" in signature(SPEC)
    assert "since?: integer|null" in signature(SPEC)


def test_what_checks_them_is_imported_beside_the_loop() -> None:
    code = """
import asyncio, sys, threading
from kubeagentix.domain.events import ToolCallReady
from kubeagentix.domain.messages import ToolCall
from kubeagentix.domain.options import RunOptions
from kubeagentix.engine.engine import Engine
from kubeagentix.testing import ScriptedProvider, scripted_plugin, snapshot_of

class Seen:
    threads = set()

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "jsonschema":
            self.threads.add(threading.current_thread() is threading.main_thread())

sys.meta_path.insert(0, Seen())
picture = snapshot_of({"kind": "ConfigMap", "metadata": {"name": "x"}})
call = ToolCallReady(call=ToolCall(id="c", name="list_namespaces", arguments={}))
engine = Engine(picture, plugins={"claude": scripted_plugin(ScriptedProvider([call], []), "claude")}, environ={})
ended = asyncio.run(engine.run("why?", options=RunOptions(fallback=False)))
print(ended.tool_calls, Seen.threads)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout == "1 {False}\n"
