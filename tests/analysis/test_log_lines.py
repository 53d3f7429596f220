"""The level of a line, in the forms of the loggers in use, and what a structured line says."""

from __future__ import annotations

import json

import pytest

from kubeagentix.analysis.log_lines import ERROR, HARMLESS, WARNING, level_of, plain, structured


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-01-15T11:59:01.123Z\tERROR\tsetup\tunable to start manager", ERROR),  # zap
        ("2026-01-15T11:59:01.123Z\tINFO\tsetup\tERROR pages registered", HARMLESS),
        ("FATA[0001] cannot open config", ERROR),  # logrus
        ("WARN[0001] slow answer", WARNING),
        ('time="2026-01-15T11:59:01Z" level=error msg="no"', ERROR),
        ('ts=2026-01-15T11:59:01Z caller=main.go:12 level=info msg="error budget loaded"', HARMLESS),
        ("10:02AM ERR cannot listen error=x", ERROR),  # zerolog
        ("10:02AM INF listening", HARMLESS),
        ("2026-01-15T11:59:01.123Z [ERROR] agent: failed to join", ERROR),  # hclog
        ("2026-01-15T11:59:01.123Z [INFO]  agent: joined", HARMLESS),
        ("[11:59:01 FTL] Host terminated", ERROR),  # Serilog
        ("[11:59:01 INF] Starting", HARMLESS),
        ("fail: Microsoft.Hosting.Lifetime[0]", ERROR),  # .NET
        ("E0115 12:00:00.000000       1 main.go:12] no", ERROR),  # klog
        ("W0115 12:00:00.000000       1 main.go:12] no", WARNING),
        ("<3>Jan 15 11:59:01 host app[12]: no", ERROR),  # syslog
        ("<14>1 2026-01-15T11:59:01Z host app 12 - - error pages", HARMLESS),
        ("2026/01/15 11:59:01 [emerg] 1#1: no", ERROR),  # nginx
        ("2026/01/15 11:59:01 [notice] 1#1: start worker process 29", HARMLESS),
        ("[Thu Jan 15 11:59:01.123456 2026] [core:error] [pid 1:tid 1] no", ERROR),  # Apache
        ("[Thu Jan 15 11:59:01.123456 2026] [mpm_event:notice] [pid 1:tid 1] ok", HARMLESS),
        ("2026-01-15 11:59:01.123 UTC [1] FATAL:  no", ERROR),  # PostgreSQL
        ("2026-01-15 11:59:01.123 UTC [1] LOG:  database system is shut down", HARMLESS),
        ("2026-01-15T11:59:01.123456Z 0 [ERROR] [MY-010457] [Server] no", ERROR),  # MySQL
        ("2026-01-15  11:59:01 0 [Note] mariadbd: ready for connections.", HARMLESS),
        ("1:M 15 Jan 2026 11:59:01.123 * Ready to accept connections", HARMLESS),  # Redis
        ("1:M 15 Jan 2026 11:59:01.123 # Server initialized", None),
        ("[2026-01-15 11:59:01,123] ERROR Exiting Kafka (kafka.Kafka$)", ERROR),  # log4j
        ("[2026-01-15T11:59:01,123][ERROR][o.e.b.Bootstrap] [node-1] no", ERROR),  # Elasticsearch
        ("2026-01-15 11:59:01.123456+00:00 [error] <0.230.0> no", ERROR),  # RabbitMQ
        ("[2026-01-15 11:59:01.123][1][critical][main] [source/server.cc:1] no", ERROR),  # Envoy
        ("[2026-01-15 11:59:01,123: ERROR/MainProcess] consumer: no", ERROR),  # Celery
        ("[2026-01-15 11:59:01 +0000] [1] [ERROR] no", ERROR),  # Gunicorn
        ("2026-01-15 11:59:01,123 - app - ERROR - no", ERROR),  # Python
        ("E, [2026-01-15T11:59:01.123456 #1] ERROR -- : no", ERROR),  # Ruby
        ("I, [2026-01-15T11:59:01.123456 #1]  INFO -- : Error pages cached", HARMLESS),
        ("[2026-01-15 11:59:01] production.ERROR: SQLSTATE[HY000]", ERROR),  # Laravel
        ("[2026-01-15T11:59:01Z ERROR app] no", ERROR),  # Rust
        ("\x1b[31mERROR\x1b[0m no", ERROR),
        ("SEVERE: Servlet.service() threw", ERROR),
        ("error_log /var/log/nginx/error.log warn;", None),
        ("max_errors = 5", None),
        ("errors: []", None),
    ],
)
def test_the_level_is_read_as_the_logger_wrote_it(line: str, level: int | None) -> None:
    assert level_of(line) == level


@pytest.mark.parametrize(
    ("fields", "level", "says"),
    [
        ({"level": "error", "ts": 1.5, "msg": "no", "error": "refused"}, ERROR, "no: refused"),  # zap
        ({"level": 30, "msg": "ok", "pid": 1}, HARMLESS, "ok"),  # pino
        ({"level": 60, "msg": "bye", "err": {"type": "Error", "message": "boom"}}, ERROR, "bye: Error boom"),
        ({"@t": "x", "@l": "Fatal", "@mt": "ended", "@x": "E: no"}, ERROR, "ended: E: no"),  # Serilog
        ({"@timestamp": "x", "level": "WARN", "message": "slow", "logger_name": "l"}, WARNING, "slow"),  # Logback
        ({"event": "start", "level": "critical", "exception": "E: no"}, ERROR, "start: E: no"),  # structlog
        ({"log": {"level": "error"}, "message": "no", "error": {"message": "why"}}, ERROR, "no: why"),  # ECS
        ({"severity": "EMERGENCY", "message": "no"}, ERROR, "no"),  # Google Cloud
        ({"severity": "DEFAULT", "textPayload": "ok"}, HARMLESS, "ok"),
        ({"severity": "ERROR", "jsonPayload": {"message": "deep"}}, ERROR, "deep"),
        (
            {"s": "F", "c": "CONTROL", "msg": "init", "attr": {"error": {"code": 1, "errmsg": "no"}}},
            ERROR,
            "init: no 1",
        ),  # MongoDB
        ({"s": "I", "msg": "Waiting for connections"}, HARMLESS, "Waiting for connections"),
        ({"version": "1.1", "short_message": "no", "level": 3}, ERROR, "no"),  # GELF
        ({"level": 3, "msg": "?"}, None, "?"),
    ],
)
def test_a_json_line_gives_its_level_and_what_it_says(fields: dict[str, object], level: int | None, says: str) -> None:
    found = structured(json.dumps(fields))
    assert found is not None
    assert found[0] == level
    assert found[1].split() == says.split() or found[1] == says


def test_what_is_no_json_object_is_not_structured() -> None:
    assert structured("{not json}") is None
    assert structured("[1]") is None


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("2026-01-15T11:59:01.123456789Z 2026-01-15 11:59:01,123 INFO up", "INFO up"),
        ("Jan 15 11:59:01 kernel: no", "kernel: no"),
        ("10:02AM ERR no", "ERR no"),
        ("2026-01-15 11:59:01.123 UTC [57] FATAL:  no", "FATAL:  no"),
        ("1:M 15 Jan 2026 11:59:01.123 # Fatal error: no", "Fatal error: no"),
        ("12:34 is a time of day", "is a time of day"),
        ("port 8080:80 is open", "port 8080:80 is open"),
    ],
)
def test_times_before_a_text_are_taken_off(line: str, text: str) -> None:
    assert plain(line) == text


def test_a_line_that_is_nested_too_deeply_is_a_line() -> None:
    assert structured('{"level":' * 5000) is None
