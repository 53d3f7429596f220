from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TypeVar

import pytest

from kubeagentix.cluster.client import Answer, Client, Deadline
from kubeagentix.cluster.kubeconfig import resolve
from kubeagentix.errors import ApiError, ForbiddenError, KubeconfigError, UnauthorizedError, UnreachableError
from tests.cluster.conftest import FakeApi, Reply, status

T = TypeVar("T")
FINE = Reply({"fine": True})


@pytest.fixture
def client(api: FakeApi, tmp_path: Path) -> Iterator[Client]:
    """A client of the scripted server."""
    made = Client(resolve(kubeconfig=api.kubeconfig(tmp_path)))
    yield made
    made.close()


def run(work: Callable[[], Awaitable[T]]) -> T:
    async def main() -> T:
        return await work()

    return asyncio.run(main())


def ask(client: Client, path: str = "/x", *, seconds: float = 10) -> Answer:
    return run(lambda: client.ask(path, what="x", deadline=Deadline(seconds)))


def elapsed_s(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_passing_trouble_is_tried_again(api: FakeApi, client: Client, code: int) -> None:
    api.on("/x", status(code, "busy"), status(code, "busy"), FINE)
    assert ask(client).status == 200
    assert len(api.asked("/x")) == 3


def test_retries_end(api: FakeApi, client: Client) -> None:
    api.on("/x", status(503, "the server is currently unable to handle the request"))
    answer = ask(client)
    assert len(api.asked("/x")) == 4
    with pytest.raises(ApiError, match=r"cannot read x: 503 the server is currently unable") as caught:
        answer.checked("x")
    assert caught.value.status == 503


def test_retry_after_is_honoured(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(b"", 429, {"Retry-After": "1"}), FINE)
    assert 1.0 <= elapsed_s(lambda: ask(client)) < 3.0
    assert len(api.asked("/x")) == 2


def test_retry_after_may_be_a_date(api: FakeApi, client: Client) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    late = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    api.on("/x", Reply(b"", 429, {"Retry-After": soon}), Reply(b"", 429, {"Retry-After": late}), FINE)
    assert 0.8 <= elapsed_s(lambda: ask(client)) < 3.5
    assert len(api.asked("/x")) == 2


@pytest.mark.parametrize("odd", ["", "soon", "\xb2", "-1", "1e9", "Tue, 99 Foo"])
def test_an_odd_retry_after_counts_as_none(api: FakeApi, client: Client, odd: str) -> None:
    api.on("/x", Reply(b"", 429, {"Retry-After": odd}), FINE)
    assert ask(client).status == 200


@pytest.mark.parametrize("seconds", ["3600", "8"])
def test_no_more_patience_than_there_is(api: FakeApi, client: Client, seconds: str) -> None:
    # 3600 s is beyond what any server may ask for, 8 s beyond this deadline.
    api.on("/x", Reply(b"", 429, {"Retry-After": seconds}), FINE)
    assert elapsed_s(lambda: ask(client, seconds=5)) < 1.0
    assert len(api.asked("/x")) == 1


def test_a_server_that_asks_for_much_patience_is_quoted(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(b"", 429, {"Retry-After": "3600"}))
    with pytest.raises(ApiError, match=r"cannot read x: 429 Too Many Requests; .* asks to come back in 60 min"):
        ask(client).checked("x")


@pytest.mark.parametrize("code", [400, 404, 409, 410, 422])
def test_what_would_only_be_refused_again_is_not_tried_again(api: FakeApi, client: Client, code: int) -> None:
    api.on("/x", status(code, "no"))
    assert ask(client).status == code
    assert len(api.asked("/x")) == 1


def test_a_dropped_connection_is_tried_again(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(is_dropped=True), FINE)
    assert ask(client).status == 200


def test_connections_that_keep_dropping_are_unreachable(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(is_dropped=True))
    with pytest.raises(UnreachableError, match=r"the connection to 127.* broke"):
        ask(client)
    assert len(api.asked("/x")) == 4


def test_an_answer_that_breaks_off_is_tried_again(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply({"fine": True}, is_cut=True), FINE)
    assert ask(client).json("x") == {"fine": True}


def test_a_hanging_server_is_given_up_at_the_deadline(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(is_hanging=True))
    with pytest.raises(UnreachableError, match=r"cannot read x: no answer within 0\.3 s"):
        ask(client, seconds=0.3)


def test_a_hanging_server_does_not_hold_up_the_end_of_the_program(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(is_hanging=True))
    with pytest.raises(UnreachableError):
        ask(client, seconds=0.2)
    busy = [thread for thread in threading.enumerate() if thread.name.startswith("kubeagentix ")]
    assert all(thread.daemon for thread in busy)


@pytest.mark.parametrize("reply", [Reply(is_hanging=True), Reply(b" " * 100_000, is_dripping=True)])
def test_a_request_given_up_at_the_deadline_is_broken_off(api: FakeApi, client: Client, reply: Reply) -> None:
    api.on("/x", reply)
    with pytest.raises(UnreachableError):
        ask(client, seconds=0.3)
    assert api.left.wait(2)


@pytest.mark.parametrize("reply", [Reply(is_hanging=True), Reply(b" " * 100_000, is_dripping=True)])
def test_requests_of_a_cancelled_caller_are_broken_off_and_their_workers_free(
    api: FakeApi, client: Client, reply: Reply
) -> None:
    api.on("/x", reply)

    async def main() -> None:
        tasks = [asyncio.ensure_future(client.ask("/x", what="x", deadline=Deadline(30))) for _ in range(8)]
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert api.left.wait(2)
    api.on("/y", FINE)
    assert elapsed_s(lambda: ask(client, "/y")) < 2.0


def test_a_cancelled_caller_is_let_go_at_once(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(is_hanging=True))

    async def main() -> None:
        task = asyncio.ensure_future(client.ask("/x", what="x", deadline=Deadline(30)))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert elapsed_s(lambda: asyncio.run(main())) < 2.0


def test_a_refused_port_is_unreachable_at_once(api: FakeApi, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    refused = Client(resolve(kubeconfig=api.kubeconfig(tmp_path, cluster={"server": f"https://127.0.0.1:{port}"})))
    with pytest.raises(
        UnreachableError, match=f"cannot reach 127.0.0.1:{port}: connection refused; is the cluster running"
    ):
        ask(refused)


def test_https_to_a_server_without_it_is_told(api: FakeApi, tmp_path: Path) -> None:
    wrong = Client(resolve(kubeconfig=api.kubeconfig(tmp_path, cluster={"server": api.url.replace("http:", "https:")})))
    with pytest.raises(UnreachableError, match=r"does not speak TLS; should the kubeconfig's server be http://"):
        ask(wrong)


def test_an_unusable_address_is_a_matter_of_the_kubeconfig(api: FakeApi, tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError):
        resolve(kubeconfig=api.kubeconfig(tmp_path, cluster={"server": "https://[::1"}))


def test_403_names_the_user_and_what_to_ask_for(api: FakeApi, client: Client) -> None:
    api.on("/x", status(403, 'pods is forbidden: User "dev" cannot list resource "pods" in API group ""'))
    with pytest.raises(ForbiddenError) as caught:
        ask(client).checked("pods", ask_for="list on pods")
    assert str(caught.value) == "cannot read pods: 403 Forbidden for user dev; ask for list on pods"


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (
            'pods is forbidden: User "dev" cannot list resource "pods" in API group "" in the namespace "a"',
            "list on pods",
        ),
        ('User "dev" cannot get resource "pods/log" in API group ""', "get on pods/log"),
        ('forbidden: User "dev" cannot get path "/version"', "get"),
        ("RBAC is off", "the right to read it"),
    ],
)
def test_403_asks_for_the_right_that_the_server_names(api: FakeApi, client: Client, said: str, right: str) -> None:
    api.on("/x", status(403, said))
    with pytest.raises(ForbiddenError) as caught:
        ask(client).checked("x")
    assert caught.value.hint == f"ask for {right}"


