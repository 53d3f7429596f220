"""Where an entry of a log begins and ends, for each runtime and server that writes over several lines."""

from __future__ import annotations

import json

import pytest

from kubeagentix.analysis.log_entries import entries_of, guilty_line
from kubeagentix.analysis.logs import read_failure

PYTHON_CHAINED = """Traceback (most recent call last):
  File "/a.py", line 1, in <module>
    f()
KeyError: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/a.py", line 3, in <module>
    g()
RuntimeError: settings are broken"""
JAVA = """Exception in thread "main" java.lang.IllegalStateException: no
\tat a.B.c(B.java:1)
\tSuppressed: java.io.IOException: closed
\t\tat a.B.e(B.java:3)
Caused by: java.lang.RuntimeException: bad rules
\tat a.B.d(B.java:2)
\t... 3 more"""
LOG4J = """[2026-01-15 11:59:01,123] ERROR Exiting Kafka due to fatal exception (kafka.Kafka$)
java.lang.IllegalArgumentException: requirement failed: bad listeners
\tat scala.Predef$.require(Predef.scala:281)
\tat kafka.server.KafkaConfig.<init>(KafkaConfig.scala:1)"""
GO_PANIC = """panic: assignment to entry in nil map

goroutine 1 [running]:
main.main()
\t/src/main.go:12 +0x1d
exit status 2"""
ZAP = """2026-01-15T11:59:01.123Z\tERROR\tsetup\tunable to start manager\t{"error": "no kind match"}
main.main
\t/workspace/main.go:123
runtime.main
\t/usr/local/go/src/runtime/proc.go:250"""
KLOG = """F0115 12:00:30.000000       1 server.go:80] failed to run: bad feature gate
goroutine 1 [running]:
k8s.io/klog/v2.stacks(0x1)
\t/go/klog.go:1026 +0x8a"""
NODE = """Error: bad rules
    at Object.<anonymous> (/app/x.js:3:7)
    at node:internal/main:1:1 {
  code: 'E_RULES',
  [cause]: TypeError: rules is not iterable
      at y (/app/y.js:1:1)
}"""
RUBY = """/app/x.rb:12:in `load': bad rules (RuntimeError)
\tfrom /app/x.rb:20:in `<main>'"""
DOTNET = """Unhandled exception. System.AggregateException: One or more errors occurred. (bad rules)
 ---> System.InvalidOperationException: bad rules
   at App.Rules.Load() in /src/Rules.cs:line 12
   --- End of inner exception stack trace ---
   at App.Program.Main(String[] args)"""
RUST_PANIC = """thread 'main' panicked at src/main.rs:10:5:
bad rules
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"""
RUST_ANYHOW = """Error: cannot start

Caused by:
    0: bad rules
    1: line 3"""
CPP = """terminate called after throwing an instance of 'std::runtime_error'
  what():  bad rules"""
PHP = """PHP Fatal error:  Uncaught RuntimeException: bad rules in /app/x.php:3
Stack trace:
#0 /app/y.php(1): load()
#1 {main}
  thrown in /app/x.php on line 3"""
ELIXIR = """** (RuntimeError) bad rules
    (app 0.1.0) lib/app.ex:3: App.start/2
    (kernel 8.5) application_master.erl:293: :application_master.start_it_old/4"""
POSTGRES = """2026-01-15 11:59:01.123 UTC [1] FATAL:  data directory "/data" has invalid permissions
2026-01-15 11:59:01.123 UTC [1] DETAIL:  Permissions should be u=rwx (0700) or u=rwx,g=rx (0750)."""
REDIS = """*** FATAL CONFIG FILE ERROR (Redis 7.0.5) ***
Reading the configuration file, at line 2
>>> 'maxmemry 1gb'
Bad directive or wrong number of arguments"""
ELASTICSEARCH = """ERROR: [1] bootstrap checks failed. You must address the points described in the following [1] lines.
bootstrap check failure [1] of [1]: something is too low"""
HOTSPOT = """# A fatal error has been detected by the Java Runtime Environment:
#
#  SIGSEGV (0xb) at pc=0x1, pid=1, tid=7
#"""
PRETTY = json.dumps({"level": "error", "message": "bad rules"}, indent=2)


