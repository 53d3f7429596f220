"""kubectl's command line read as kubectl reads it: cobra finds the verb, pflag the flags; nothing is completed.

No shell is meant anywhere: what a shell would take for an operator is refused, and words are not expanded.
Source: github.com/spf13/cobra command.go (Find, stripFlags, argsMinusFirstX) and github.com/spf13/pflag flag.go.
"""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kubeagentix.cluster import kubectl_flags, kubectl_verbs
from kubeagentix.cluster.kubectl_flags import Flag
from kubeagentix.cluster.kubectl_verbs import VERBS, Verb
from kubeagentix.errors import UsageError, excerpt

MAX_CHARS = 50_000  # Linux takes 128 KiB for one word, in UTF-8
_NO_SHELL = "there is no shell: run kubectl alone, and narrow its output down with -l, -o or --field-selector"
_OPERATOR = re.compile(
    r"\d?(\||\|\||&|&&|;|;;|>|>>|<|<<|<<<|>&\d|&>)|[;|&][^=]*|[^=]*[;|&]|(\$\(|`|<\(|\$\{)[^=]*|\d?>[^=]*"
)
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format, surrogate, line and paragraph separators
_ALONE = ("switch", "optional")  # the word after one of these is not its value
_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))  # strconv.ParseBool
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A command line taken apart: the verb, what follows it, and its flags by their long names, in order."""

    verb: Verb
    words: tuple[str, ...]
    flags: tuple[tuple[str, str], ...]

    def has(self, name: str) -> bool:
        """Whether that flag is given."""
        return any(flag == name for flag, _ in self.flags)

    def value(self, name: str, default: str = "") -> str:
        """What a flag is given; of several, kubectl takes the last."""
        return next((value for flag, value in reversed(self.flags) if flag == name), default)

    def values(self, name: str) -> tuple[str, ...]:
        """All that a flag is given."""
        return tuple(value for flag, value in self.flags if flag == name)


def split(command: str | Sequence[str]) -> list[str]:
    """The words after `kubectl`. A text is cut into words as a shell would, quotes and all. Raises UsageError."""
    if (len(command) if isinstance(command, str) else sum(map(len, command))) > MAX_CHARS:
        raise UsageError(f"the command is longer than {MAX_CHARS:,} characters", hint="ask for less at once")
    words = _cut(command) if isinstance(command, str) else list(command)
    for word in words:
        _check_characters(word)
    if words and words[0].rpartition("/")[2] == "kubectl":
        words = words[1:]
    if not words:
        raise UsageError("the command is empty", hint=f"the verbs are {_offered()}")
    for word in words:
        if _OPERATOR.fullmatch(word):
            raise UsageError(f"{excerpt(word, 40)!r} is not for kubectl", hint=_NO_SHELL)
    return words


def find_verb(words: Sequence[str]) -> tuple[Verb, list[str]]:
    """The verb, with its subcommand, and the words without it. Raises UsageError where there is none of that name."""
    rest = list(words)
    name = ""
    while subcommands := kubectl_verbs.subcommands(name):
        place = _place_of_command(rest, kubectl_flags.before_subcommand(name))
        if place is None or rest[place] not in subcommands:
            break
        name = f"{name} {rest.pop(place)}".strip()
        name = kubectl_verbs.GROUPS.get(name, name)
    if name not in VERBS:
        raise _unknown(name, rest)
    return VERBS[name], rest


def parse(words: Sequence[str]) -> Line:
    """The command line, its flags known and well-formed. Raises UsageError that says what is not."""
    verb, rest = find_verb(words)
    known = kubectl_flags.offered(verb.name)
    letters = {flag.letter: flag for flag in known.values() if flag.letter}
    operands: list[str] = []
    flags: list[tuple[str, str]] = []
    queue = iter(rest)
    for word in queue:
        if word == "--":
            operands.extend(queue)
        elif word.startswith("--"):
            flags.append(_long(word, known, queue, verb))
        elif word.startswith("-") and word != "-":
            flags.extend(_short(word, letters, queue, verb))
        else:
            operands.append(word)
    return Line(verb=verb, words=tuple(operands), flags=tuple(_last_of_each(flags, known)))


def _cut(text: str) -> list[str]:
    # A backslash at the end of a line continues it; any other line would be another command.
    text = text.replace("\\\r\n", " ").replace("\\\n", " ").strip()
    reader = shlex.shlex(text, posix=True, punctuation_chars=False)
    reader.whitespace, reader.whitespace_split, reader.commenters = " \t", True, ""
    try:
        return list(reader)
    except ValueError as error:
        raise UsageError(f"the command cannot be read: {error}", hint="check its quotes") from error


def _check_characters(word: str) -> None:
    for char in word:
        if char == "\n" and "=" not in word and "{" not in word:
            raise UsageError("one command at a time, on one line", hint=_NO_SHELL)
        # Nothing to see, or not what it looks like; a template or patch may have lines and tabs.
        if char not in "\n\t" and unicodedata.category(char) in _UNSEEN:
            raise UsageError(f"the character {char!r} is not for kubectl", hint="type the command anew")


def _offered() -> str:
    return ", ".join(kubectl_verbs.offered_verbs())


def _unknown(name: str, rest: Sequence[str]) -> UsageError:
    if name:
        subcommands = ", ".join(kubectl_verbs.subcommands(name))
        return UsageError(f"kubectl {name} alone does nothing", hint=f"its subcommands are {subcommands}")
    place = _place_of_command(rest, kubectl_flags.everywhere())
    if place is None:
        return UsageError("there is no verb", hint=f"the verbs are {_offered()}; their flags follow them")
    verb = rest[place]
    near = difflib.get_close_matches(verb, VERBS, n=1, cutoff=0.7)
    hint = f"did you mean {near[0]}?" if near else f"no plugin and no other program is run; the verbs are {_offered()}"
    return UsageError(f"kubectl has no verb {excerpt(verb, 60)!r}", hint=hint)


def _place_of_command(words: Sequence[str], known: Mapping[str, Flag]) -> int | None:
    """Where the next verb or subcommand stands: kubectl takes an unknown flag before it for one with a value."""
    switches = {flag.name for flag in known.values() if flag.kind in _ALONE}
    letters = {flag.letter for flag in known.values() if flag.kind in _ALONE}
    place = 0
    while place < len(words):
        word = words[place]
        if word == "--":
            return None
        if word.startswith("-"):
            is_long = word.startswith("--") and _normal(word[2:]) not in switches
            is_short = len(word) == 2 and not word.startswith("--") and word[1] not in letters
            place += 2 if "=" not in word and (is_long or is_short) else 1
        elif word:
            return place
        else:
            place += 1
    return None


def _normal(name: str) -> str:
    # kubectl takes --all_namespaces for --all-namespaces. Source: k8s.io/component-base/cli/flag WordSepNormalizeFunc
    return name.replace("_", "-")


def _long(word: str, known: Mapping[str, Flag], queue: Iterator[str], verb: Verb) -> tuple[str, str]:
    name, equals, value = word[2:].partition("=")
    flag = known.get(_normal(name))
    if flag is None:
        raise _not_offered(f"--{name}", _normal(name), verb, known)
    return flag.name, _value(flag, value if equals else None, queue)


def _short(word: str, letters: Mapping[str, Flag], queue: Iterator[str], verb: Verb) -> Iterator[tuple[str, str]]:
    """The flags in `-Aowide`: switches, of which the last may be one that takes the rest, or the next word."""
    rest = word[1:]
    while rest:
        flag = letters.get(rest[0])
        if flag is None:
            raise _not_offered(f"-{rest[0]}", rest[0], verb, kubectl_flags.offered(verb.name))
        rest = rest[1:]
        if len(rest) > 1 and rest.startswith("="):
            yield flag.name, _value(flag, rest[1:], queue)
            return
        if flag.kind not in _ALONE:
            yield flag.name, _value(flag, rest or None, queue)
            return
        yield flag.name, _value(flag, None, queue)


def _value(flag: Flag, given: str | None, queue: Iterator[str]) -> str:
    if flag.kind == "switch":
        if given is None or given in _TRUE:
            return "true"
        if given in _FALSE:
            return "false"
        raise UsageError(f"--{flag.name} is true or false, not {excerpt(given, 40)!r}")
    if flag.kind == "optional" and given is None:
        return flag.default
    value = given if given is not None else next(queue, "")
    if not value:
        raise UsageError(f"--{flag.name} needs a value", hint=f"as in --{flag.name}=…")
    return value


def _not_offered(shown: str, name: str, verb: Verb, known: Mapping[str, Flag]) -> UsageError:
    why = kubectl_flags.why_refused(name, verb.name)
    return UsageError(
        f"{excerpt(shown, 60)} of kubectl {verb.name} is not offered{f': {why}' if why else ''}",
        hint=f"the flags are {', '.join(f'--{item}' for item in known)}",
    )


def _last_of_each(flags: Sequence[tuple[str, str]], known: Mapping[str, Flag]) -> Iterator[tuple[str, str]]:
    """The flags that count: all of a list, of any other the last."""
    last = {name: index for index, (name, _) in enumerate(flags)}
    for index, (name, value) in enumerate(flags):
        if known[name].kind == "list" or last[name] == index:
            yield name, value