def test_401_says_to_log_in(api: FakeApi, client: Client) -> None:
    api.on("/x", status(401, "Unauthorized"))
    with pytest.raises(UnauthorizedError, match=r"cannot read x: 401 Unauthorized; .* log in again"):
        ask(client).checked("x")
    assert len(api.asked("/x")) == 1  # the same token again would not help


@pytest.mark.parametrize(
    "reply", [Reply(b"<html>Sign in</html>"), Reply(b"", 302, {"location": "https://login.example.com"})]
)
def test_a_login_page_is_no_api_server_and_gets_no_token(api: FakeApi, client: Client, reply: Reply) -> None:
    api.on("/x", reply)
    with pytest.raises(ApiError, match=r"is not the JSON of a Kubernetes API server; .*login page"):
        ask(client).json("x")
    assert len(api.seen) == 1


def test_no_more_is_read_than_is_wanted_whatever_the_server_sends(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(b"x" * 5_000_000))
    assert len(asyncio.run(client.ask("/x", what="x", deadline=Deadline(5), max_bytes=1000)).body) == 1000
    assert len(asyncio.run(client.ask("/x", what="x", deadline=Deadline(5))).body) == 5_000_000


def test_json_that_is_cut_is_no_login_page(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(b'{"kind": "PodList", "items": [{"meta'))
    with pytest.raises(ApiError, match=r"cannot read x: the answer is broken JSON; try again"):
        ask(client).json("x")


