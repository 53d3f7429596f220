from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest

from kubeagentix.analysis.addresses import resolve_host
from kubeagentix.analysis.logs import EXCERPT_LINES, read_failure
from kubeagentix.domain.diagnosis import Gap
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.testing import log_of, snapshot_of

PYTHON = """
2026-01-15T11:59:01.5Z starting
Traceback (most recent call last):
  File "/app/main.py", line 40, in <module>
    main()
  File "/app/main.py", line 12, in main
    cache.ping()
ConnectionRefusedError: [Errno 111] Connection refused

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/usr/lib/python3/redis/client.py", line 22, in connect
    raise ConnectionError(message)
redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.
"""
JAVA = """
2026-01-15 11:59:01.123  INFO 1 --- [           main] o.e.App : Starting
Exception in thread "main" java.lang.IllegalStateException: cannot start
	at org.example.App.main(App.java:12)
	at org.example.App.run(App.java:40)
Caused by: java.net.UnknownHostException: orders-db
	at java.base/java.net.InetAddress.getAllByName(InetAddress.java:1)
	... 12 more
"""
GO = """
2026/01/15 11:59:01 listening on :8080
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]

goroutine 1 [running]:
main.main()
	/src/permission denied.go:12 +0x1d
exit status 2
"""
NODE = """
node:internal/process/promises:288
            triggerUncaughtException(err, true /* fromPromise */);
            ^

Error: connect ECONNREFUSED 10.96.3.4:5432
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1494:16) {
  errno: -111,
  address: '10.96.3.4',
  port: 5432
}

Node.js v18.17.0
"""


@pytest.mark.parametrize(
    ("text", "signature", "subject", "guilty"),
    [
        (PYTHON, "ConnectionRefused", "cache:6379", "Connection refused"),
        (JAVA, "NoSuchHost", "orders-db", "UnknownHostException"),
        (GO, "Panic", "", "panic: runtime error"),
        (NODE, "ConnectionRefused", "10.96.3.4:5432", "ECONNREFUSED"),
    ],
)
def test_a_traceback_is_read_as_a_whole(text: str, signature: str, subject: str, guilty: str) -> None:
    failure = read_failure(log_of("p", "c", text))
    assert failure is not None
    assert (failure.signature, failure.subject) == (signature, subject)
    assert guilty in failure.line
    assert text.strip().splitlines()[failure.line_number - 1].endswith(failure.line[-20:])
    assert any(guilty in line for line in failure.excerpt)
    assert len(failure.excerpt) <= EXCERPT_LINES


def test_the_message_of_an_unknown_exception_is_the_guilty_line() -> None:
    text = 'Traceback (most recent call last):\n  File "/a.py", line 1, in <module>\n    f()\nValueError: bad thing'
    failure = read_failure(text.splitlines())
    assert failure is not None
    assert (failure.signature, failure.line, failure.line_number) == ("Panic", "ValueError: bad thing", 4)


def test_source_code_in_frames_is_no_signature() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/a.py", line 1\n    raise E("connection refused")\nValueError: x'
    )
    failure = read_failure(text.splitlines())
    assert failure is not None
    assert failure.signature == "Panic"


def test_an_absent_environment_key_is_a_missing_variable() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/a.py", line 1, in <module>\n    key = os.environ["token"]\n'
        "KeyError: 'token'"
    )
    failure = read_failure(text.splitlines())
    assert failure is not None
    assert (failure.signature, failure.subject) == ("MissingVariable", "token")


def test_an_absent_key_of_a_dictionary_is_none() -> None:
    failure = read_failure(["Traceback (most recent call last):", '  File "/a.py", line 1', "KeyError: 'name'"])
    assert failure is not None
    assert failure.signature == "Panic"


