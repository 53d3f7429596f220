"""The bridges of a kubeconfig: one for each loopback endpoint of the host that does not answer here by itself.

What answers here already (`--network host`) is left alone, as is everything where the host's network is ours: a
bridge would take the port from the cluster. Whether a bridge leads to a cluster is looked at beside the command, and
again until it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from kubeagentix.container.answering import Answer, Kind, ask
from kubeagentix.container.bridge import Bridge
from kubeagentix.container.endpoints import Endpoint, local_endpoints, move
from kubeagentix.container.gateways import Gateway
from kubeagentix.container.kubeconfigs import Merged
from kubeagentix.container.listening import choose
from kubeagentix.container.notes import Note, listed, problem

FIRST_LOOK_S, LAST_LOOK_S = 1.0, 30.0  # between two looks at what does not answer yet
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
        for endpoint in local_endpoints(self.merged):
            route = Route(endpoint)
            self.routes.append(route)
            route.answer = self._here(endpoint)
            if route.answer.kind is Kind.CLUSTER or self._is_own_proxy(route):
                self.tell(Note(f"{_named(endpoint)} answers here; no bridge is needed"))
            elif self._has_a_way(route):
                self._open(route, reserved)

    def watch(self) -> None:
        """Begins to look whether they answer, in a thread."""
        threading.Thread(target=self._look, name="bridges", daemon=True).start()

    def close(self) -> None:
        """Ends all of them."""
        self._ended.set()
        for route in self.routes:
            if route.bridge is not None:
                route.bridge.stop()

    def _here(self, endpoint: Endpoint) -> Answer:
        return self._ask((endpoint.address, endpoint.port), endpoint)

    def _there(self, endpoint: Endpoint) -> Answer:
        assert self.gateway is not None
        return self._ask((self.gateway.name, endpoint.port), endpoint)

    def _ask(self, place: tuple[str, int], endpoint: Endpoint) -> Answer:
        """The best answer for any of its clusters: one kubeconfig may be of an older cluster at this address."""
        answer = Answer(Kind.NOTHING)
        for use in endpoint.uses:
            answer = ask(place, use, self.merged.clusters[use.cluster])
            if answer.kind not in (Kind.UNTRUSTED, Kind.OTHER):
                break
        return answer

    def _is_own_proxy(self, route: Route) -> bool:
        """Whether this is a proxy of the host whose network is ours; else whatever listens here is another one."""
        is_host = self.gateway is None or self.gateway.is_this_machine
        return is_host and route.endpoint.uses[0].is_proxy and route.answer == Answer(Kind.OTHER)

    def _has_a_way(self, route: Route) -> bool:
        """Whether a bridge is to be tried."""
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
        if here.kind is Kind.UNTRUSTED and self._there(endpoint).kind is not Kind.CLUSTER:
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
        waiting = [route for route in self.routes if route.bridge is not None]
        while waiting:
            for route in waiting:
                self._look_at(route)
            waiting = [route for route in waiting if route.answer is None or not route.answer.is_from_afar]
            self.changed()
            if not waiting or self._ended.wait(pause_s):
                return
            pause_s = min(pause_s * 2, LAST_LOOK_S)

    def _look_at(self, route: Route) -> None:
        assert route.bridge is not None
        before, place = route.answer, (route.bridge.listening.address, route.bridge.listening.port)
        answer = self._ask(place, route.endpoint)
        if route.endpoint.uses[0].is_proxy or not answer.is_from_afar:
            answer = self._there(route.endpoint)  # through the bridge, what fails is only closed
        route.answer = answer
        if self._ended.is_set():
            return
        if before is None or before.kind is not answer.kind:
            self.tell(_outcome(route, route.bridge, answer))


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


def _named(endpoint: Endpoint) -> str:
    contexts = endpoint.contexts
    of = (
        f"context {contexts[0]}" if len(contexts) == 1 else f"contexts {listed(contexts)}" if contexts else "no context"
    )
    return f"{endpoint.name} ({of})"
