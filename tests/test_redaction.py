"""Masking: a planted corpus of which nothing leaks, and ordinary texts of which nothing is eaten."""

from __future__ import annotations

import random
import string
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeagentix import redaction as redactor_module
from kubeagentix.recognition.names import verdict
from kubeagentix.recognition.spans import found_in
from kubeagentix.redaction import Redactor
from tests.planted import PLANTED as CORPUS
from tests.planted import Planted

ROOT = Path(__file__).parent.parent

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
    f"sqlplus scott/{S}@//db:1521/x": S,
    f"jdbc:oracle:thin:scott/{S}@db:1521:x": S,
    "> AUTH PLAIN AGJvYgBodW50ZXIy": "AGJvYgBodW50ZXIy",
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
    'error mounting "/mnt/users" to rootfs at "/etc/passwd": mount /mnt/users:/etc/passwd (via /proc/self/fd/6)',
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
    "AUTH PLAIN mechanisms are offered, auth login required",
    "shop/checkout@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
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
    "piece",
    [
        "password",
        "a://",
        "token ",
        "name: token\n",
        '"',
        "-----BEGIN PRIVATE KEY-----",
        "eyJ",
        "_eyJ",
        "x",
        "password=",
        "@",
        "a:b@c:80 ",
        "password: ",
        'password="',
        "cookie: a=b;",
        "data:\n",
        "kind: Secret\ndata:\n",
        "authorization: ",
        "mysql ",
        "YWJj",
        "\\",
        "://u:",
    ],
)
def test_the_time_is_linear_in_the_length(piece: str) -> None:
    def seconds(count: int) -> float:
        text, began = piece * count, time.process_time()
        Redactor().text(text)
        return time.process_time() - began

    few = max(min(seconds(4_000) for _ in range(3)), 0.002)
    assert min(seconds(32_000) for _ in range(3)) < 8 * 4 * few


@pytest.mark.parametrize("planted", CORPUS, ids=str)
def test_nothing_of_the_corpus_leaks(planted: Planted) -> None:
    redactor = Redactor()
    masked = redactor.text(planted.text)
    assert not [value for value in planted.values if value in masked]
    assert "[MASKED-" in masked
    assert redactor.text(masked) == masked


def test_the_corpus_is_large_and_of_many_kinds() -> None:
    assert len(CORPUS) >= 300
    assert len({item.kind.split(",")[0] for item in CORPUS}) >= 15
    assert len({item.text for item in CORPUS}) == len(CORPUS)
    for item in CORPUS:
        assert any(value in item.text for value in item.values), item


# What is masked in two megabytes of this project's own sources, tests, messages and manifests: passwords and keys that
# stand there as examples, and a few texts that only look like one where they stand (in code, not in a cluster).
SOURCES = ("kubeagentix/demo", "kubeagentix/analysis", "tests/analyzers", "tests/analysis", "tests/tools", "docs")
KNOWN = [
    "authorization.k8s.io",
    "is_namespaced=is_namespaced",
    "_secret_defaults",
    "czNjcmV0",
    "&token",
    "blue",
    "config",
    "bm90IGpzb24=",
    "OTHER",
    "OWN",
    "info",
    "pass",
    "sk-model",
    "hunter2",
    "Bearer ${KUBEAGENTIX_MCP_TOKEN}",  # of the README: a variable's name, which is masked to be on the safe side
]
KNOWN_LONG = "kubectl get secret courier -n parcels -o jsonpath={.data.password}"


def test_ordinary_words_are_not_eaten() -> None:
    paths = [path for name in SOURCES for path in (ROOT / name).rglob("*") if path.suffix in (".py", ".md", ".yaml")]
    texts = [path.read_text() for path in (*paths, ROOT / "README.md", ROOT / "benchmarks/corpus/truths.yaml")]
    masked: Counter[str] = Counter()
    for text in texts:
        redactor = Redactor()
        redactor.text(text)
        masked.update(list(redactor._places))
    figure = f"ordinary words: {sum(map(len, texts)):,} characters, {sum(masked.values())} values masked"
    print(f"\n{figure}")  # noqa: T201  the figure
    assert sum(map(len, texts)) > 1_500_000
    unexpected = {item for item in masked if item not in KNOWN and item != KNOWN_LONG}
    assert {item for item in unexpected if not item.startswith("hunter")} == set()  # that is what tests call a password


