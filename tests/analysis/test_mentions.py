from __future__ import annotations

import pytest

from kubeagentix.analysis.mentions import endpoint_in, is_address, path_in, port_in, user_in


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("amqp://guest:secret@mq:5672/vhost", "mq:5672"),
        ("cannot reach 10.0.0.1:80 (cache:6379)", "cache:6379"),
        ("cannot reach 10.0.0.1:80", "10.0.0.1:80"),
        ("http://[fd00::1]:8080/x", "[fd00::1]:8080"),
        ("main.go:12: failed", ""),
        ("at 12:34 it failed", ""),
        ("nothing here", ""),
    ],
)
def test_the_other_end_is_found_by_name_rather_than_by_address(text: str, endpoint: str) -> None:
    assert endpoint_in(text) == endpoint


def test_a_password_in_a_url_is_not_part_of_the_endpoint() -> None:
    assert "secret" not in endpoint_in("redis://:secret@cache:6379/0 refused")


def test_the_path_before_the_error_is_the_one_it_is_about() -> None:
    text = "/bin/sh: 1: cannot create /var/data/x: Permission denied"
    assert path_in(text, text.index("Permission")) == "/var/data/x"


def test_ports_and_users_are_named_in_words() -> None:
    assert port_in("listen EADDRINUSE: address already in use :::3000") == "port 3000"
    assert port_in("no port here") == ""
    assert user_in('role "web" does not exist') == "user web"
    assert user_in("somebody") == ""


def test_an_address_is_told_from_a_name() -> None:
    assert is_address("10.0.0.1:80")
    assert not is_address("cache:6379")


def test_a_path_within_which_the_error_begins_is_taken_whole() -> None:
    text = "panic: parse /etc/conf/config.json: invalid character"
    assert path_in(text, text.index("config.json")) == "/etc/conf/config.json"
    assert path_in("invalid /a, then /b", 0) == "/a"
    assert path_in("/a and /b are invalid", 18) == "/b"
