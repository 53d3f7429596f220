"""Which clusters a fleet is: contexts by name or pattern, or the kubeconfig files of a folder.

What cannot be used costs itself and nothing else: an unknown context, a torn file or an entry without a server becomes
a member that says why it is not asked. What is there twice is asked once, and told.
"""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from kubeagentix.arguments import check_path
from kubeagentix.cluster.kubeconfig import Access, nearest, resolve_each
from kubeagentix.errors import KubeconfigError, UsageError, excerpt
from kubeagentix.fleet.access import address
from kubeagentix.fleet.words import named
from kubeagentix.paths import expanded

MAX_BYTES = 64 << 20  # of a kubeconfig: ten thousand contexts with their certificates
_PATTERN = frozenset("*?[")
_ROUTES = ("tls-server-name", "proxy-url")  # by which one address leads to many clusters


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One cluster of the fleet, by a name of its own; without an access it cannot be asked, and `why` says so.

    `file` is the kubeconfig it stands in, where that was looked for in a folder.
    """

    name: str
    context: str = ""
    file: str = ""
    access: Access | None = field(default=None, repr=False)
    why: str = ""

    @property
    def where(self) -> tuple[str, ...]:
        """The options by which kubectl, and `kubeagentix dx`, are led to it."""
        named = (f"--context={self.context}",) if self.context else ()
        return (*((f"--kubeconfig={self.file}",) if self.file else ()), *named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """All of them in the order in which they were named; `notices` are lines about what was named oddly."""

    members: tuple[Member, ...]
    notices: tuple[str, ...] = ()


def choose(
    contexts: str | Iterable[str] | None = None,
    *,
    all_contexts: bool = False,
    kubeconfig: str | os.PathLike[str] | None = None,
    kubeconfig_dir: str | os.PathLike[str] | None = None,
) -> Members:
    """The members that the arguments name. Raises UsageError where they name nothing, and KubeconfigError."""
    check_path(kubeconfig=kubeconfig, kubeconfig_dir=kubeconfig_dir)
    wanted = _names(contexts)
    if wanted is not None and all_contexts:
        raise UsageError("contexts and all_contexts exclude each other", hint="give one of them")
    if kubeconfig is not None and kubeconfig_dir is not None:
        raise UsageError("kubeconfig and kubeconfig_dir exclude each other", hint="give one of them")
    if wanted is None and not all_contexts and kubeconfig_dir is None:
        raise UsageError("no cluster is named", hint="name contexts, all contexts, or a folder of kubeconfigs")
    notices: list[str] = []
    known = _of_folder(kubeconfig_dir, notices) if kubeconfig_dir is not None else _of_file(kubeconfig)
    found = known if wanted is None else _chosen(wanted, known, notices)
    if not any(member.access is not None or member.why for member in found):
        raise UsageError("the kubeconfig holds no context", hint="see `kubectl config get-contexts`")
    return Members(members=tuple(_once(found, notices)), notices=tuple(notices))


def _names(contexts: object) -> tuple[str, ...] | None:
    if contexts is None:
        return None
    given = [contexts] if isinstance(contexts, str) else contexts
    if not isinstance(given, Iterable):
        raise UsageError(f"contexts= takes names, not {type(contexts).__name__}", hint='as in contexts=["prod-*"]')
    names = []
    for item in given:
        if not isinstance(item, str):
            raise UsageError(f"a context is a text, not {type(item).__name__}", hint='as in contexts=["prod-*"]')
        names += [part.strip() for part in item.split(",")]
    if not any(names):
        raise UsageError("contexts= names none", hint="name some, or leave it out")
    return tuple(name for name in names if name)


def _of_file(kubeconfig: str | os.PathLike[str] | None) -> list[Member]:
    _, each = resolve_each(kubeconfig)
    file = str(expanded(os.fspath(kubeconfig))) if kubeconfig is not None else ""
    return [_member(name, found, file) for name, found in each.items()]


def _member(name: str, found: Access | KubeconfigError, file: str = "") -> Member:
    if isinstance(found, KubeconfigError):
        return Member(name=name, context=name, file=file, why=str(found))
    context = "" if found.is_in_cluster else name  # no kubeconfig has that one
    return Member(name=name, context=context, file=file, access=found)


def _of_folder(given: str | os.PathLike[str], notices: list[str]) -> list[Member]:
    """The contexts of each file in the folder; one whose name others have too is named after its file."""
    folder = expanded(os.fspath(given))
    try:
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except NotADirectoryError:
        raise UsageError(f"{folder} is a file, not a folder", hint="name it with --kubeconfig") from None
    except OSError as error:
        raise UsageError(f"cannot read the folder {folder}: {excerpt(error.strerror or '')}") from error
    strange: list[str] = []
    found = [member for path in files for member in _of_one(path, strange)]
    if strange:
        notices.append(f"passed over, as no context stands in them: {named(strange)}")
    if not found:
        raise UsageError(f"the folder {folder} holds no kubeconfig", hint="name the folder that holds them")
    names, held = Counter(member.name for member in found), Counter(member.file for member in found)
    return _unique(_named_apart(item, held[item.file]) if names[item.name] > 1 else item for item in found)


def _of_one(path: Path, strange: list[str]) -> list[Member]:
    try:
        if not _is_kubeconfig(path):
            if not path.is_dir():
                strange.append(path.name)
            return []
        _, each = resolve_each(path)
    except KubeconfigError as error:
        return [Member(name=path.name, file=str(path), why=str(error))]
    except OSError as error:
        why = f"cannot read {path}: {excerpt(error.strerror or '')}"
        return [Member(name=path.name, file=str(path), why=why)]
    if not each:
        strange.append(path.name)
    return [_member(name, found, str(path)) for name, found in each.items()]


def _is_kubeconfig(path: Path) -> bool:
    """Whether it seems to be meant as one, be it torn: notes, certificates and what else lies about are not.

    Raises OSError.
    """
    if path.is_symlink() and not path.exists():  # it leads nowhere, which reading it tells
        return True
    if not path.is_file() or path.stat().st_size > MAX_BYTES:  # a folder, or a pipe that nobody writes to
        return False
    text = path.read_bytes().replace(b"\0", b"")  # some shells write UTF-16
    return b"contexts" in text or b"clusters" in text


def _named_apart(member: Member, held: int) -> Member:
    """By its file, and by the context too if the file holds several."""
    file = Path(member.file).name
    return replace(member, name=f"{file}/{member.context}" if held > 1 else file)


def _unique(members: Iterable[Member]) -> list[Member]:
    """Whatever they are called, each by a name of its own."""
    found: dict[str, Member] = {}
    for member in members:
        name = next(name for name in _names_like(member.name) if name not in found)
        found[name] = replace(member, name=name)
    return list(found.values())


def _names_like(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} ({number})" for number in count(2))


def _chosen(wanted: Sequence[str], known: Sequence[Member], notices: list[str]) -> list[Member]:
    """What each name or pattern stands for; one that stands for nothing is a member that cannot be asked."""
    chosen: dict[str, Member] = {}
    for name in wanted:
        matching = [member for member in known if name in (member.name, member.context)]
        if not matching and _PATTERN & {*name}:
            matching = [member for member in known if fnmatch.fnmatchcase(member.name, name)]
        elif any(member.name in chosen for member in matching):
            notices.append(f"context {excerpt(name, 80)} is named more than once: it is asked once")
        if not matching:
            what = "matches" if _PATTERN & {*name} else "is called"
            hint = nearest(name, (member.name for member in known), of="contexts")
            why = f"no context {what} {excerpt(name, 80)!r}; {hint}"
            matching = [Member(name=excerpt(name, 80), why=why)]
        for member in matching:
            chosen.setdefault(member.name, member)
    # What could not be read may have been meant: it is no secret that it is left out.
    unread = [member for member in known if member.access is None and not member.context and member.name not in chosen]
    return [*chosen.values(), *unread]


def _once(found: Iterable[Member], notices: list[str]) -> list[Member]:
    """Without those that ask the same server as the same user in other words; who ask it as others are told of."""
    same: dict[tuple[str, str], list[Member]] = {}
    servers: dict[tuple[str, ...], list[str]] = {}
    asked = []
    for member in found:
        access = member.access
        if access is not None:
            key = (access.server, repr((_sorted(access.cluster), _sorted(access.user), access.folder)))
            others = same.setdefault(key, [])
            others.append(member)
            if len(others) > 1:
                continue
            place = (access.server, *(str(access.cluster.get(key, "")) for key in _ROUTES))
            servers.setdefault(place, []).append(member.name)
        asked.append(member)
    notices += [_doubles(first, more) for first, *more in same.values() if more]
    for (server, *_), names in servers.items():
        if len(names) > 1:
            all_of_them = "both" if len(names) == 2 else "all"
            who = " and ".join(names) if len(names) == 2 else named(names)
            notices.append(f"{who} ask one server ({address(server)}) in different ways: {all_of_them} are asked")
    return asked


def _doubles(first: Member, more: Sequence[Member]) -> str:
    assert first.access is not None
    what = "is {} by another name" if len(more) == 1 else "are {} by other names"
    names = named(member.name for member in more)
    return f"{names} {what.format(first.name)} ({address(first.access.server)}): it is asked once"


def _sorted(entry: Mapping[str, object]) -> list[tuple[str, object]]:
    return sorted(entry.items())