@pytest.mark.parametrize(
    ("text", "guilty"),
    [
        (PYTHON_CHAINED, "KeyError: 'x'"),
        (JAVA, "Caused by: java.lang.RuntimeException: bad rules"),
        (LOG4J, "ERROR Exiting Kafka"),
        (GO_PANIC, "panic: assignment to entry in nil map"),
        (ZAP, "unable to start manager"),
        (KLOG, "failed to run: bad feature gate"),
        (NODE, "Error: bad rules"),
        (RUBY, "bad rules (RuntimeError)"),
        (DOTNET, " ---> System.InvalidOperationException: bad rules"),
        (RUST_PANIC, "bad rules"),
        (RUST_ANYHOW, "    0: bad rules"),
        (CPP, "  what():  bad rules"),
        (PHP, "Uncaught RuntimeException: bad rules"),
        (ELIXIR, "** (RuntimeError) bad rules"),
        (POSTGRES, "has invalid permissions"),
        (REDIS, ">>> 'maxmemry 1gb'"),
        (ELASTICSEARCH, "bootstrap check"),
        (HOTSPOT, "SIGSEGV"),
        (PRETTY, '"message": "bad rules"'),
    ],
)
def test_an_error_over_several_lines_is_one_entry(text: str, guilty: str) -> None:
    lines = ["INFO starting", *text.splitlines(), "INFO stopping"]
    inner = [entry for entry in entries_of(lines) if entry.start == 1]
    assert [(entry.start, entry.end) for entry in inner] == [(1, 1 + len(text.splitlines()))]
    assert guilty in lines[guilty_line(lines, inner[0])]
    failure = read_failure(lines)
    assert failure is not None
    assert 1 <= failure.line_number - 1 <= len(text.splitlines())


@pytest.mark.parametrize("lines", [["one", "two"], ["INFO a", "", "INFO b"], ["ERROR a", "ERROR b"], ["{", "INFO x"]])
def test_lines_that_stand_alone_are_entries_of_their_own(lines: list[str]) -> None:
    assert [entry.start for entry in entries_of(lines)] == [n for n, line in enumerate(lines) if line]


SERVED = [
    (
        '2026/01/15 11:59:01 [error] 29#29: *1 open() "/usr/share/nginx/html/favicon.ico" failed (2: No such file or '
        'directory), client: 10.2.0.7, server: _, request: "GET /favicon.ico HTTP/1.1", host: "x"'
    ),
    "[Thu Jan 15 11:59:01 2026] [core:error] [pid 9:tid 1] (13)Permission denied: [client 10.2.0.7:4312] AH00132: no",
    '2026-01-15 11:59:01.123 UTC [57] FATAL:  password authentication failed for user "app"',
    '2026-01-15 11:59:01.123 UTC [57] ERROR:  relation "users" does not exist at character 15',
    "2026-01-15T11:59:01Z 8 [Warning] [MY-010926] [Server] Access denied for user 'app'@'10.2.0.7'",
    "GET /x HTTP/1.1 404",
    "POST /login -> 401",
]


@pytest.mark.parametrize("line", SERVED)
def test_what_a_server_says_of_one_client_is_no_failure_of_its_own(line: str) -> None:
    assert read_failure(["starting", line, "going on"]) is None


@pytest.mark.parametrize(
    ("line", "signature"),
    [
        (
            (
                "2026/01/15 11:59:01 [error] 29#29: *1 connect() failed (111: Connection refused) while connecting to "
                'upstream, client: 10.2.0.7, server: _, request: "GET / HTTP/1.1", upstream: "http://10.96.0.5:80/"'
            ),
            ("ConnectionRefused", "10.96.0.5:80"),
        ),
        (
            '2026-01-15 11:59:01.123 UTC [1] FATAL:  could not open file "/data/PG_VERSION": Permission denied',
            ("PermissionDenied", "/data/PG_VERSION"),
        ),
        (
            'psql:/initdb.d/init.sql:3: ERROR:  relation "users" does not exist',
            ("MissingTable", "users"),
        ),
    ],
)
def test_what_a_server_says_of_itself_is(line: str, signature: tuple[str, str]) -> None:
    failure = read_failure([line])
    assert failure is not None
    assert (failure.signature, failure.subject) == signature
