"""Completes what may be typed after a magic: option names, the values of options that can be known, and variables."""

from __future__ import annotations

import argparse
import glob
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from kubeagentix import registry
from kubeagentix.contracts import MagicPlugin
from kubeagentix.domain.resources import find_kind
from kubeagentix.notebook import known_names
from kubeagentix.notebook.calling import parser_of
from kubeagentix.notebook.choice import chosen
from kubeagentix.options import PROVIDERS

_VARIABLE = re.compile(r"(?<![\\$])\{\{\s*(\w*)$")
_END_OF_WORD = re.compile(r"[\s=,]")


def matcher_for(plugins: Mapping[str, MagicPlugin], user_ns: Mapping[str, Any]) -> Callable[[Any], Any]:
    """A matcher for IPython's completer (`custom_matchers`)."""
    names = "|".join(map(re.escape, plugins))
    line_magic = re.compile(rf"\s*%%?({names})\s")
    cell_magic = re.compile(rf"\s*%%({names})\b")

    def match(context: CompletionContext) -> SimpleMatcherResult:
        in_body = cell_magic.match(context.full_text) if context.cursor_line else None
        found = in_body or line_magic.match(context.text_until_cursor)
        if found is None:
            return {"completions": [], "suppress": False}
        above = context.full_text.split("\n")[: context.cursor_line] if in_body else []
        text = "\n".join((*above, context.text_until_cursor))
        if place := _VARIABLE.search(text):
            words = [name for name in user_ns if not name.startswith("_") or place[1].startswith("_")]
        elif in_body and plugins[found[1]].takes_text:
            words = []
        else:
            words = completions(plugins[found[1]], text)
        # Python's own names have no place here, but IPython would offer them, even with dashes in front, unless it is
        # given something: where there is nothing, the word as it stands.
        fitting = _fitting(words, text, context.token) or [SimpleCompletion(text=context.token, type="option")]
        return {"completions": fitting, "suppress": True}

    return context_matcher(identifier="kubeagentix")(match)  # type: ignore[no-any-return]


def _fitting(words: Iterable[str], text: str, token: str) -> list[SimpleCompletion]:
    """Those that go on with what is typed; IPython replaces its own `token` only, which ends at a `:` or `@`."""
    typed = _END_OF_WORD.split(text)[-1]
    if "{{" in typed:
        typed = token
    cut = max(0, len(typed) - len(token))
    return [SimpleCompletion(text=word[cut:], type="option") for word in words if word.startswith(typed)]


@dataclass(frozen=True, slots=True)
class _Typed:
    """What stands before the word that is being typed, and its beginning."""

    words: Sequence[str]
    beginning: str

    def value_of(self, *options: str) -> str | None:
        """What was given to an option."""
        found = [value for option, value in zip(self.words, self.words[1:], strict=False) if option in options]
        return found[-1] if found else None

    @property
    def place(self) -> known_names.Place:
        return known_names.Place(
            context=self.value_of("--context"),
            kubeconfig=self.value_of("--kubeconfig"),
            snapshot=self.value_of("--snapshot"),
        )


def completions(plugin: MagicPlugin, text: str) -> list[str]:
    """What may stand at the end of `text`: a value after an option that takes one, else options and free words."""
    parser = parser_of(plugin)
    words = text.replace("=", " ").split()
    beginning = "" if text[-1:].isspace() or text.endswith("=") else words.pop().split(",")[-1]
    typed = _Typed(words, beginning)
    if beginning.startswith("-"):
        return [name for name in parser.option_names if name.startswith("--") or beginning == "-"]
    last = next((item for item in parser.actions if words and words[-1] in item.option_strings), None)
    if last is not None and last.nargs not in (0, "*"):
        return _values(last, typed)
    free = [
        value
        for item in parser.actions
        if item.nargs in ("*", "?") and _may_stand(item, words)
        for value in _values(item, typed)
    ]
    return free + ([] if beginning else [name for name in parser.option_names if name.startswith("--")])


def _may_stand(action: argparse.Action, words: Sequence[str]) -> bool:
    """Whether values of `action` may come next: it has no name, or its name stands last but for its own values."""
    options = [word for word in words if word.startswith("-")]
    return not action.option_strings or bool(options and options[-1] in action.option_strings)


def _values(action: argparse.Action, typed: _Typed) -> list[str]:
    if action.choices:
        return [str(choice) for choice in action.choices]
    name = str(action.metavar)
    if "|" in name and name.islower():
        return name.split("|")
    if name == "FILE":
        return sorted(glob.glob(f"{glob.escape(typed.beginning)}*"))  # noqa: PTH207  as typed, not as a Path would be
    by_name = _BY_NAME.get(name) or _BY_NAME.get(action.dest)
    return by_name(typed) if by_name else []


def _targets(typed: _Typed) -> list[str]:
    """`deploy/web`, in steps: the kinds, then the names of one."""
    kind, slash, _ = typed.beginning.partition("/")
    before = typed.words[-1] if typed.words else ""
    if slash:
        return [f"{kind}/{name}" for name in _names(kind, typed)]
    if find_kind(before) is not None:  # deploy web
        return _names(before, typed)
    return [f"{word}/" for word in known_names.kind_words()]


def _names(kind: str, typed: _Typed) -> list[str]:
    is_everywhere = bool({"-A", "--all-namespaces"} & {*typed.words})
    namespace = typed.value_of("-n", "--namespace")
    if namespace is None and not is_everywhere and typed.place == known_names.Place():
        namespace = chosen().namespace or None
    return known_names.objects(typed.place, kind, namespace, is_everywhere=is_everywhere)


def _models(typed: _Typed) -> list[str]:
    """The models that are known of the provider that is named, or of all."""
    known = registry.providers()
    named = known.get((typed.value_of("--provider") or chosen().provider).replace("-", "_"))
    providers = [named] if named is not None else list(known.values())
    models = [model for plugin in providers for model in (plugin.default_model, *plugin.prices) if model]
    return list(dict.fromkeys(models))


_BY_NAME: Mapping[str, Callable[[_Typed], list[str]]] = {
    "SCENARIO": lambda _: list(registry.scenarios()),
    "NS": lambda typed: known_names.namespaces(typed.place),
    "KIND/NAME": _targets,
    "context": lambda typed: known_names.contexts(typed.place),
    "provider": lambda _: [*PROVIDERS, "auto"],
    "model": _models,
}
