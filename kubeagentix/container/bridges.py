"""The bridges of a kubeconfig: one for each loopback endpoint of the host that does not answer here by itself.

What answers here already (`--network host`) is left alone, as is everything where the host's network is ours: a
bridge would take the port from the cluster. Whether a bridge leads to a cluster is looked at beside the command, and
again until it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from kubeagentix.container.answering import TIMEOUT_S, Answer, Kind, ask
from kubeagentix.container.bridge import Bridge
from kubeagentix.container.endpoints import Endpoint, local_endpoints, move
from kubeagentix.container.gateways import Gateway
from kubeagentix.container.kubeconfigs import Merged
from kubeagentix.container.listening import choose
from kubeagentix.container.notes import Note, listed, problem
from kubeagentix.container.together import together

FIRST_LOOK_S, LAST_LOOK_S = 1.0, 30.0  # between two looks at what does not answer yet
START_S = 1.5  # for what answers in the container itself, while the command waits
LOOK_S = 3 * TIMEOUT_S  # for all that is looked at together, each by its bridge and beside it
_SILENT = Answer(Kind.CLOSED, "no answer in time")
HOST_NETWORK = "on Linux, for a cluster that listens on 127.0.0.1 only: `-f compose.yaml -f compose.host.yaml`"
NAME_THE_HOST = "start with `--add-host host.docker.internal:host-gateway`, as compose.yaml does"


@dataclass(slots=True)
class Route:
    """How an endpoint is reached: by a bridge, or directly (`bridge` None); what answered last, if it was looked at."""

    endpoint: Endpoint
    bridge: Bridge | None = None
    answer: Answer | None = None


@dataclass(slots=True)
class Bridges:
    """All of them. `tell` gets a line of what was done, and `changed` is called after each change."""

    merged: Merged
    gateway: Gateway | None
    tell: Callable[[Note], None]
    changed: Callable[[], None] = lambda: None
    routes: list[Route] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def open(self, reserved: Collection[int] = ()) -> None:
        """Starts the bridges and changes the clusters in `merged` that are reached otherwise than they say."""
        self.routes = [Route(endpoint) for endpoint in local_endpoints(self.merged)]
        questions = [partial(self._first_look, route.endpoint) for route in self.routes]
        seen = together(questions, within_s=2 * START_S + 1, unknown=(_SILENT, False))
        for route, (answer, is_there) in zip(self.routes, seen, strict=True):
            route.answer = answer
            if answer.kind is Kind.CLUSTER or self._is_own_proxy(route):
                self._tell_direct(route)
            elif self._has_a_way(route, is_there=is_there):
                self._open(route, reserved)

    def _first_look(self, endpoint: Endpoint) -> tuple[Answer, bool]:
        """What answers here, and whether it is another cluster than that of the host."""
        answer = self._here(endpoint, START_S)
        is_other = answer.kind is Kind.UNTRUSTED and self.gateway is not None and not self.gateway.is_this_machine
        return answer, is_other and self._there(endpoint, START_S).kind is Kind.CLUSTER

    def _tell_direct(self, route: Route) -> None:
        endpoint = route.endpoint
        move(self.merged, endpoint, endpoint.address, endpoint.port)
        self.tell(Note(f"{_named(endpoint)} answers here; no bridge is needed"))

    def watch(self) -> None:
        """Begins to look whether they answer, in a thread."""
        threading.Thread(target=self._look, name="bridges", daemon=True).start()

    def close(self) -> None:
        """Ends all of them."""
        self._ended.set()
        for route in self.routes:
            if route.bridge is not None:
                route.bridge.stop()

    def _here(self, endpoint: Endpoint, timeout_s: float = TIMEOUT_S) -> Answer:
        return self._ask((endpoint.address, endpoint.port), endpoint, timeout_s)

    def _there(self, endpoint: Endpoint, timeout_s: float = TIMEOUT_S) -> Answer:
        assert self.gateway is not None
        return self._ask((self.gateway.name, endpoint.port), endpoint, timeout_s)

    def _ask(self, place: tuple[str, int], endpoint: Endpoint, timeout_s: float = TIMEOUT_S) -> Answer:
        """The best answer for any of its clusters: one kubeconfig may be of an older cluster at this address."""
        answer = Answer(Kind.NOTHING)
        for use in endpoint.uses:
            answer = ask(place, use, self.merged.clusters[use.cluster], timeout_s=timeout_s)
            if answer.kind not in (Kind.UNTRUSTED, Kind.OTHER):
                break
        return answer

    def _is_own_proxy(self, route: Route) -> bool:
        """Whether this is a proxy of the host whose network is ours; else whatever listens here is another one."""
        is_host = self.gateway is None or self.gateway.is_this_machine
        return is_host and route.endpoint.uses[0].is_proxy and route.answer == Answer(Kind.OTHER)

    def _has_a_way(self, route: Route, *, is_there: bool) -> bool:
        """Whether a bridge is to be tried; `is_there`: the host has another cluster than answers here."""
        endpoint, here = route.endpoint, route.answer
        assert here is not None
        if self.gateway is None:
            text = f"no bridge for {_named(endpoint)}: the host has no name in this container"
            self.tell(problem(text, NAME_THE_HOST))
            return False
        if self.gateway.is_this_machine:
            text = f"{_named(endpoint)} does not answer as a cluster, on the host's own network: {here.why}"
            self.tell(problem(text, "is the cluster running?"))
            return False
        if here.kind is Kind.UNTRUSTED and not is_there:
            text = f"{_named(endpoint)} answers here with a certificate that is not trusted: {here.why}"
            self.tell(problem(text, "the kubeconfig may be of an older cluster at this address; get a new one"))
            return False
        return True

    def _open(self, route: Route, reserved: Collection[int]) -> None:
        assert self.gateway is not None
        endpoint = route.endpoint
        route.answer = None
        try:
            listening = choose(endpoint, reserved)
            route.bridge = Bridge(listening, self.gateway, endpoint.port, self.tell_and_note)
            is_there = route.bridge.start()
        except OSError as error:
            route.bridge = None
            text = f"no bridge for {_named(endpoint)}: socat cannot be started: {error.strerror}"
            self.tell(problem(text, "the image has it; install it elsewhere"))
            return
        if not is_there:
            self.tell(problem(f"the bridge for {_named(endpoint)} does not listen yet", "it is tried again"))
        move(self.merged, endpoint, listening.address, listening.port)

    def tell_and_note(self, note: Note) -> None:
        """Tells what came later, and notes it."""
        self.tell(note)
        self.changed()

    def _look(self) -> None:
        pause_s = FIRST_LOOK_S
        waiting = [route for route in self.routes if route.bridge is not None or self._is_late(route)]
        while waiting:
            together([partial(self._look_at, route) for route in waiting], within_s=LOOK_S, unknown=None)
            waiting = [route for route in waiting if route.answer is None or not route.answer.is_from_afar]
            if not waiting or self._ended.wait(pause_s):
                return
            pause_s = min(pause_s * 2, LAST_LOOK_S)

    def _is_late(self, route: Route) -> bool:
        """Whether it is on the host's own network, and was silent as the command was waiting."""
        is_here = self.gateway is not None and self.gateway.is_this_machine
        return is_here and route.answer is not None and not route.answer.is_from_afar

    def _look_at(self, route: Route) -> None:
        before, bridge = route.answer, route.bridge
        if bridge is None:
            answer = self._here(route.endpoint)
        else:
            answer = self._ask((bridge.listening.address, bridge.listening.port), route.endpoint)
            if route.endpoint.uses[0].is_proxy or not answer.is_from_afar:
                answer = self._there(route.endpoint)  # through the bridge, what fails is only closed
        if self._ended.is_set():
            return
        route.answer = answer
        if before is None or before.kind is not answer.kind:
            self.tell(_outcome(route, bridge, answer) if bridge else _outcome_here(route, answer))
        if before != answer:
            self.changed()


