"""A cluster to ask: one API server, one identity. Importing this, and connecting, cost next to nothing."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Self

from kubeagentix.cluster import writing
from kubeagentix.cluster.client import JSON, Client, Deadline, Sent
from kubeagentix.cluster.identity import check
from kubeagentix.cluster.kubeconfig import Access, resolve
from kubeagentix.cluster.parts import PartReader
from kubeagentix.cluster.snapshot import Meanwhile, ReadOptions, read_snapshot
from kubeagentix.cluster.watch import MAX_CONNECTIONS, Watch, WatchOptions
from kubeagentix.domain.changes import ApprovedChange, Change
from kubeagentix.domain.events import Listener, silent
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.recognition.masking import masked

DEFAULTS = ReadOptions()
WATCHING = WatchOptions()
TEXT_ATTEMPTS = 2  # a log goes through to a kubelet, which is slow to say that it has none
MAX_TEXT_BYTES = 64 << 20  # of one text, whatever the server sends
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Cluster:
    """One API server, asked as one identity. `namespace` is the context's default one.

    `kubeconfig` is the file that was named, or None where the usual places were looked at. Usable from any event
    loop, and from several at once; nothing is opened until something is read.
    """

    def __init__(self, access: Access, *, kubeconfig: str | None = None) -> None:
        self.context = access.context
        self.namespace = access.namespace
        self.server = access.server
        self.kubeconfig = kubeconfig
        self._access = access
        self._client = Client(access)

    def __repr__(self) -> str:
        return f"Cluster(context={self.context!r}, server={masked(self.server)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections. Reading again opens new ones."""
        self._client.close()

    async def read_snapshot(
        self,
        namespace: str | None = None,
        *,
        options: ReadOptions = DEFAULTS,
        deadline_s: float | None = None,
        listen: Listener = silent,
        meanwhile: Meanwhile | None = None,
    ) -> Snapshot:
        """A picture of `namespace` (None: all), with what could not be read as gaps.

        `deadline_s`, if given, goes before that of `options`. `meanwhile` runs as long as there is something to read,
        and gets a function that gives the picture so far.

        Raises UnreachableError, UnauthorizedError, ApiError, KubeconfigError where nothing at all can be read, and
        NotFoundError where there is no such namespace. Progress is told to `listen`, on the event loop's thread.
        """
        if deadline_s is not None:
            options = replace(options, deadline_s=deadline_s)
        return await read_snapshot(self._client, self.context, namespace, options, listen, meanwhile=meanwhile)

    @asynccontextmanager
    async def watching(
        self, namespace: str | None = None, *, options: WatchOptions = WATCHING, listen: Listener = silent
    ) -> AsyncIterator[Watch]:
        """Keeps up with `namespace` (None: with all) as long as the block runs. Raises as `read_snapshot`."""
        watch = Watch(Client(self._access, connections=MAX_CONNECTIONS), self.context, namespace, options)
        try:
            await watch.start(listen)
            yield watch
        finally:
            await watch.close()

    def part_reader(self, namespace: str, *, deadline_s: float = 60.0, listen: Listener = silent) -> PartReader:
        """What reads parts of a namespace, one after the other, by a deadline; nothing is asked yet."""
        return PartReader(self._client, self.context, namespace, deadline_s, listen)

    async def get_json(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        timeout_s: float = 30.0,
        accept: str = JSON,
    ) -> Any:
        """GET any `path` of the API (`/version`) and decode its JSON. Raises ClusterError and its kin."""
        await self._client.prepare()
        answer = await self._client.ask(path, params, what=path, deadline=Deadline(timeout_s), accept=accept)
        return answer.json(path)

    async def get_text(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        timeout_s: float = 30.0,
        max_bytes: int = MAX_TEXT_BYTES,
    ) -> str:
        """GET a `path` that answers in plain text, such as a log; no more than `max_bytes` of it are read.

        Raises ClusterError and its kin.
        """
        await self._client.prepare()
        answer = await self._client.ask(
            path,
            params,
            what=path,
            deadline=Deadline(timeout_s),
            accept="*/*",
            attempts=TEXT_ATTEMPTS,
            max_bytes=max_bytes,
        )
        return answer.checked(path).decode(errors="replace")

    async def may_i(self, attributes: Mapping[str, Mapping[str, str]], *, timeout_s: float = 30.0) -> Mapping[str, Any]:
        """The `status` of a SelfSubjectAccessReview of `attributes`: whether this identity is allowed that.

        `attributes` are its `resourceAttributes` or `nonResourceAttributes`. Nothing is stored by asking. Raises
        ClusterError and its kin.
        """
        await self._client.prepare()
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": attributes}
        what = "what this identity may do"
        answer = await self._client.ask(
            _REVIEWS, what=what, deadline=Deadline(timeout_s), sent=Sent(body=json.dumps(review).encode())
        )
        status = answer.json(what).get("status")
        return status if isinstance(status, dict) else {}

    async def rehearse(self, change: Change, *, timeout_s: float = 30.0) -> Mapping[str, Any]:
        """What the API server says that `change` would make, in a dry run: nothing is kept.

        Raises ClusterError and its kin.
        """
        await self._client.prepare()
        return await writing.rehearse(self._client, change, Deadline(timeout_s))

    async def perform(self, approved: ApprovedChange, *, timeout_s: float = 30.0) -> Mapping[str, Any]:
        """Makes the change, once: the only way to one. Raises ApprovalError, ClusterError and its kin."""
        await self._client.prepare()
        return await writing.perform(self._client, approved, Deadline(timeout_s))


def connect(context: str | None = None, kubeconfig: str | os.PathLike[str] | None = None) -> Cluster:
    """The cluster of that context (None: the current one), found as kubectl finds it; no network is used.

    Raises KubeconfigError where the context, its files, its client certificate or its exec plugin cannot be used.
    """
    access = resolve(context, kubeconfig)
    check(access)
    return Cluster(access, kubeconfig=os.fspath(kubeconfig) if kubeconfig is not None else None)
