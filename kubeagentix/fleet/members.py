"""Which clusters a fleet is: contexts by name or pattern, or the kubeconfig files of a folder.

What cannot be used costs itself and nothing else: an unknown context, a torn file or an entry without a server becomes
a member that says why it is not asked. What is there twice is asked once, and told.
"""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kubeagentix.arguments import check_path
from kubeagentix.cluster.kubeconfig import Access, nearest, resolve_each
from kubeagentix.errors import KubeconfigError, UsageError, excerpt
from kubeagentix.paths import expanded
from kubeagentix.recognition.masking import masked

_PATTERN = frozenset("*?[")


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
    return Member(name=name, context=name, file=file, access=found)


def _of_folder(given: str | os.PathLike[str], notices: list[str]) -> list[Member]:
    """The contexts of each file in the folder; one whose name others have too is named after its file."""
    folder = expanded(os.fspath(given))
    try:
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except NotADirectoryError:
        raise UsageError(f"{folder} is a file, not a folder", hint="name it with --kubeconfig") from None
    except OSError as error:
        raise UsageError(f"cannot read the folder {folder}: {excerpt(error.strerror or '')}") from error
    found = [member for path in files for member in _of_one(path, notices)]
    if not found:
        raise UsageError(f"the folder {folder} holds no kubeconfig", hint="name the folder that holds them")
    names, held = Counter(member.name for member in found), Counter(member.file for member in found)
    return [_named_apart(item, held[item.file]) if names[item.name] > 1 else item for item in found]


def _of_one(path: Path, notices: list[str]) -> list[Member]:
    try:
        if not path.is_file():  # a folder, or a pipe that nobody writes to
            return []
        _, each = resolve_each(path)
    except KubeconfigError as error:
        return [Member(name=path.name, file=str(path), why=str(error))]
    if not each:
        notices.append(f"{path.name} holds no context: passed over")
    return [_member(name, found, str(path)) for name, found in each.items()]


def _named_apart(member: Member, held: int) -> Member:
    """By its file, and by the context too if the file holds several."""
    file = Path(member.file).name
    return replace(member, name=f"{file}/{member.context}" if held > 1 else file)


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
    unread = [member for member in known if not member.context and member.name not in chosen]
    return [*chosen.values(), *unread]


def _once(found: Iterable[Member], notices: list[str]) -> Iterable[Member]:
    """Without those that ask the same server as the same user in other words; who ask it as others are told of."""
    first: dict[tuple[str, str], Member] = {}
    servers: dict[str, str] = {}
    for member in found:
        access = member.access
        if access is None:
            yield member
            continue
        key = (access.server, repr((_sorted(access.cluster), _sorted(access.user), access.folder)))
        same = first.setdefault(key, member)
        if same is not member:
            notices.append(f"{member.name} is {same.name} by another name ({masked(access.server)}): it is asked once")
            continue
        other = servers.setdefault(access.server, member.name)
        if other != member.name:
            server = masked(access.server)
            notices.append(
                f"{member.name} and {other} ask one server ({server}) with different credentials: both are asked"
            )
        yield member


def _sorted(entry: Mapping[str, object]) -> list[tuple[str, object]]:
    return sorted(entry.items())
