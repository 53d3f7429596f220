"""Completes what may be typed after a magic: option names, and the values of options that can be known."""

from __future__ import annotations

import argparse
import glob
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from kubeagentix import registry
from kubeagentix.cluster.kubeconfig import list_contexts
from kubeagentix.contracts import MagicPlugin
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.notebook.calling import parser_of


def matcher_for(plugins: Mapping[str, MagicPlugin]) -> Callable[[Any], Any]:
    """A matcher for IPython's completer (`custom_matchers`)."""
    names = "|".join(map(re.escape, plugins))
    line_magic = re.compile(rf"\s*%%?({names})\s")
    cell_magic = re.compile(rf"\s*%%({names})\b")

    def match(context: CompletionContext) -> SimpleMatcherResult:
        found = line_magic.match(context.text_until_cursor) or (
            cell_magic.match(context.full_text) if context.cursor_line else None
        )
        words = completions(plugins[found[1]], context.text_until_cursor) if found else []
        fitting = [word for word in words if word.startswith(context.token)]
        # Python's own names have no place here, but IPython would offer them, even with dashes in front.
        return {"completions": [SimpleCompletion(text=word, type="option") for word in fitting], "suppress": True}

    return context_matcher(identifier="kubeagentix")(match)  # type: ignore[no-any-return]


def completions(plugin: MagicPlugin, text: str) -> list[str]:
    """What may stand at the end of `text`: a value after an option that takes one, else options and free words."""
    parser = parser_of(plugin)
    words = text.replace("=", " ").split()
    typed = "" if text[-1:].isspace() or text.endswith("=") else words.pop()
    if typed.startswith("-"):
        return [name for name in parser.option_names if name.startswith("--") or typed == "-"]
    last = next((item for item in parser.actions if words and words[-1] in item.option_strings), None)
    if last is not None and last.nargs not in (0, "*"):
        return _values(last, typed)
    free = [
        value
        for item in parser.actions
        if item.nargs in ("*", "?") and _may_stand(item, words)
        for value in _values(item, typed)
    ]
    return free + ([] if typed else [name for name in parser.option_names if name.startswith("--")])


def _may_stand(action: argparse.Action, words: list[str]) -> bool:
    """Whether values of `action` may come next: it has no name, or its name stands last but for its own values."""
    options = [word for word in words if word.startswith("-")]
    return not action.option_strings or bool(options and options[-1] in action.option_strings)


def _values(action: argparse.Action, typed: str) -> list[str]:
    if action.choices:
        return [str(choice) for choice in action.choices]
    if action.metavar == "SCENARIO":
        return list(registry.scenarios())
    if action.metavar == "FILE":
        return sorted(glob.glob(f"{glob.escape(typed)}*"))  # noqa: PTH207  as typed, not as a Path would spell it
    if action.metavar == "NAME" and action.dest == "context":
        return list(_contexts())
    return []


def _contexts() -> Iterable[str]:
    with suppress(KubeAgentiXError):
        return [context.name for context in list_contexts()]
    return []
