"""YAML that others wrote: whatever is wrong with it is one kind of error.

PyYAML makes values with `int()`, `float()`, `date()` and look-ups of its own, and lets their errors through. What it
says of a fault quotes the text, which may be a kubeconfig's password: here only the place and the kind are told.
"""

from __future__ import annotations

from typing import Any

import yaml

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


# How PyYAML's words for a fault begin, and what is told instead.
_KINDS = (
    ("found undefined alias", "an alias of nothing: a value that begins with * needs quotes"),
    ("second occurrence", "an anchor for the second time: a value that begins with & needs quotes"),
    ("could not determine a constructor", "an unknown tag: a value that begins with ! needs quotes"),
    ("found undefined tag handle", "an unknown tag: a value that begins with ! needs quotes"),
    ("found unknown escape character", "an unknown escape in double quotes: single quotes take \\ as it is"),
    ("expected escape sequence", "an unknown escape in double quotes: single quotes take \\ as it is"),
    ("found character '\\t'", "a tab where only blanks can stand"),
    ("found character", "a character that no value can begin with: it needs quotes"),
    ("mapping values are not allowed", "a colon where none can stand"),
    ("could not find expected ':'", "a key without a colon"),
    ("found unexpected end of stream", "quotes that are not closed"),
    ("expected <block end>", "something that does not belong there: is it indented as its neighbours are?"),
)
_BY_TYPE: tuple[tuple[type[Exception], str], ...] = (
    (yaml.reader.ReaderError, "a control character"),
    (yaml.constructor.ConstructorError, "a value that is not of the form that it seems to have"),
    (RecursionError, "it is nested too deeply"),
)
_OTHER = "a character where none of its kind can stand"


class ForeignYamlError(yaml.YAMLError):
    """Where (`line` and `column` from 1; 0: not known) and how a text is no YAML; never what stands there."""

    def __init__(self, kind: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"at line {line}, column {column}: {kind}" if line else kind)
        self.line = line


class ForeignLoader(yaml.SafeLoader):
    """A SafeLoader for which `12:30` is a text, as it is for kubectl, and no number."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node; what cannot be made into one says where it stands."""
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise yaml.constructor.ConstructorError(None, None, "no such value", node.start_mark) from error


def _number(loader: ForeignLoader, node: yaml.ScalarNode) -> Any:
    if ":" in node.value:  # to base sixty, in YAML 1.1; and slow to compute where it is long
        return node.value
    make = loader.construct_yaml_int if node.tag == _NUMBERS[0] else loader.construct_yaml_float
    return make(node)


for _tag in _NUMBERS:
    ForeignLoader.add_constructor(_tag, _number)


def load_all(text: str, loader: type[ForeignLoader] = ForeignLoader) -> list[Any]:
    """The documents in `text`. Raises ForeignYamlError, and no other."""
    try:
        return list(yaml.load_all(text, Loader=loader))
    except Exception as error:  # noqa: BLE001  told below, where the text is not chained to it
        fault = _fault(error, text)
    raise fault


def _fault(error: Exception, text: str) -> ForeignYamlError:
    words = str(getattr(error, "problem", None) or "")
    kind = next((kind for start, kind in _KINDS if words.startswith(start)), None)
    kind = kind or next((kind for of, kind in _BY_TYPE if isinstance(error, of)), _OTHER)
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        return ForeignYamlError(kind, before.count("\n") + 1, len(before) - before.rfind("\n"))
    mark = getattr(error, "problem_mark", None)
    return ForeignYamlError(kind, mark.line + 1, mark.column + 1) if mark else ForeignYamlError(kind)
