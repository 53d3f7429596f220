"""YAML that others wrote: whatever is wrong with it is one kind of error.

PyYAML makes values with `int()`, `float()`, `date()` and look-ups of its own, and lets their errors through.
"""

from __future__ import annotations

from typing import Any

import yaml

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class ForeignLoader(yaml.SafeLoader):
    """A SafeLoader for which `12:30` is a text, as it is for kubectl, and no number."""


def _number(loader: ForeignLoader, node: yaml.ScalarNode) -> Any:
    if ":" in node.value:  # to base sixty, in YAML 1.1; and slow to compute where it is long
        return node.value
    make = loader.construct_yaml_int if node.tag == _NUMBERS[0] else loader.construct_yaml_float
    return make(node)


for _tag in _NUMBERS:
    ForeignLoader.add_constructor(_tag, _number)


def load_all(text: str, loader: type[ForeignLoader] = ForeignLoader) -> list[Any]:
    """The documents in `text`. Raises yaml.YAMLError, and no other."""
    try:
        return list(yaml.load_all(text, Loader=loader))
    except yaml.YAMLError:
        raise
    except Exception as error:
        raise yaml.YAMLError(f"a value cannot be read: {type(error).__name__}: {error}") from error
