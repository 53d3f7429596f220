"""Where settings come from: variables that a program misses, and passwords that a server refuses."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analysis.causes import Explanation, explain
from kubeagentix.analysis.containers import restless_containers
from kubeagentix.analysis.logs import read_failure
from kubeagentix.testing import snapshot_of

SETTINGS = {"kind": "ConfigMap", "metadata": {"name": "app-env"}, "data": {"DATABSE_URL": "x", "log.level": "info"}}
SECRET = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "eA==", "empty": ""}}


def explained(line: str, *others: dict[str, Any], **container: Any) -> Explanation:
    pod = {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", **container}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "c"}]},
    }
    snapshot = snapshot_of(pod, *others)
    view = next(item for item in restless_containers(snapshot) if item.pod.name == "p")
    failure = read_failure([line])
    assert failure is not None
    return explain(snapshot, view, failure)


def pointed(story: Explanation) -> list[str]:
    return [str(ref) for ref in story.points_at]


ENV_FROM = {"envFrom": [{"configMapRef": {"name": "app-env"}}]}


def test_a_key_of_nearly_that_name_in_env_from_is_offered_and_its_config_map_pointed_at() -> None:
    story = explained("FATAL: DATABASE_URL is not set", SETTINGS, **ENV_FROM)
    assert "ConfigMap app-env has the key DATABSE_URL: was that meant?" in story.cause
    assert pointed(story) == ["ConfigMap default/app-env"]


def test_a_prefix_of_env_from_is_part_of_the_name() -> None:
    prefixed = {"envFrom": [{"prefix": "APP_", "configMapRef": {"name": "app-env"}}]}
    story = explained("FATAL: LOG_LEVEL is not set", SETTINGS, **prefixed)
    assert "has the key log.level, which it brings as APP_log.level" in story.cause


def test_an_unlike_key_is_not_offered() -> None:
    story = explained("FATAL: SMTP_HOST is not set", SETTINGS, **ENV_FROM)
    assert "was that meant" not in story.cause
    assert "nor does its envFrom bring it" in story.cause
    assert story.points_at == ()


def test_an_optional_env_from_that_is_not_there_is_pointed_at() -> None:
    story = explained("FATAL: DATABASE_URL is not set", envFrom=[{"secretRef": {"name": "gone", "optional": True}}])
    assert "envFrom names Secret gone, which does not exist" in story.cause
    assert pointed(story) == ["Secret default/gone"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("password", "takes DB_PASSWORD from key password of Secret db."),
        ("passwrd", "which has no such key (it has password)"),
        ("empty", "key empty of Secret db, whose value is empty"),
    ],
)
def test_a_variable_from_a_key_is_followed_to_it(key: str, words: str) -> None:
    env = [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": key, "optional": True}}}]
    story = explained("DB_PASSWORD is not set", SECRET, env=env)
    assert words in story.cause
    assert pointed(story) == ["Secret default/db"]


def test_a_config_map_that_has_the_name_and_is_not_read_is_told() -> None:
    unread = {"kind": "ConfigMap", "metadata": {"name": "other"}, "data": {"SMTP_HOST": "x"}}
    assert "ConfigMap other has a key of that name" in explained("SMTP_HOST is not set", unread).cause
    twice = {**unread, "metadata": {"name": "another"}}
    assert "key of that name" not in explained("SMTP_HOST is not set", unread, twice).cause


DB = {
    "kind": "Service",
    "metadata": {"name": "db"},
    "spec": {"clusterIP": "10.96.0.9", "ports": [{"port": 5432}], "selector": {"app": "db"}},
}


def server(*env: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": "db-0", "labels": {"app": "db"}},
        "spec": {"containers": [{"name": "postgres", "env": list(env)}]},
        "status": {"phase": "Running"},
    }


def from_secret(variable: str, name: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


REFUSED = (
    'connection to server at "db" (10.96.0.9), port 5432 failed: FATAL:  password authentication failed for user "app"'
)


def test_a_refused_password_is_followed_to_the_secrets_of_both_ends() -> None:
    story = explained(
        REFUSED,
        SECRET,
        DB,
        server(from_secret("POSTGRES_PASSWORD", "db-root", "pw")),
        env=[from_secret("DB_PASSWORD", "db", "password")],
    )
    assert "It takes DB_PASSWORD from key password of Secret db." in story.cause
    assert "The server takes POSTGRES_PASSWORD from key pw of Secret db-root." in story.cause
    assert pointed(story) == ["Service default/db", "Secret default/db", "Secret default/db-root"]


def test_one_secret_for_both_ends_is_told_to_count_at_the_first_start_only() -> None:
    password = from_secret("POSTGRES_PASSWORD", "db", "password")
    story = explained(REFUSED, SECRET, DB, server(password), env=[from_secret("DB_PASSWORD", "db", "password")])
    assert "from the same key, when it starts on an empty volume" in story.cause


def test_the_user_and_the_database_that_a_server_makes_are_told_where_they_differ() -> None:
    made = server({"name": "POSTGRES_USER", "value": "shop"}, {"name": "POSTGRES_DB", "value": "shop"})
    unknown = 'connection to server at "db", port 5432 failed: FATAL:  role "app" does not exist'
    assert "The server's POSTGRES_USER is shop." in explained(unknown, DB, made).cause
    missing = 'connection to server at "db", port 5432 failed: FATAL:  database "orders" does not exist'
    assert "The server is Service default/db. The server's POSTGRES_DB is shop." in explained(missing, DB, made).cause
    same = missing.replace("orders", "shop")
    assert "POSTGRES_DB" not in explained(same, DB, made).cause


def test_a_service_link_taken_for_a_port_is_explained_by_its_service() -> None:
    redis = {"kind": "Service", "metadata": {"name": "redis"}, "spec": {"clusterIP": "10.96.1.2"}}
    line = "ValueError: invalid literal for int() with base 10: 'tcp://10.96.1.2:6379'"
    story = explained(line, redis)
    assert "REDIS_PORT" in story.phrase
    assert "because there is a Service redis" in story.cause
    assert "enableServiceLinks" in explained(line).cause
