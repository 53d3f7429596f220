"""One kind, read page by page and decoded as it comes.

A list in pages is one consistent picture until the server forgets it (410 Gone, after some minutes or a compaction of
etcd). It is then begun anew, once; if that expires too, the rest is read through the token that the server offers with
the 410, which goes on after the last object but shows its present state.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from kubeagentix.cluster.client import Answer, Client, Deadline, not_json
from kubeagentix.cluster.discovery import list_path
from kubeagentix.cluster.projections import ListMetadata, Page, decode_page, typed
from kubeagentix.cluster.sharing import SharedParts
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.resources import Kind
from kubeagentix.errors import ApiError, ClusterError

PAGE_SIZE = 500  # what kubectl asks for
# Where objects turn out small, pages grow, as each costs a round trip that the next one waits for.
PAGE_BYTES = 4 << 20
MAX_GROWTH = 4
_HEAD_BYTES = 4096  # a token has some hundred
# Their objects may be 1 MiB each (Helm keeps its releases in Secrets, definitions hold schemas), and little is kept.
PAGE_SIZES = {"Secret": 50, "ConfigMap": 50, "CustomResourceDefinition": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest:
    """What to list. `versions` are tried in order; the selectors narrow it down on the server.

    No page is asked for once `max_items` are there. Requests of one reading have `shared` in common.
    """

    kind: Kind
    versions: tuple[str, ...]
    namespace: str | None
    page_size: int = PAGE_SIZE
    field_selector: str = ""
    label_selector: str = ""
    max_items: int | None = None
    shared: SharedParts = field(default_factory=SharedParts, repr=False, compare=False)

    @property
    def what(self) -> str:
        """Its name in messages: `pods in namespace shop`."""
        if not self.kind.is_namespaced:
            return _spoken(self.kind)
        place = f"in namespace {self.namespace}" if self.namespace is not None else "in all namespaces"
        return f"{_spoken(self.kind)} {place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What came of it: the objects read before `error`, if any, ended it; None where there are none to speak of.

    `is_cut`: there are more than were asked for. `version` is the list's own, from which its changes can be watched;
    `served` the API version that answered.
    """

    items: tuple[Resource, ...] | None = field(repr=False)
    gaps: tuple[Gap, ...] = ()
    error: ClusterError | None = None
    is_served: bool = True
    is_cut: bool = False
    version: str = field(default="", compare=False)
    served: str = field(default="", compare=False)


@dataclass(slots=True)
class _Progress:
    items: list[Resource] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    token: str = ""
    version: str = ""  # the first page's: a later one may be newer, if the list expired meanwhile
    expired: int = 0
    limit: int = 0
    asked: asyncio.Task[Answer] | None = None  # for the next page, while this one is decoded


async def read_list(
    client: Client, request: ListRequest, deadline: Deadline, *, progress: Callable[[int], None] = lambda _: None
) -> Listing:
    """All objects that `request` names, or as many as could be read. Raises KubeconfigError only.

    `progress` hears how many are there after each page but the last.
    """
    for version in request.versions:
        listing = await _read_version(client, request, version, deadline, progress)
        if not (isinstance(listing.error, ApiError) and listing.error.status == 404):
            return listing
    return Listing(items=None, is_served=False)


async def _read_version(
    client: Client, request: ListRequest, version: str, deadline: Deadline, told: Callable[[int], None]
) -> Listing:
    progress = _Progress()
    try:
        async with _ending(progress):
            while not await _read_page(client, request, version, deadline, progress):
                if request.max_items is not None and len(progress.items) >= request.max_items:
                    break
                told(len(progress.items))
    except ClusterError as error:
        return Listing(items=tuple(progress.items) or None, gaps=tuple(progress.gaps), error=error, served=version)
    return Listing(
        items=tuple(progress.items),
        gaps=tuple(progress.gaps),
        is_cut=bool(progress.token),
        version=progress.version,
        served=version,
    )


@asynccontextmanager
async def _ending(progress: _Progress) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if progress.asked is not None:  # nobody waits for it any more
            progress.asked.cancel()
            await asyncio.gather(progress.asked, return_exceptions=True)


