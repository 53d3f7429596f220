"""Requests to one API server: raw bytes, asynchronously, with retries, a deadline, and errors that say what failed.

Each exchange runs on one of a few worker threads, through the official client's connection pool; waiting between
attempts happens in the event loop. Answered 429 or 5xx, or dropped, a request is repeated after a random time
("full jitter", so that many clients do not come back at once); the server's Retry-After is honoured within bounds.
"""

from __future__ import annotations

import asyncio
import http.client
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlencode

import msgspec

from kubeagentix.cluster.exchange import Exchange
from kubeagentix.cluster.kubeconfig import Access
from kubeagentix.cluster.session import Session, open_session
from kubeagentix.cluster.transport import CONNECT_TIMEOUT_S, unreachable, was_dropped
from kubeagentix.cluster.workers import Workers
from kubeagentix.errors import (
    ApiError,
    ClusterError,
    ForbiddenError,
    KubeconfigError,
    UnauthorizedError,
    UnreachableError,
    excerpt,
)
from kubeagentix.recognition.masking import masked

if TYPE_CHECKING:
    import urllib3

T = TypeVar("T")

WORKERS = 8  # requests at a time: quick for us, modest for the server's fairness queues
ATTEMPTS = 4
BACKOFF_S = 0.25  # the first wait is up to this long, each further one up to twice as long
MAX_BACKOFF_S = 4.0
MAX_RETRY_AFTER_S = 10.0  # a server that asks for more patience than this gets none
MAX_BODY_BYTES = 1 << 30  # no page of a list is this long
CHUNK_BYTES = 1 << 18
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment by which to be done; `seconds` is how long that was from the start, for messages."""

    seconds: float
    started_at: float = field(default_factory=time.monotonic)

    @property
    def remaining_s(self) -> float:
        """Seconds left; 0 when it has passed."""
        return max(0.0, self.started_at + self.seconds - time.monotonic())

    def at_most(self, seconds: float) -> Deadline:
        """The same, or `seconds` from now if that is sooner."""
        return Deadline(seconds) if seconds < self.remaining_s else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What goes with a request that is no GET."""

    method: Literal["POST", "PATCH", "DELETE"] = "POST"
    body: bytes = field(repr=False)
    media_type: str = JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer, whatever its status."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @property
    def message(self) -> str:
        """What the server said: the `message` of its Status object, the start of the body, or what the status means."""
        try:
            said = msgspec.json.decode(self.body)["message"]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, IndexError):
            said = self.body[:1024].decode(errors="replace")
        return excerpt(said if isinstance(said, str) else "") or http.client.responses.get(self.status, "")

    def checked(self, what: str, *, ask_for: str = "") -> bytes:
        """The body if all went well. Raises UnauthorizedError, ForbiddenError, ApiError, naming `what`.

        `ask_for` is the right that is missing where this is forbidden; left out, it is the one that the server names.
        """
        if self.status in (200, 201):  # 201: a review
            return self.body
        if self.status == 401:
            raise UnauthorizedError(
                f"cannot read {what}: 401 Unauthorized", hint="the credential is not accepted (any more); log in again"
            )
        if self.status == 403:
            user = re.search(r'User "([^"]*)"', self.message)
            who = f" for user {user[1]}" if user else f" ({self.message})" if self.message != "Forbidden" else ""
            raise ForbiddenError(
                f"cannot read {what}: 403 Forbidden{who}", hint=f"ask for {ask_for or self._missing_right}"
            )
        if 300 <= self.status < 400:
            raise not_json(what)
        raise ApiError(
            f"cannot read {what}: {self.status} {self.message}".rstrip(), status=self.status, hint=self._when
        )

    @property
    def _missing_right(self) -> str:
        # pods is forbidden: User "dev" cannot list resource "pods" in API group "" in the namespace "shop"
        named = re.search(r'cannot (\w+) (?:resource "([^"]+)"|path )', self.message)
        if named is None:
            return "the right to read it"
        return f"{named[1]} on {named[2]}" if named[2] else named[1]

    @property
    def _when(self) -> str:
        # All attempts were made, or it asks for more patience than there is.
        asked_s = _retry_after_s(self.headers.get("retry-after", "")) if self.status in (429, 503) else 0
        if asked_s <= MAX_RETRY_AFTER_S:
            return ""
        when = f"{asked_s / 60:.0f} min" if asked_s >= 90 else f"{asked_s:.0f} s"
        return f"the server asks to come back in {when}"

    def json(self, what: str) -> Any:
        """The body decoded. Raises as `checked`, and ApiError where it is no JSON."""
        try:
            return msgspec.json.decode(self.checked(what))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise not_json(what, self.body) from error