@pytest.mark.parametrize(
    "fields",
    [
        {
            "level": "error",
            "msg": "cannot reach database",
            "err": "dial tcp 10.1.2.3:5432: connect: connection refused",
        },
        {"severity": "ERROR", "message": "dial tcp 10.1.2.3:5432: connect: connection refused"},
        {"level": 50, "msg": "x", "err": {"type": "Error", "message": "connect ECONNREFUSED 10.1.2.3:5432"}},
        {"lvl": "fatal", "event": "startup", "exception": "connection refused by 10.1.2.3:5432: connection refused"},
    ],
)
def test_json_lines_are_understood(fields: dict[str, object]) -> None:
    failure = read_failure([json.dumps({"level": "info", "msg": "starting"}), json.dumps(fields)])
    assert failure is not None
    assert (failure.signature, failure.subject) == ("ConnectionRefused", "10.1.2.3:5432")
    assert failure.line_number == 2
    assert "10.1.2.3:5432" in failure.line
    assert "{" not in failure.line


def test_logfmt_lines_are_understood() -> None:
    failure = read_failure(
        ['time="2026-01-15T11:59:01Z" level=fatal msg="open \\"/etc/app.yaml\\": no such file or directory"']
    )
    assert failure is not None
    assert (failure.signature, failure.subject) == ("MissingFile", "/etc/app.yaml")


@pytest.mark.parametrize(
    "line",
    [
        "INFO  loaded 12 rules, 0 errors",
        "error_count=0",
        "no errors found",
        "2026-01-15 12:00:00 INFO retry policy: on connection refused wait 3 s",
        '{"level":"info","msg":"permission denied handler registered"}',
        "[debug] x509: pool loaded",
        'level=info msg="timeout set" error=<nil>',
        "I0115 12:00:00.000000       1 main.go:12] DATABASE_URL is not set, using the default",
        "GET /error 200",
        "listening on :8080",
        "Error handling middleware installed",
        "waiting for cache",
    ],
)
def test_a_harmless_line_is_no_failure(line: str) -> None:
    assert read_failure(["starting", line]) is None


def test_the_last_error_counts_not_the_first() -> None:
    lines = [
        "ERROR connection refused by a:1234",
        *["INFO working"] * 20,
        "ERROR open /data/x: permission denied",
        "bye",
    ]
    failure = read_failure(lines)
    assert failure is not None
    assert (failure.signature, failure.line_number) == ("PermissionDenied", 22)


def test_a_known_error_right_above_a_general_one_is_the_answer() -> None:
    lines = [
        "ERROR dial tcp: lookup db on 10.96.0.10:53: no such host",
        "INFO stopping",
        "FATAL startup failed, giving up",
    ]
    failure = read_failure(lines)
    assert failure is not None
    assert (failure.signature, failure.subject) == ("NoSuchHost", "db")


def test_a_known_error_far_above_a_panic_is_another_story() -> None:
    lines = [
        "connection refused by metrics:9090",
        *["working"] * 10,
        "panic: index out of range",
        "",
        "goroutine 1 [running]:",
    ]
    failure = read_failure(lines)
    assert failure is not None
    assert failure.signature == "Panic"


def test_warnings_tell_why_the_program_gave_up() -> None:
    lines = [*["WARN cannot connect to mq:5672: connection refused, retrying"] * 3, "ERROR giving up after 3 attempts"]
    failure = read_failure(lines)
    assert failure is not None
    assert (failure.signature, failure.subject) == ("ConnectionRefused", "mq:5672")


def test_an_unknown_error_is_quoted_without_a_signature() -> None:
    failure = read_failure(["starting", "ERROR the flux capacitor is empty", "bye"])
    assert failure is not None
    assert (failure.signature, failure.line) == ("", "ERROR the flux capacitor is empty")


def test_the_runtimes_timestamps_and_colours_do_not_hide_an_error() -> None:
    failure = read_failure(["2026-01-15T11:59:01.123456789Z \x1b[31mpanic: boom\x1b[0m", "", "goroutine 7 [running]:"])
    assert failure is not None
    assert (failure.signature, failure.line) == ("Panic", "panic: boom")