VALUES = st.text(string.ascii_letters + string.digits, min_size=8, max_size=30).filter(
    lambda text: any(map(str.isdigit, text)) and any(map(str.isalpha, text))
)
FORMS = (
    "DB_PASSWORD={}",
    '"password": "{}"',
    "postgres://app:{}@db/x",
    "- name: API_TOKEN\n  value: {}\n",
    "--secret-key {}",
    "Authorization: Bearer {}aB3",
)


@given(value=VALUES, form=st.sampled_from(FORMS), before=st.text(max_size=60), after=st.text(max_size=60))
@settings(max_examples=400, deadline=None)
def test_a_value_survives_in_no_surroundings(value: str, form: str, before: str, after: str) -> None:
    masked = Redactor().text(f"{before}\n{form.format(value)}\n{after}")
    assert value not in masked.replace(before, "").replace(after, "")


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from([item.text for item in CORPUS])), max_size=4))
@settings(max_examples=300, deadline=None)
def test_masking_twice_is_masking_once(parts: list[str]) -> None:
    redactor = Redactor()
    once = redactor.text(" ".join(parts))
    assert redactor.text(once) == once


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from([item.text for item in CORPUS])), max_size=4))
@settings(max_examples=200, deadline=None)
def test_as_many_lines_come_out_as_go_in(parts: list[str]) -> None:
    lines = [line for part in parts for line in part.split("\n")]
    masked = Redactor().lines(lines)
    assert len(masked) == len(lines)


def test_lines_of_a_log_are_masked_as_one_text() -> None:
    key = ["-----BEGIN PRIVATE KEY-----", "MIIEowIBAAKCAQEA7bq", "q8Zq7x", "-----END PRIVATE KEY-----", "ready"]
    assert Redactor().lines(key) == ("[MASKED-1]", "[MASKED-2]", "[MASKED-3]", "[MASKED-4]", "ready")
    assert Redactor().value({"lines": key})["lines"] == [
        "[MASKED-1]",
        "[MASKED-2]",
        "[MASKED-3]",
        "[MASKED-4]",
        "ready",
    ]
    assert Redactor().lines(key[1:])[:3] == ("[MASKED-1]", "[MASKED-2]", "[MASKED-3]")  # read from its middle on
    assert S not in str(Redactor().value(['{"password":"cut', f'env A_PASSWORD="{S}"'], "args"))
    assert Redactor().lines(["name: DB_PASSWORD", f"value: {S}", "x"])[1] == "value: [MASKED-1]"


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASSWORD",
        "apiKey",
        "x-api-key",
        "AWS_SECRET_ACCESS_KEY",
        "clientSecret",
        "dbpassword",
        "TOKEN_2",
        "PGPASS",
        ".pgpass",
        "SECRET_KEY_BASE",
    ],
)
def test_names_of_credentials(name: str) -> None:
    assert verdict(name) == "surely"


@pytest.mark.parametrize(
    "name",
    [
        "secretName",
        "tokenExpirationSeconds",
        "max_tokens",
        "PASSWORD_FILE",
        "passwordPolicy",
        "key",
        "monkey",
        "author",
        "compass",
        "serviceAccountToken.path",
        "AWS_ACCESS_KEY_ID",
        "keySelector",
        "primary_key",
        "authorization-mode",
        "tls-secret-name",
    ],
)
def test_names_that_are_about_credentials_or_about_something_else(name: str) -> None:
    assert verdict(name) == ""


