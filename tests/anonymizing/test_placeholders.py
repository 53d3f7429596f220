"""Names become placeholders and come back, in any text and whatever it holds already."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeagentix.anonymizing.placeholders import Piece, Placeholders
from kubeagentix.anonymizing.streams import Restoring

KNOWN = {
    "web": "deploy",
    "checkout": "deploy",
    "orders": "ns",
    "ledger-db": "sts",
    "error": "ns",
    "a": "pod",
    "42": "ns",
}
PARTS = (
    *(
        "ns",
        "k1",
        "k2",
        "K1",
        "NS",
        "deploy",
        "domain",
        "example",
        "com",
        "web",
        "checkout",
        "orders",
        "error",
        "a",
        "42",
    ),
    *(
        "10.0.0.1",
        "10.0.0",
        "198.18.0.1",
        "198.18",
        "240.0.0.1",
        "1",
        "2",
        "255",
        "127.0.0.1",
        "fe80::1",
        "2001:db8::1",
    ),
    *("::", "2001", "db8", "f", "e-0123456789", "ns-k1", "NS_K1", "Ns-k2", "domain-k1.example", "shop.example.com"),
    *("ledger-db", "LEDGER_DB", "name", "é", "_", "-", ".", " ", ":", "/", "@", "\n", "'", '"', "  "),
)
texts = st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=16).map("".join)


def table() -> Placeholders:
    names = Placeholders()
    for name, kind in KNOWN.items():
        names.add(name, Piece(name, kind))
    names.add("ns-k1", Piece("ns-k1", "ns"))  # somebody's namespace is called as a placeholder is
    names.add("example.com", Piece("example.com", "domain"))
    names.add("shop.example.com", Piece("shop", "host"), Piece("."), Piece("example.com", "domain"))
    names.add("LEDGER_DB", Piece("LEDGER_DB", "sts"))
    names.add("orders/checkout", Piece("orders", "ns"), Piece("/"), Piece("checkout", "deploy"))
    return names


@settings(max_examples=400, deadline=None)
@given(texts, texts)
def test_any_text_comes_back_as_it_was(first: str, second: str) -> None:
    names = table()
    hidden = [names.hide(text) for text in (first, second)]
    assert [names.restore(text) for text in hidden] == [first, second]
    assert [names.hide(text) for text in (first, second)] == hidden


@settings(max_examples=400, deadline=None)
@given(texts, st.integers())
def test_any_split_of_a_stream_is_restored_as_the_whole(text: str, seed: int) -> None:
    names, pick = table(), random.Random(seed)
    for whole in (names.hide(text), text):
        stream, told, at = Restoring(names), "", 0
        while at < len(whole):
            end = at + pick.randint(1, 5)
            told, at = told + stream.feed(whole[at:end]), end
        assert told + stream.finish() == names.restore(whole)


@settings(max_examples=200, deadline=None)
@given(texts)
def test_a_name_that_is_no_word_stands_nowhere_any_more(text: str) -> None:
    for name in ("checkout", "ledger-db", "orders"):
        assert not re.search(rf"(?<![^\W_]){name}(?![^\W_])", table().hide(text))


def test_only_what_may_be_a_placeholder_is_held_back() -> None:
    names = table()
    hidden = names.hide("checkout")
    stream = Restoring(names)
    told = [stream.feed(piece) for piece in ("The pod of ", hidden[:3], hidden[3:], " is down", " in de", "fault.")]
    assert told == ["The pod of ", "", "", "checkout is down", " in ", "default."]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("checkout in orders", "deploy-k1 in ns-k1"),
        ("Deployment orders/checkout", "Deployment ns-k1/deploy-k1"),
        ("checkout-5c7d9f8b6b-x2x4z", "deploy-k1-5c7d9f8b6b-x2x4z"),
        ("kubectl -n orders logs deploy/checkout", "kubectl -n ns-k1 logs deploy/deploy-k1"),
        ("http://checkout.orders.svc.cluster.local:80/", "http://deploy-k1.ns-k1.svc.cluster.local:80/"),
        (
            "https://shop.example.com/cart and *.example.com",
            "https://host-k1.domain-k1.example/cart and *.domain-k1.example",
        ),
        ("LEDGER_DB_SERVICE_HOST of ledger-db", "STS_K1_SERVICE_HOST of sts-k1"),
        ("10.244.1.7 and 10.244.1.8, 10.96.0.10:53", "198.18.0.7 and 198.18.0.8, 198.18.1.10:53"),
        ("127.0.0.1:80 0.0.0.0/0 169.254.169.254", "127.0.0.1:80 0.0.0.0/0 169.254.169.254"),
        ("[fe80::1]:80 at 12:30:45", "[2001:db8::1]:80 at 12:30:45"),
        ("checkouts, recheckout, checkout_v2", "checkouts, recheckout, deploy-k1_v2"),
        ("kube-system/coredns", "kube-system/coredns"),
        ("evidence e-0a1b2c3d4e", "evidence e-0a1b2c3d4e"),
    ],
)
def test_what_is_hidden_keeps_its_form(text: str, hidden: str) -> None:
    names = table()
    assert names.hide(text) == hidden
    assert names.restore(hidden) == text


@pytest.mark.parametrize(
    "text",
    [
        *("namespace error", "Namespace/error", "-n error", "--namespace=error", "error/checkout", "deploy/error"),
        *("name: error", '"namespace": "error"', "NAMESPACE  NAME\nerror      x", "Pod checkout.error.svc", "'error'"),
        *("pod a", "Pod orders/a", "namespace 42", "checkout.error", "host=error", "error.svc:80", "http://error:8080"),
        "ResourceQuota error",
    ],
)
def test_an_ordinary_word_is_hidden_where_it_stands_as_a_name(text: str) -> None:
    hidden = table().hide(text)
    assert not {"error", "a", "42"} & {*re.findall(r"\w+", hidden)}, hidden


@pytest.mark.parametrize(
    "text",
    [
        *(
            "an error occurred",
            "ERROR: error in line 42",
            "a pod failed",
            '{"error": true}',
            "error: connection refused",
        ),
        *("level=error msg=x", "42 restarts", "Error from server"),
    ],
)
def test_an_ordinary_word_is_left_where_it_is_one(text: str) -> None:
    assert table().hide(text) == text


def test_time_grows_with_the_text_and_not_with_the_names() -> None:
    def seconds(count: int, size: int) -> float:
        names = Placeholders()
        for number in range(count):
            names.add(f"service-{number}-api", Piece(f"service-{number}-api", "svc"))
        text = "GET /healthz of service-7-api at 10.0.0.1: connection refused\n" * size
        runs = []
        for _ in range(3):
            begun = time.process_time()
            names.hide(text)
            runs.append(time.process_time() - begun)
        return min(runs)

    base = seconds(10, 2_000)
    assert seconds(10_000, 2_000) < 3 * base
    assert seconds(10, 8_000) < 10 * base
