"""Masking: a planted corpus of which nothing leaks, and ordinary texts of which nothing is eaten."""

from __future__ import annotations

import time

import pytest

from kubeagentix.redaction import Redactor

S = "hunter2-Zq7x"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiIsIm4iOjF9.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq\nq8Zq7x\n-----END RSA PRIVATE KEY-----"

PLANTED = {
    f"DB_PASSWORD={S}": S,
    f"connecting with password={S} to db": S,
    f'{{"user": "app", "password": "{S}"}}': S,
    f"{{'apiKey': '{S}'}}": S,
    f'"client_secret":"{S}","x":1': S,
    f"postgres://app:{S}@db.shop:5432/orders": S,
    f"amqp://:{S}@mq/": S,
    f"Authorization: Bearer {S}{S}": S + S,
    "authorization: basic YXBwOmh1bnRlcjI=": "YXBwOmh1bnRlcjI=",
    f"token {S}": S,
    f"the session is {JWT}; it ends soon": JWT,
    f"loaded key:\n{PEM}\ndone": "MIIEowIBAAKCAQEA7bq",
    PEM[:60]: "MIIEowIBAAKCAQEA7bq"[:10],
    "key AKIAIOSFODNN7EXAMPLE is refused": "AKIAIOSFODNN7EXAMPLE",
    "using sk-ant-api03-dummydummydummy-AAAA": "sk-ant-api03-dummydummydummy-AAAA",
    "ghp_0123456789abcdefghijABCDEFGHIJ0123": "ghp_0123456789abcdefghijABCDEFGHIJ0123",
    "xoxb-123456789012-abcdefABCDEF": "xoxb-123456789012-abcdefABCDEF",
    f"- name: DB_PASSWORD\n  value: {S}\n": S,
    f"  - name: STRIPE_API_KEY\n    value: '{S}'": S,
    f"password: {S}": S,
    f"--token={S}": S,
    f"args: [--db-password={S}, --v=2]": S,
    f"?api_key={S}&page=2": S,
    f"spring.datasource.password={S}": S,
    f'env MYSQL_ROOT_PASSWORD="{S} with a blank"': S,
    f"export AWS_SECRET_ACCESS_KEY={S}/{S}": S,
    'pull: {"auths":{"r":{"password":"p4ss\\"word"}}}': 'p4ss\\"word',
}

ORDINARY = [
    'FATAL: password authentication failed for user "app"',
    'secret "db-auth" not found',
    "Secret shop/db-auth does not exist; the nearest is db-authn",
    "couldn't find key password in Secret shop/db-auth",
    "secretName: db-auth\nsecretKeyRef: {name: db-auth, key: password}",
    "imagePullSecrets: [{name: regcred}]",
    "Invalid token: unexpected character at position 12",
    "token: expired",
    "password: required",
    "max_tokens: 4096, total_tokens=1234",
    "tokenExpirationSeconds: 3607",
    "mounted at /var/run/secrets/kubernetes.io/serviceaccount/token",
    "DB_PASSWORD_FILE=/run/secrets/db",
    "DB_PASSWORD=$(DB_PASSWORD)",
    "password=${PASSWORD}",
    "basic authentication is not enabled; bearer authentication is",
    "http://web.shop.svc.cluster.local:8080/healthz",
    "dial tcp 10.96.0.1:443: connect: connection refused",
    "image registry.example:5000/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "e-5de37b5f5d status of Pod records/ledger-db-0: exit code 1, after 4 s",
    "ledger-db-0_records(2e3c4c00-9ffb-4e1b-b2e0-4f2bd9c5c916)",
    "kubectl set env deployment/checkout -c checkout DATABASE_URL=VALUE -n orders",
    'Error from server (Forbidden): secrets is forbidden: User "x" cannot list resource "secrets"',
    "the credentials were refused (401)",
]


@pytest.mark.parametrize("text", PLANTED, ids=lambda text: text[:30].replace("\n", " "))
def test_what_is_planted_does_not_leak(text: str) -> None:
    masked = Redactor().text(f"before it\n{text}\nafter it")
    assert PLANTED[text] not in masked
    assert "[MASKED-1]" in masked
    assert masked.startswith("before it\n")


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_come_out_unchanged(text: str) -> None:
    assert Redactor().text(text) == text


def test_equal_values_get_equal_placeholders() -> None:
    redactor = Redactor()
    first = redactor.text(f"A_PASSWORD={S} B_TOKEN=other-value1")
    assert first == "A_PASSWORD=[MASKED-1] B_TOKEN=[MASKED-2]"
    assert redactor.text(f"postgres://u:{S}@db/") == "postgres://u:[MASKED-1]@db/"
    assert redactor.count == 2


def test_what_is_masked_is_not_masked_again() -> None:
    redactor = Redactor()
    once = redactor.text("\n".join(PLANTED))
    assert redactor.text(once) == once


def test_a_value_that_is_known_is_masked_wherever_it_stands() -> None:
    assert Redactor([S]).text(f"they say {S}!") == "they say [MASKED-1]!"


@pytest.mark.parametrize(
    "piece", ["password", "a://", "token ", "name: token\n", '"', "-----BEGIN PRIVATE KEY-----", "eyJ", "x"]
)
def test_the_time_is_linear_in_the_length(piece: str) -> None:
    def seconds(count: int) -> float:
        text, began = piece * count, time.process_time()
        Redactor().text(text)
        return time.process_time() - began

    few = max(min(seconds(4_000) for _ in range(3)), 0.002)
    assert min(seconds(32_000) for _ in range(3)) < 8 * 4 * few
