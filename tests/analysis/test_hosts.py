"""Hosts that settings name: found in the forms they are written in, and not in every word."""

from __future__ import annotations

import pytest

from kubeagentix.analysis.hosts import MAX_TEXT_CHARS, hosts_in


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("CACHE", "redis://user:pass@cache.infra:6379/0", ["cache.infra"]),
        ("DB_HOST", "orders-db", ["orders-db"]),
        ("BROKERS", "kafka-0.kafka:9092,kafka-1.kafka:9092", ["kafka-0.kafka", "kafka-1.kafka"]),
        ("", "--upstream=http://api.shop.svc.cluster.local/v1", ["api.shop.svc.cluster.local"]),
        ("app.yaml", "database:\n  host: orders-db\n  port: 5432\n", ["orders-db"]),
        ("app.json", '{\n  "server": "mq",\n  "retries": 3\n}', ["mq"]),
        ("app.properties", "spring.redis.host=cache\nlog.level=info\n", ["cache"]),
        ("UPSTREAM_URL", "web", ["web"]),
    ],
)
def test_a_host_is_found(name: str, text: str, expected: list[str]) -> None:
    assert list(hosts_in(name, text)) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MODE", "db"),
        ("GREETING", "hello world"),
        ("DB_HOST_NOTE", "see the wiki"),
        ("DB_HOST", "ask the team"),
        ("app.yaml", "replicas: 3\nmode: cluster\n"),
        ("TIMES", "10:30"),
    ],
)
def test_a_word_that_is_no_host_is_not(name: str, text: str) -> None:
    assert list(hosts_in(name, text)) == []


def test_long_values_are_data_and_not_read() -> None:
    assert list(hosts_in("dump", "x" * MAX_TEXT_CHARS + " db:5432")) == []