@pytest.mark.parametrize(
    "line",
    [
        '10.2.0.7 - - [15/Jan/2026:11:59:01 +0000] "GET /admin HTTP/1.1" 401 12',
        'INFO: 10.2.0.7:4312 - "POST /login HTTP/1.1" 403 Forbidden',
        "method=GET path=/x status=429 duration=3ms",
    ],
)
def test_what_a_server_answers_its_clients_is_no_failure_of_its_own(line: str) -> None:
    assert read_failure(["starting", line]) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("thread 'main' panicked at src/main.rs:10:5:\ncalled `Result::unwrap()` on an `Err`", "called `Result::"),
        ("terminate called after throwing an instance of 'std::runtime_error'\n  what():  bad rules", "what():  bad"),
        (
            (
                'Exception in thread "main" java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\n'
                "Caused by: java.lang.RuntimeException: bad rules\n\tat a.B.d(B.java:2)\n\t... 3 more"
            ),
            "Caused by: java.lang.RuntimeException: bad rules",
        ),
    ],
)
def test_the_innermost_message_of_an_uncaught_error_is_quoted(text: str, line: str) -> None:
    failure = read_failure(text.splitlines())
    assert failure is not None
    assert failure.signature == "Panic"
    assert failure.line.startswith(line)


SPRING = """
***************************
APPLICATION FAILED TO START
***************************

Description:

Failed to configure a DataSource: 'url' attribute is not specified and no embedded datasource could be configured.

Action:

Consider the following
"""
DOTNET = """
crit: Microsoft.AspNetCore.Server.Kestrel[0]
      Unable to start Kestrel.
      System.IO.IOException: Failed to bind to address http://[::]:80: address already in use.
   at Microsoft.AspNetCore.Server.Kestrel.Core.KestrelServerImpl.StartAsync
"""
NPM = """
npm ERR! Missing script: "start"
npm ERR!
npm ERR! A complete log of this run can be found in: /root/.npm/_logs/x.log
"""
INTERPRETER = """
Fatal Python error: Segmentation fault

Current thread 0x00007f00 (most recent call first):
  File "/app/x.py", line 3 in <module>
"""
KLOG = """
E0115 12:00:00.000000 1 reflector.go:138] pods is forbidden: User "system:serviceaccount:ops:w" cannot list
F0115 12:00:30.000000 1 main.go:80] timed out waiting for caches to sync
"""


@pytest.mark.parametrize(
    ("text", "signature", "subject", "line"),
    [
        (SPRING, "ConfigInvalid", "", "Failed to configure a DataSource"),
        (SPRING.replace("Failed to configure a", "No"), "", "", "No DataSource"),
        (DOTNET, "AddressInUse", "port 80", "Failed to bind"),
        (NPM, "ConfigInvalid", "start", "Missing script"),
        (INTERPRETER, "Panic", "", "Fatal Python error"),
        (KLOG, "Forbidden", "system:serviceaccount:ops:w", "pods is forbidden"),
    ],
)
def test_the_blocks_in_which_frameworks_report_a_failed_start_are_read_as_one(
    text: str, signature: str, subject: str, line: str
) -> None:
    failure = read_failure(text.strip().splitlines())
    assert failure is not None
    assert (failure.signature, failure.subject) == (signature, subject)
    assert line in failure.line


@pytest.mark.parametrize(
    "fields",
    [
        {"log.level": "ERROR", "message": "start failed", "error.message": "Connection refused: kafka/10.96.0.4:9092"},
        {"Level": "Fatal", "MessageTemplate": "ended", "Exception": "Connection refused: kafka/10.96.0.4:9092"},
    ],
)
def test_flat_and_capitalised_json_fields_are_understood(fields: dict[str, object]) -> None:
    failure = read_failure([json.dumps(fields)])
    assert failure is not None
    assert (failure.signature, failure.subject) == ("ConnectionRefused", "kafka:9092")


def test_the_advice_under_an_error_belongs_to_it() -> None:
    lines = ["Error: Database is uninitialized.", "       You must specify POSTGRES_PASSWORD to a non-empty value."]
    failure = read_failure(lines)
    assert failure is not None
    assert (failure.signature, failure.subject) == ("MissingVariable", "POSTGRES_PASSWORD")


def test_the_fields_of_a_json_line_tell_the_answer_and_who_gave_it() -> None:
    failure = read_failure([json.dumps({"level": "error", "msg": "no token", "url": "http://sso:80/t", "status": 401})])
    assert failure is not None
    assert (failure.signature, failure.subject) == ("AuthenticationFailed", "sso:80")
    assert read_failure([json.dumps({"level": "info", "msg": "GET /", "status": 401})]) is None


def test_an_empty_log_tells_nothing() -> None:
    assert read_failure([]) is None