def _outcome(route: Route, bridge: Bridge, answer: Answer) -> Note:
    moved = f" (at {bridge.place}, as {bridge.listening.why_moved})" if bridge.listening.why_moved else ""
    start = f"bridge: {_named(route.endpoint)}{moved} leads to {bridge.target}"
    match answer.kind:
        case Kind.CLUSTER:
            return Note(f"{start}, which answers")
        case Kind.UNTRUSTED:
            text = f"{start}, which answers with a certificate that is not trusted: {answer.why}"
            return problem(text, "the kubeconfig may be of an older cluster at this address; get a new one")
        case Kind.OTHER if route.endpoint.uses[0].is_proxy:
            return Note(f"{start}, which answers (a proxy)")
        case Kind.OTHER:
            return problem(f"{start}, where something else answers: {answer.why}", "is the cluster running there?")
        case _:
            text = f"{start}, where no cluster answers: {answer.why}"
            return problem(text, f"is it running? {HOST_NETWORK}; it is looked at again")


def _outcome_here(route: Route, answer: Answer) -> Note:
    start = f"{_named(route.endpoint)}, on the host's own network,"
    if answer.kind is Kind.CLUSTER:
        return Note(f"{start} answers now")
    return problem(f"{start} does not answer as a cluster: {answer.why}", "is the cluster running?")


def _named(endpoint: Endpoint) -> str:
    contexts = endpoint.contexts
    of = (
        f"context {contexts[0]}" if len(contexts) == 1 else f"contexts {listed(contexts)}" if contexts else "no context"
    )
    return f"{endpoint.name} ({of})"