def not_json(what: str, body: bytes = b"") -> ApiError:
    """The error for an answer of status 200 that is not what an API server sends: cut JSON, or a login page."""
    if body.lstrip()[:1] in (b"{", b"["):
        seen = "the answer is broken JSON"
        hint = "try again; if it lasts, see what stands between here and the server"
    else:
        seen = "the answer is not the JSON of a Kubernetes API server"
        hint = "is the kubeconfig's server an API server, or does a login page stand in front of it?"
    return ApiError(f"cannot read {what}: {seen}", status=200, hint=hint)


@dataclass(frozen=True, slots=True)
class _Question:
    """What one request asks for."""

    url: str
    accept: str
    sent: Sent | None
    max_bytes: int | None
    comes_first: bool = False


class Client:
    """Asks one API server as one identity. Opens nothing until the first request. Safe to share between tasks."""

    def __init__(self, access: Access, *, connections: int = WORKERS) -> None:
        self._access = access
        self._connections = connections
        self._workers = Workers(WORKERS, name=f"kubeagentix {access.context}")
        self._session: Session | None = None
        self._lock = threading.Lock()
        self.clock_skew = timedelta()  # how far the server's clock is ahead of ours, if noticeably

    async def ask(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        what: str,
        deadline: Deadline,
        accept: str = JSON,
        attempts: int = ATTEMPTS,
        sent: Sent | None = None,
        max_bytes: int | None = None,
        comes_first: bool = False,
    ) -> Answer:
        """GET `path`, or send it something; the last answer, whatever its status. `what` names it in errors.

        No more than `max_bytes` of the answer are read, whatever the server sends. It may come before what waits.

        What is sent with more than one attempt must be a question (a review, a dry run), never a change to be kept.

        Raises UnreachableError where no answer came (from TimeoutError where the deadline passed), KubeconfigError
        where the identity cannot be used.
        """
        url = f"{self._access.server}{path}" + (f"?{urlencode(params)}" if params else "")
        try:
            async with asyncio.timeout(deadline.remaining_s):
                return await self._with_retries(
                    _Question(url, accept, sent, max_bytes, comes_first), attempts, deadline
                )
        except TimeoutError as error:
            raise UnreachableError(
                f"cannot read {what}: no answer within {deadline.seconds:.3g} s",
                hint=f"is {masked(self._access.server)} overloaded, or behind a VPN?",
            ) from error

    @contextmanager
    def following(
        self, path: str, params: Mapping[str, str | int], exchange: Exchange, *, silent_s: float
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """The open answer to a GET, to be read in the calling thread as it comes; blocks until its head is there.

        Reading ends once nothing has come for `silent_s`, or when `exchange`, in which the caller is, is broken off.
        Raises UnreachableError, also from the block, and KubeconfigError.
        """
        from urllib3 import Timeout  # noqa: PLC0415  80 ms to import

        question = _Question(f"{self._access.server}{path}?{urlencode(params)}", JSON, None, None)
        timeout = Timeout(connect=CONNECT_TIMEOUT_S, read=silent_s)
        session = self._current_session()
        with self._told_of_errors():
            exchange.check()
            response = self._opened(session, question, timeout)
            if response.status == 401 and session.is_renewable:
                response.close()
                response = self._opened(self._renewed(session), question, timeout)
            try:
                yield response
            finally:
                response.close()  # not to be used again: somebody may have shut it

    async def on_worker(self, job: Callable[..., T], *arguments: Any, comes_first: bool = False) -> T:
        """Run a blocking `job` on one of the workers; one that comes first goes before the requests that wait."""
        return await asyncio.wrap_future(self._workers.submit(lambda: job(*arguments), comes_first=comes_first))

    async def prepare(self) -> None:
        """Get the identity ready, before any deadline runs: an exec plugin may wait for its user.

        Raises KubeconfigError.
        """
        await self.on_worker(self._current_session)

    def close(self) -> None:
        """Close idle connections; the next request would open new ones."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    async def _with_retries(self, question: _Question, attempts: int, deadline: Deadline) -> Answer:
        exchange = Exchange()
        try:
            for attempt in range(1, attempts + 1):
                outcome: Answer | ClusterError
                try:
                    outcome = await self.on_worker(
                        self._answer, question, deadline, exchange, comes_first=question.comes_first
                    )
                except UnreachableError as error:
                    if attempt == attempts or not was_dropped(error.__cause__):
                        raise
                    outcome = error
                wait_s = _wait_before_retry(outcome, attempt)
                if isinstance(outcome, Answer) and (attempt == attempts or wait_s is None):
                    return outcome
                if wait_s is not None and wait_s >= deadline.remaining_s:
                    return _outcome_now(outcome)
                await asyncio.sleep(wait_s or 0)
            raise AssertionError("the last attempt returns or raises")
        finally:
            exchange.break_off()  # a worker that is still at it, for a caller that has gone, is free again

    def _answer(self, question: _Question, deadline: Deadline, exchange: Exchange) -> Answer:
        session = self._current_session()
        with exchange:
            answer = self._send(session, question, deadline)
            if answer.status == 401 and session.is_renewable:
                answer = self._send(self._renewed(session), question, deadline)
        return answer

    def _send(self, session: Session, question: _Question, deadline: Deadline) -> Answer:
        from urllib3 import Timeout  # noqa: PLC0415  80 ms to import

        # A little past the deadline, so that the event loop, which knows what was asked for, is the one to say so.
        left_s = deadline.remaining_s + 0.5
        with self._told_of_errors():
            timeout = Timeout(connect=min(CONNECT_TIMEOUT_S, left_s), read=left_s)
            response = self._opened(session, question, timeout)
            content = _read_body(response, question.max_bytes)
        self._notice_clock(response.headers.get("date"))
        return Answer(status=response.status, body=content, headers=response.headers)

    def _opened(self, session: Session, question: _Question, timeout: urllib3.Timeout) -> urllib3.BaseHTTPResponse:
        sent, headers = question.sent, session.headers(accept=question.accept)
        if sent is not None:
            headers["content-type"] = sent.media_type
        return session.pool.request(
            sent.method if sent is not None else "GET",
            question.url,
            body=sent.body if sent is not None else None,
            headers=headers,
            timeout=timeout,
            retries=False,
            redirect=False,  # an API server does not redirect; a login page must not be given the token
            preload_content=False,
        )

    @contextmanager
    def _told_of_errors(self) -> Iterator[None]:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415  80 ms to import

        try:
            yield
        except (HTTPError, OSError) as error:
            raise unreachable(error, self._access.server) from error
        except UnicodeEncodeError:  # not chained: it holds the whole text
            what = f"the credential of context {self._access.context!r} has characters that no header can carry"
            raise KubeconfigError(what, hint="it was pasted with something else: get a new kubeconfig") from None

    def _current_session(self) -> Session:
        with self._lock:
            if self._session is None or self._session.is_expired:
                expired, self._session = self._session, open_session(self._access, connections=self._connections)
                if expired is not None:
                    expired.close()
            return self._session

    def _renewed(self, refused: Session) -> Session:
        with self._lock:
            if self._session is refused or self._session is None:  # else another thread renewed it meanwhile
                self._session = open_session(self._access, connections=self._connections)
                refused.close()
            return self._session

    def _notice_clock(self, date: str | None) -> None:
        try:
            ahead = parsedate_to_datetime(date or "") - datetime.now(UTC)
        except (ValueError, TypeError):
            return
        # The header counts whole seconds and was written before the body was read.
        self.clock_skew = ahead if abs(ahead) > timedelta(seconds=5) else timedelta()


def _read_body(response: urllib3.BaseHTTPResponse, max_bytes: int | None) -> bytes:
    """The body, or the first `max_bytes` of it: what comes after them is not waited for."""
    length = response.headers.get("content-length", "")
    is_plain = response.headers.get("content-encoding") is None
    if max_bytes is None and is_plain and length.isdecimal() and int(length) <= MAX_BODY_BYTES:
        return response.read()  # in one piece, of which no copy is made
    chunks, size = [], 0
    for chunk in response.stream(min(CHUNK_BYTES, max_bytes or CHUNK_BYTES), decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if max_bytes is not None and size >= max_bytes:
            response.close()
            return b"".join(chunks)[:max_bytes]
        if size > MAX_BODY_BYTES:
            response.close()
            raise ConnectionAbortedError("the answer is too long")
    return b"".join(chunks)


def _wait_before_retry(outcome: Answer | ClusterError, attempt: int) -> float | None:
    """Seconds to wait before asking again; None where asking again is of no use."""
    jitter = random.uniform(0, min(MAX_BACKOFF_S, BACKOFF_S * 2 ** (attempt - 1)))  # noqa: S311  no secret
    if not isinstance(outcome, Answer):
        return jitter
    if outcome.status != 429 and outcome.status < 500:
        return None
    asked_s = _retry_after_s(outcome.headers.get("retry-after", ""))
    return asked_s + jitter if asked_s <= MAX_RETRY_AFTER_S else None


def _retry_after_s(header: str) -> float:
    """Seconds that the server asks for, as a number or as a date (RFC 9110); 0 where it does not say."""
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _outcome_now(outcome: Answer | ClusterError) -> Answer:
    if isinstance(outcome, Answer):
        return outcome
    raise outcome