@pytest.mark.parametrize("body", [b"", b"null", b'{"message": null}', b'{"message": 5}', b"[]"])
def test_where_the_server_says_nothing_the_status_speaks(api: FakeApi, client: Client, body: bytes) -> None:
    api.on("/x", Reply(body, 404))
    with pytest.raises(ApiError, match=r"cannot read x: 404 (Not Found|null|\[\])$"):
        ask(client).checked("x")


def test_a_broken_connection_is_told_in_plain_words(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(is_dropped=True))
    with pytest.raises(UnreachableError, match=r"broke: Remote end closed connection without response; try again"):
        ask(client)


def test_an_answer_that_ends_in_the_middle_says_so(api: FakeApi, client: Client) -> None:
    api.on("/x", Reply(b"{}" * 50, is_cut=True))
    with pytest.raises(UnreachableError, match=r"broke: the answer ended in the middle; try again"):
        ask(client)


def test_foreign_text_is_cut(api: FakeApi, client: Client) -> None:
    api.on("/x", status(400, "word " * 500))
    with pytest.raises(ApiError) as caught:
        ask(client).checked("x")
    assert len(str(caught.value)) < 300


def test_a_compressed_answer_is_inflated(api: FakeApi, client: Client) -> None:
    body = gzip.compress(json.dumps({"fine": True}).encode())
    api.on("/x", Reply(body, headers={"content-encoding": "gzip"}))
    assert ask(client).json("x") == {"fine": True}


def test_a_server_whose_clock_differs_is_noticed(api: FakeApi, client: Client) -> None:
    ahead = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    api.on("/x", FINE, Reply({}, headers={"date": ahead}))
    ask(client)
    assert client.clock_skew == timedelta()
    ask(client)
    assert timedelta(minutes=119) < client.clock_skew < timedelta(minutes=121)


def test_at_most_eight_requests_are_under_way(api: FakeApi, client: Client) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def slow(_: object) -> Reply:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with lock:
            now -= 1
        return FINE

    api.on("/x", slow)

    async def main() -> None:
        await asyncio.gather(*(client.ask("/x", what="x", deadline=Deadline(10)) for _ in range(24)))

    asyncio.run(main())
    assert most == 8


def test_a_token_that_no_header_can_carry_is_told_without_it(api: FakeApi, tmp_path: Path) -> None:
    access = resolve(None, api.kubeconfig(tmp_path, user={"token": "dummy\u202e-pasted"}))
    with pytest.raises(KubeconfigError, match=r"the credential of context 'lab' has characters") as caught:
        ask(Client(access))
    assert caught.value.__cause__ is None
    assert "pasted" not in str(caught.value).replace("was pasted", "")


@pytest.mark.parametrize("server", ["https://dev:s3cret@127.0.0.1:1", "URL"])
def test_a_password_in_the_servers_address_is_not_told(api: FakeApi, tmp_path: Path, server: str) -> None:
    api.on("/x", Reply(is_hanging=True))
    server = server.replace("URL", api.url.replace("://", "://dev:s3cret@"))
    path = tmp_path / "config"
    path.write_text(f"""{{current-context: a, contexts: [{{name: a, context: {{cluster: a}}}}],
        clusters: [{{name: a, cluster: {{server: "{server}"}}}}]}}""")
    with pytest.raises(UnreachableError) as caught:
        ask(Client(resolve(None, path)), seconds=0.5)
    assert "127.0.0.1" in str(caught.value)
    assert "s3cret" not in str(caught.value)