def test_values_are_masked_with_their_structure_kept() -> None:
    redactor = Redactor()
    given = {
        "env": [{"name": "DB_PASSWORD", "value": S}, {"name": "MODE", "value": "fast"}],
        "args": ["--token", S, "--v=2"],
        "manifest": {"kind": "Secret", "data": {"a": "Ymx1ZQ=="}, "metadata": {"name": "db"}},
        "password": 87654321,
        "replicas": 12345678,
        "url": f"postgres://app:{S}@db/x",
        "secretName": "db-auth",
        "secret": "db-auth",
        "tlsSecret": "web-tls",
    }
    assert redactor.value(given) == {
        "env": [{"name": "DB_PASSWORD", "value": "[MASKED-1]"}, {"name": "MODE", "value": "fast"}],
        "args": ["--token", "[MASKED-1]", "--v=2"],
        "manifest": {"kind": "Secret", "data": {"a": "[MASKED-2]"}, "metadata": {"name": "db"}},
        "password": "[MASKED-3]",
        "replicas": 12345678,
        "url": "postgres://app:[MASKED-1]@db/x",
        "secretName": "db-auth",
        "secret": "db-auth",
        "tlsSecret": "web-tls",
    }
    assert given["args"] == ["--token", S, "--v=2"]


def test_what_holds_no_credential_is_the_very_same_object() -> None:
    given = {"a": [1, "b", {"c": None}], "d": ("e", 2.5)}
    assert Redactor().value(given) is given


def test_a_value_is_masked_in_the_encodings_that_it_travels_in() -> None:
    redactor = Redactor()
    redactor.text("password=p@ss/w0rd-Zq7x")
    for code in ("cEBzcy93MHJkLVpxN3g=", "cEBzcy93MHJkLVpxN3gK", "p%40ss%2Fw0rd-Zq7x"):
        assert redactor.text(f"seen {code} once") == "seen [MASKED-1] once"


def test_words_are_not_learned() -> None:
    redactor = Redactor()
    redactor.text("DB_PASSWORD=postgres\nAPI_TOKEN=ConnectionRefused")
    assert redactor.text("image postgres: ConnectionRefused") == "image postgres: ConnectionRefused"


def test_placeholders_of_an_earlier_run_are_not_given_again() -> None:
    assert Redactor().text(f"it was [MASKED-4]; password={S}") == "it was [MASKED-4]; password=[MASKED-5]"


def test_a_log_of_a_megabyte_takes_a_second_at_most() -> None:
    chosen = random.Random(1)
    lines = [f"10:00 INFO user {chosen.randrange(99)} token refreshed, key {n} in {n % 90} ms" for n in range(20_000)]
    began = time.process_time()
    Redactor().text("\n".join(lines))
    assert time.process_time() - began < 2


def test_two_threads_that_mask_at_once_give_no_two_values_one_placeholder() -> None:
    redactor = Redactor()

    def mask(letter: str) -> None:
        for number in range(300):
            redactor.text(f"DB_PASSWORD=Zq7x-{letter}-{number:04d}-hunter")

    threads = [threading.Thread(target=mask, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(redactor._places.values())) == redactor.count == 1200


def test_a_piece_of_yaml_that_names_a_credential_is_not_looked_for_elsewhere() -> None:
    """It may stand where a value is expected, as in a block; masked everywhere it would take the names away."""
    redactor = Redactor()
    redactor.text('password: |\n  - "--db-password"\n  - "hunter22-Zq7x"\n')
    masked = redactor.text('args:\n- "--db-password"\n- "hunter33-Zq7x"\n')
    assert "--db-password" in masked
    assert "hunter33" not in masked


def test_what_another_thread_learned_meanwhile_is_masked_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    redactor, inside = Redactor(), found_in

    def slow(text: str, *known: Any) -> Any:
        found = inside(text, *known)
        if text == "it said Zq7x-hunter":
            monkeypatch.setattr(redactor_module, "found_in", inside)
            redactor.text("password=Zq7x-hunter")
        return found

    monkeypatch.setattr(redactor_module, "found_in", slow)
    redactor.text("it said Zq7x-hunter")
    assert redactor.text("it said Zq7x-hunter") == "it said [MASKED-1]"


def test_an_id_is_no_value_unless_it_holds_one_that_is_known() -> None:
    redactor = Redactor()
    assert redactor.text("f-0123456789") == "f-0123456789"
    assert redactor.value({"password": "f-0123456789"}) == {"password": "[MASKED-1]"}
    assert redactor.text("f-0123456789") == "[MASKED-1]"


def test_an_equal_text_elsewhere_is_left_as_the_object_it_is() -> None:
    redactor = Redactor()
    redactor.text("what is kept of the first")
    record = {"words": "".join(["what is kept ", "of the first"])}
    assert redactor.value(record) is record