async def _read_page(
    client: Client, request: ListRequest, version: str, deadline: Deadline, progress: _Progress
) -> bool:
    """Read one page into `progress`; whether it was the last."""

    async def ask(token: str) -> Answer:
        path, params = list_path(request.kind, version, request.namespace), _params(request, progress.limit, token)
        # A long list is the last to be there, so that its next page is asked for before other lists are begun.
        return await client.ask(path, params, what=request.what, deadline=deadline, comes_first=bool(token))

    asked, progress.asked = progress.asked, None
    answer = await (asked if asked is not None else ask(progress.token))
    if answer.status == 410 and _goes_on_after_expiry(answer, progress):
        return False
    body = answer.checked(request.what, ask_for=_permission(request))
    told = _told_first(body)
    if told is not None and told.continue_ not in ("", progress.token) and request.max_items is None:
        full = max(progress.limit, _smallest(request))  # as every page but the last is
        progress.limit = _fitting(request, full, body)
        progress.asked = asyncio.create_task(ask(told.continue_))
    page = await client.on_worker(_decode, request, body, comes_first=True)  # so that what was read is at hand
    progress.items.extend(page.items)
    progress.gaps.extend(page.gaps)
    progress.version = progress.version or page.metadata.resource_version
    token = page.metadata.continue_
    if token and token == progress.token:
        raise ApiError(f"cannot read {request.what}: the server repeats its continue token", status=200)
    progress.token = token
    if progress.asked is None:
        progress.limit = _fitting(request, len(page.items), body)
    return not token


def _params(request: ListRequest, limit: int, token: str) -> dict[str, str | int]:
    params: dict[str, str | int] = {"limit": max(limit, _smallest(request))}
    if request.field_selector:
        params["fieldSelector"] = request.field_selector
    if request.label_selector:
        params["labelSelector"] = request.label_selector
    if token:
        params["continue"] = token
    return params


def _smallest(request: ListRequest) -> int:
    return min(request.page_size, PAGE_SIZES.get(request.kind.name, request.page_size))


def _fitting(request: ListRequest, objects: int, body: bytes) -> int:
    """How many objects of the size of these the next page may have."""
    return min(PAGE_BYTES * objects // max(len(body), 1), MAX_GROWTH * min(objects, _smallest(request)))


class _Told(msgspec.Struct):
    metadata: ListMetadata


def _told_first(body: bytes) -> ListMetadata | None:
    """What a list tells of itself, if it does so before its objects, as API servers do; None if not."""
    head, items, _ = body[:_HEAD_BYTES].partition(b'"items":')
    try:
        return typed(head.rstrip().removesuffix(b",") + b"}", _Told).metadata if items else None
    except msgspec.DecodeError:
        return None


def _goes_on_after_expiry(answer: Answer, progress: _Progress) -> bool:
    progress.expired += 1
    if progress.expired == 1:
        progress.items.clear()
        progress.gaps.clear()
        progress.token = progress.version = ""
        return True
    offered = _offered_token(answer.body)
    if not offered or offered == progress.token:
        return False
    progress.token = offered
    return True


class _Expired(msgspec.Struct):
    class _Metadata(msgspec.Struct):
        continue_: str = msgspec.field(default="", name="continue")

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def _offered_token(body: bytes) -> str:
    try:
        return str(typed(body, _Expired).metadata.continue_)
    except msgspec.DecodeError:
        return ""


def _decode(request: ListRequest, body: bytes) -> Page:
    try:
        page = decode_page(request.kind, body)
        request.shared.share(page.items)
        return page
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_json(request.what, body) from error


def _permission(request: ListRequest) -> str:
    anywhere = request.kind.is_namespaced and request.namespace is None
    return f"list on {_spoken(request.kind)}" + (", or pass a namespace" if anywhere else "")


def _spoken(kind: Kind) -> str:
    # The metrics API calls its kinds pods and nodes as well.
    return f"{kind.plural}.{kind.group}" if kind.group.startswith("metrics.") else kind.plural