SERVICES = """
kind: Namespace
metadata: {name: cache}
---
kind: Service
metadata: {name: redis, namespace: cache}
spec: {clusterIP: 10.96.0.7}
---
kind: Service
metadata: {name: db}
spec: {clusterIP: 10.96.0.8}
---
kind: Pod
metadata: {name: web-1}
status: {phase: Running, podIP: 10.244.0.9}
"""


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("db", "Service default/db"),
        ("db:5432", "Service default/db"),
        ("postgres://u:p@db:5432/app", "Service default/db"),
        ("redis.cache:6379", "Service cache/redis"),
        ("redis.cache.svc", "Service cache/redis"),
        ("redis.cache.svc.cluster.local.", "Service cache/redis"),
        ("redis-0.redis.cache.svc.example.org", "Service cache/redis"),
        ("db-0.db", "Service default/db"),
        ("10.96.0.7:6379", "Service cache/redis"),
        ("10.244.0.9", "Pod default/web-1"),
        ("nothere", "Service default/nothere"),
        ("nothere.cache", "Service cache/nothere"),
        ("nothere.elsewhere.svc:80", "Service elsewhere/nothere"),
    ],
)
def test_a_cluster_name_is_resolved_to_its_object(host: str, expected: str) -> None:
    assert str(resolve_host(snapshot_of(SERVICES), "default", host)) == expected


@pytest.mark.parametrize(
    "host", ["api.example.com:443", "localhost:80", "127.0.0.1:80", "8.8.8.8", "", "user app", "port 80"]
)
def test_what_is_outside_the_cluster_resolves_to_nothing(host: str) -> None:
    assert resolve_host(snapshot_of(SERVICES), "default", host) is None


def test_an_unknown_short_name_is_no_service_where_services_were_not_read() -> None:
    snapshot = snapshot_of(gaps=[Gap(what="services", why="403", kind="Service")])
    assert resolve_host(snapshot, "default", "db") is None


REFUSED = "ERROR dial tcp: connect to db:5432: connection refused"


@pytest.mark.parametrize(
    "after",
    [
        "INFO connected to db:5432",
        "Connected",
        "db connection established",
        "INFO successfully connected",
        "redis is available again",
        "INFO succeeded after 3 attempts",
    ],
)
def test_an_error_after_which_it_succeeded_is_not_the_reason(after: str) -> None:
    assert read_failure([REFUSED, after, "INFO serving"]) is None
    failure = read_failure([REFUSED, after, "INFO serving", "ERROR disk on fire"])
    assert failure is not None
    assert failure.line == "ERROR disk on fire"


@pytest.mark.parametrize(
    "after",
    [
        "not connected",
        "INFO disconnected",
        "INFO reconnecting",
        "never connected to db",
        "connection not established",
        "INFO attempt 2",
        "WARN still not connected to db",
        "INFO connected clients: 0",
    ],
)
def test_an_error_after_which_it_only_tries_on_is_the_reason(after: str) -> None:
    failure = read_failure([REFUSED, after])
    assert failure is not None
    assert failure.signature == "ConnectionRefused"


def hours_log(*lines: str, every_s: int) -> ContainerLog:
    log = log_of("p", "c", "\n".join(lines))
    offsets = tuple(1000 * every_s * index for index in range(len(lines)))
    return dataclasses.replace(log, begins_at=datetime(2026, 1, 15, 10, 0, tzinfo=UTC), offsets_ms=offsets)


def test_an_error_followed_by_minutes_of_ordinary_work_is_not_the_reason() -> None:
    work = [f"INFO handled order {number}" for number in range(8)]
    assert read_failure(hours_log(REFUSED, *work, every_s=30)) is None
    assert read_failure(hours_log(REFUSED, *work, every_s=1)) is not None
    assert read_failure(hours_log(REFUSED, *[f"INFO waiting {n}" for n in range(8)], every_s=30)) is not None
    assert read_failure(hours_log("panic: boom", "", "goroutine 1 [running]:", *work, every_s=30)) is not None


def test_of_timeouts_that_name_nothing_the_last_is_quoted() -> None:
    failure = read_failure(["ERROR attempt 1: download timed out", "ERROR attempt 2: download timed out"])
    assert failure is not None
    assert (failure.line_number, failure.count) == (2, 2)
