"""How a program behaves once the kubelet has started it. Scenarios declare it; nothing of it is ever served.

A scenario does not write a pod's status. It says what its program needs (a variable, a reachable host, so much
memory), and the simulated kubelet finds out from the live objects what becomes of it. So a fault can be mended in
every way it could be mended in a real cluster, and comes back if it was not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from kubeagentix.demo.certificates import is_pair

Reach = Literal["ok", "refused", "no such host", "timeout"]


class Seen(Protocol):
    """What a running program can see of its surroundings."""

    @property
    def pod(self) -> Mapping[str, Any]:
        """The pod it runs in."""
        ...

    @property
    def image(self) -> str:
        """The image it was started from."""
        ...

    @property
    def env(self) -> Mapping[str, str]:
        """Its environment, with values taken from ConfigMaps and Secrets resolved."""
        ...

    def config(self, name: str) -> Mapping[str, str]:
        """The data of a ConfigMap of its namespace; empty if there is none."""
        ...

    def secret(self, name: str) -> Mapping[str, bytes]:
        """The data of a Secret of its namespace; empty if there is none."""
        ...

    def reach(self, host: str, port: int) -> Reach:
        """What a connection to a Service (`name` or `name.namespace`) comes to."""
        ...

    def may(self, verb: str, resource: str, group: str = "") -> bool:
        """Whether its pod's ServiceAccount may do that in its namespace."""
        ...

    @property
    def has_name_server(self) -> bool:
        """Whether the cluster's DNS answers it."""
        ...


Condition = Callable[[Seen], bool]


def always(_: Seen) -> bool:
    """The condition of a fault that nothing in the cluster can mend."""
    return True


def lacks_env(name: str) -> Condition:
    """True while the variable is unset or empty."""
    return lambda seen: not seen.env.get(name)


def env_holds(name: str, text: str) -> Condition:
    """True while the variable's value contains that text."""
    return lambda seen: text in seen.env.get(name, "")


def cannot_reach(host: str, port: int, how: Reach | None = None) -> Condition:
    """True while a connection to a Service does not succeed (or fails in just that way)."""
    return lambda seen: seen.reach(host, port) != "ok" if how is None else seen.reach(host, port) == how


def may_not(verb: str, resource: str, group: str = "") -> Condition:
    """True while its ServiceAccount lacks that right in its namespace."""
    return lambda seen: not seen.may(verb, resource, group)


def cannot_resolve() -> Condition:
    """True while the cluster's DNS does not answer: it is down, or a policy keeps the pod from it."""
    return lambda seen: not seen.has_name_server


def key_does_not_fit(secret: str) -> Condition:
    """True while a TLS Secret's key is not that of its certificate."""
    return lambda seen: not is_pair(*(seen.secret(secret).get(key, b"") for key in ("tls.crt", "tls.key")))


def runs_image(tag: str) -> Condition:
    """True while the container's image ends in that text."""
    return lambda seen: seen.image.endswith(tag)


def is_ordinal(number: int) -> Condition:
    """True in that pod of a StatefulSet."""
    return lambda seen: str(seen.pod["metadata"]["name"]).endswith(f"-{number}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a program does `when` a condition holds.

    It ends with `code` after `run_s` seconds, or, if `code` is None, runs on, saying `log`, and answers its probes
    with `status`.
    """

    when: Condition = always
    code: int | None = 1
    log: tuple[str, ...] = ()
    run_s: int = 2
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A program: where it listens, what it answers, what it needs, and what it writes to its log.

    `commands` are the programs its image holds (empty: any command is found); `listens` the ports (empty: all);
    `answers` the HTTP status by path, where it is not 200.
    """

    log: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    listens: tuple[int, ...] = ()
    answers: Mapping[str, int] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    memory: str = "48Mi"  # its working set
    cpu: str = "12m"
    disk: str = "8Mi"  # what it writes outside of volumes
    takes_s: int = 20  # how long it runs, where it is to finish or before it outgrows its memory


ANY_APP = App()


def with_address(app: App, address: str) -> App:
    """The same program, with `ADDRESS` in what it says of failures replaced by a Service's address."""
    failures = (
        replace(failure, log=tuple(line.replace("ADDRESS", address) for line in failure.log))
        for failure in app.failures
    )
    return replace(app, failures=tuple(failures))
