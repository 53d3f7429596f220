"""Bridges: real socat, real kubectl, real API servers over TLS on another loopback address."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kubeagentix.container import listening
from kubeagentix.container.answering import Answer, Kind
from kubeagentix.container.bridges import Bridges, Route
from kubeagentix.container.endpoints import Endpoint, Use, local_endpoints
from kubeagentix.container.gateways import Gateway
from kubeagentix.container.kubeconfigs import read_kubeconfigs
from kubeagentix.container.listening import choose
from kubeagentix.container.notes import Note
from kubeagentix.container.places import Homes, sources
from tests.another_user import as_another

from .conftest import HOST, Box, Serve, config, free_port, kubectl, socats, wait_for

ASK = "import asyncio, kubeagentix as kx; print(asyncio.run(kx.connect().get_json('/version'))['gitVersion'])"


class _Version(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"gitVersion": "v1.37.0"}' if self.path == "/version" else b"")

    def log_message(self, *_: object) -> None:
        pass


def _asks(box: Box) -> None:
    assert "namespace/default" in box.run("kubectl", "get", "namespaces", "-o", "name")


def _asks_by_both(box: Box) -> None:
    _asks(box)
    assert box.run(sys.executable, "-c", ASK).startswith("v1.")


@pytest.mark.parametrize(
    "server", ["https://127.0.0.1:PORT", "https://localhost:PORT", "https://LOCALHOST:PORT/", "https://[::1]:PORT"]
)
def test_a_loopback_endpoint_is_reached_under_its_own_name(box: Box, serve: Serve, server: str) -> None:
    api = serve()
    box.write(config({"dev": api.cluster(server)}))
    (_asks_by_both if "::" in server else _asks)(box)
    assert box.clusters()["dev"]["server"] == server.replace("PORT", str(api.port))
    assert "tls-server-name" not in box.clusters()["dev"]


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.53"])
def test_other_addresses_of_loopback_are_reached(box: Box, serve: Serve, address: str) -> None:
    api = serve(name=address)
    box.write(config({"dev": api.cluster(f"https://{address}:PORT")}))
    _asks(box)
    assert box.clusters()["dev"]["server"] == f"https://{address}:{api.port}"


def test_a_host_that_is_reached_by_ipv6_is_one_too(box: Box, serve: Serve) -> None:
    api = serve(address="::1")
    box.environ["KUBEAGENTIX_HOST_GATEWAY"] = "::1"
    box.write(config({"dev": api.cluster("https://127.0.0.1:PORT")}))
    _asks(box)


def test_the_name_of_docker_desktop_is_reached_at_loopback(box: Box, serve: Serve) -> None:
    api = serve(name="kubernetes.docker.internal")
    box.write(config({"docker-desktop": api.cluster("https://kubernetes.docker.internal:PORT")}))
    _asks_by_both(box)
    cluster = box.clusters()["docker-desktop"]
    assert cluster["server"] == f"https://127.0.0.1:{api.port}"
    assert cluster["tls-server-name"] == "kubernetes.docker.internal"


def test_several_contexts_in_several_files_each_get_their_bridge(box: Box, serve: Serve) -> None:
    one, two = serve(), serve()
    first = box.write(config({"one": one.cluster("https://127.0.0.1:PORT")}), "one")
    second = box.write(
        config({"two": two.cluster("https://localhost:PORT"), "same": two.cluster("https://127.0.0.1:PORT")}), "two"
    )
    box.environ["KUBECONFIG"] = f"{first}:{second}"
    with box.ready():
        for context in ("one", "two", "same"):
            assert "default" in kubectl(box.kubeconfig, "--context", context, "get", "ns")
        wait_for(box.said(f"127.0.0.1:{one.port} (context one) leads to {HOST}:{one.port}, which answers"), "one")
        wait_for(box.said(f"127.0.0.1:{two.port} (contexts two, same) leads to {HOST}:{two.port}"), "two")


def _endpoint(address: str, port: int, host: str) -> Endpoint:
    return Endpoint(address, port, (Use("dev", host, "https", ("dev",)),))


def test_a_port_that_needs_a_privilege_is_reached_at_another_one() -> None:
    first_free = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    port = first_free - 1
    with as_another():
        found = choose(_endpoint("127.0.0.1", port, "127.0.0.1"), ())
    assert found.port != port
    assert found.why_moved == f"port {port} needs a privilege"


def test_an_address_that_the_container_has_not_is_reached_at_loopback() -> None:
    found = choose(_endpoint("2001:db8::1", free_port(), "2001:db8::1"), ())
    assert (found.address, found.why_moved) == ("127.0.0.1", "the container has no 2001:db8::1")


def test_localhost_is_taken_where_somebody_listens_at_its_other_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "addresses_of", lambda _: ["127.0.0.1", "::1"])  # not in everybody's hosts file
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as foreign:
        port = foreign.getsockname()[1]
        assert choose(_endpoint("127.0.0.1", port, "127.0.0.1"), ()).port == port
        assert choose(_endpoint("127.0.0.1", port, "localhost"), ()).port != port


def test_the_usual_port_is_meant_where_a_server_names_none(box: Box) -> None:
    box.write(config({"dev": {"server": "https://127.0.0.1"}}))
    with box.ready():
        wait_for(box.said(f"leads to {HOST}:443, where no cluster answers: connection refused"), "the line")
        assert box.state()["bridges"][0]["endpoint"] == "127.0.0.1:443"


def test_a_port_taken_in_the_container_is_not_mistaken_for_the_cluster(box: Box, serve: Serve) -> None:
    api = serve()
    box.write(config({"dev": api.cluster("https://localhost:PORT")}))
    with ThreadingHTTPServer(("127.0.0.1", api.port), _Version) as foreign:  # speaks no TLS
        threading.Thread(target=foreign.serve_forever, daemon=True).start()
        _asks_by_both(box)
        foreign.shutdown()
    assert box.clusters()["dev"]["tls-server-name"] == "localhost"
    assert box.clusters()["dev"]["server"] != f"https://localhost:{api.port}"


def test_the_port_that_the_command_listens_on_is_left_to_it(box: Box, serve: Serve) -> None:
    api = serve()
    box.write(config({"dev": api.cluster("https://127.0.0.1:PORT")}))
    taker = "import socket, subprocess, sys; socket.create_server(('127.0.0.1', int(sys.argv[2]))); "
    taker += "print(subprocess.check_output(['kubectl', 'get', 'ns', '-o', 'name'], text=True))"
    assert "namespace/default" in box.run(sys.executable, "-c", taker, "--port", str(api.port))


def test_what_answers_here_already_needs_no_bridge(box: Box, serve: Serve) -> None:
    api = serve(address="127.0.0.1")
    box.write(config({"dev": api.cluster("https://127.0.0.1:PORT")}))
    assert "namespace/default" in box.run("kubectl", "get", "ns", "-o", "name")
    assert f"127.0.0.1:{api.port} (context dev) answers here; no bridge is needed" in box.lines


def test_a_bridge_that_is_killed_is_started_again(box: Box, serve: Serve) -> None:
    api = serve()
    box.write(config({"dev": api.cluster("https://127.0.0.1:PORT")}))
    with box.ready():
        for times in (1, 2):
            os.kill(box.state()["bridges"][0]["pid"], signal.SIGKILL)
            wait_for(lambda t=times: box.lines.count("was ended by signal 9 and was started again") == t, "the line")  # type: ignore[misc]
            wait_for(lambda t=times: box.state()["bridges"][0]["restarts"] == t, "the state")  # type: ignore[misc]
            assert "default" in kubectl(box.kubeconfig, "get", "ns")


def test_a_cluster_that_comes_later_is_reached_without_a_restart(box: Box, serve: Serve) -> None:
    absent, port = serve(), free_port()
    cluster = {**absent.cluster("x"), "server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    del cluster["certificate-authority-data"]
    box.write(config({"late": cluster}))
    with box.ready():
        refused = f"leads to {HOST}:{port}, where no cluster answers: connection refused; is it running? on Linux, "
        wait_for(box.said(refused), "the line")
        assert "compose.host.yaml" in box.lines
        assert box.state()["bridges"][0]["answer"] == "nothing"
        serve(port=port)
        wait_for(box.said(f"leads to {HOST}:{port}, which answers"), "the other line")
        assert "default" in kubectl(box.kubeconfig, "get", "ns")
        wait_for(lambda: box.state()["bridges"][0]["answer"] == "cluster", "the state")


def test_a_cluster_that_was_made_anew_is_told_by_its_certificate(box: Box, serve: Serve) -> None:
    old, new = serve(), serve()
    stale = {**old.cluster("x"), "server": f"https://127.0.0.1:{new.port}"}
    box.write(config({"kind-dev": stale}))
    with box.ready():
        wait_for(box.said("which answers with a certificate that is not trusted"), "the line")
        assert "the kubeconfig may be of an older cluster at this address; get a new one" in box.lines


def test_a_proxy_at_loopback_gets_the_bridge_not_the_server_behind_it(box: Box) -> None:
    port = free_port()
    box.write(config({"far": {"server": "https://127.0.0.1:1", "proxy-url": f"socks5://localhost:{port}"}}))
    with socket.create_server((HOST, port)), box.ready():
        wait_for(box.said(f"leads to {HOST}:{port}, which answers (a proxy)"), "the line")
        assert box.state()["bridges"][0]["endpoint"] == f"127.0.0.1:{port}"


def test_plain_http_is_bridged(box: Box) -> None:
    with ThreadingHTTPServer((HOST, 0), _Version) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        box.write(config({"kubectl-proxy": {"server": f"http://localhost:{server.server_port}"}}))
        with box.ready():
            wait_for(box.said(f"leads to {HOST}:{server.server_port}, which answers"), "the line")
        server.shutdown()


def test_what_is_no_api_server_is_told(box: Box) -> None:
    with ThreadingHTTPServer((HOST, 0), _Version) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        box.write(config({"dev": {"server": f"https://127.0.0.1:{server.server_port}"}}))
        with box.ready():
            wait_for(box.said("where something else answers: no TLS"), "the line")
        server.shutdown()


def test_the_host_without_a_name_is_told(box: Box, serve: Serve) -> None:
    api = serve()
    box.write(config({"dev": api.cluster("https://127.0.0.1:PORT")}))
    box.environ["KUBEAGENTIX_HOST_GATEWAY"] = "no-such-host.invalid"
    box.run("true")
    assert "KUBEAGENTIX_HOST_GATEWAY names no-such-host.invalid, which cannot be resolved" in box.lines
    assert "--add-host host.docker.internal:host-gateway" in box.lines


def test_on_the_hosts_own_network_a_port_is_left_to_the_cluster(box: Box) -> None:
    port, said = free_port(), list[Note]()
    box.write(config({"dev": {"server": f"https://127.0.0.1:{port}"}}))
    homes = Homes(box.home)
    merged = read_kubeconfigs(sources({}, homes), homes)
    bridges = Bridges(merged, Gateway("host.docker.internal", "192.0.2.1", is_this_machine=True), said.append)
    bridges.open()
    assert [route.bridge for route in bridges.routes] == [None]
    assert "does not answer as a cluster, on the host's own network: connection refused" in said[0].line


def test_without_socat_the_command_runs_and_the_endpoint_stays_as_it_was(box: Box, serve: Serve) -> None:
    api = serve()
    box.write(config({"dev": api.cluster("https://localhost:PORT")}))
    box.environ["PATH"] = "/nowhere"
    assert box.run(sys.executable, "-c", "print('ran')") == "ran\n"
    assert "socat cannot be started: No such file or directory" in box.lines
    assert box.clusters()["dev"]["server"] == f"https://localhost:{api.port}"


def test_bridges_can_be_switched_off(box: Box, serve: Serve) -> None:
    api = serve()
    box.write(config({"dev": api.cluster("https://127.0.0.1:PORT")}))
    box.environ["KUBEAGENTIX_PROXY_LOCALHOST_KUBECONFIG"] = "false"
    with box.ready():
        assert not socats(box)
        assert "refused" in kubectl(box.kubeconfig, "get", "ns", fails=True)


def test_the_state_is_told_to_whoever_asks(box: Box, serve: Serve) -> None:
    api = serve()
    path = box.write(config({"dev": api.cluster("https://127.0.0.1:PORT")}))
    with box.ready():
        wait_for(lambda: box.state()["bridges"][0]["answer"] == "cluster", "an answer")
        state = box.state()
        assert state["version"] == 1
        assert state["files"] == [str(path)]
        assert state["bridges"][0]["listens"] == f"127.0.0.1:{api.port}"
        assert state["bridges"][0]["leads_to"] == f"{HOST}:{api.port}"


def test_a_server_without_a_scheme_is_reached_as_kubectl_reaches_it(box: Box) -> None:
    with ThreadingHTTPServer((HOST, 0), _Version) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        box.write(config({"dev": {"server": f"localhost:{server.server_port}"}}))
        assert '"gitVersion": "v1.37.0"' in box.run("kubectl", "get", "--raw", "/version")
        server.shutdown()


@pytest.mark.parametrize("address", [HOST, "127.0.0.1"])
def test_a_name_with_a_dot_at_its_end_is_reached_without(box: Box, serve: Serve, address: str) -> None:
    api = serve(address=address)
    box.write(config({"dev": api.cluster("https://localhost.:PORT")}))
    _asks_by_both(box)
    assert box.clusters()["dev"]["server"] == f"https://127.0.0.1:{api.port}"
    assert box.clusters()["dev"]["tls-server-name"] == "localhost"


def test_those_that_stay_silent_are_asked_together_and_hold_nobody_up(box: Box) -> None:
    asked = threading.Event()
    with ExitStack() as stack:
        here = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(12)]
        ports = [server.getsockname()[1] for server in here]
        there = [stack.enter_context(socket.create_server((HOST, port))) for port in ports]
        box.write(config({f"c{port}": {"server": f"https://127.0.0.1:{port}"} for port in ports}))
        stack.enter_context(_all_at_once(there, asked))
        with box.ready():
            wait_for(asked.is_set, "questions to all of them at the same time")
            wait_for(lambda: {each["answer"] for each in box.state()["bridges"]} == {"closed"}, "the state of all")


@contextmanager
def _all_at_once(servers: list[socket.socket], asked: threading.Event) -> Iterator[None]:
    """Takes connections and answers none; tells when all servers hold an open one at the same time."""
    ended = threading.Event()

    def take() -> None:
        with selectors.DefaultSelector() as selector:
            held: dict[socket.socket, socket.socket] = {}  # a connection by its server
            for server in servers:
                selector.register(server, selectors.EVENT_READ)
            while not ended.is_set():
                for key, _ in selector.select(0.05):
                    held[key.fileobj] = key.fileobj.accept()[0]  # type: ignore[union-attr, index]
                open_ones = [server for server, taken in held.items() if not _is_closed(taken)]
                if len(open_ones) == len(servers):
                    asked.set()
            for taken in held.values():
                taken.close()

    thread = threading.Thread(target=take)
    thread.start()
    yield
    ended.set()
    thread.join()


def _is_closed(taken: socket.socket) -> bool:
    taken.setblocking(False)
    try:
        while taken.recv(1 << 14):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def test_on_the_hosts_own_network_a_silent_one_is_looked_at_again(box: Box, serve: Serve) -> None:
    api, said = serve(address="127.0.0.1"), list[Note]()
    box.write(config({"dev": api.cluster("https://127.0.0.1:PORT")}))
    homes = Homes(box.home)
    merged = read_kubeconfigs(sources({}, homes), homes)
    bridges = Bridges(merged, Gateway("host.docker.internal", "192.0.2.1", is_this_machine=True), said.append)
    (endpoint,) = local_endpoints(merged)
    bridges.routes = [Route(endpoint, answer=Answer(Kind.CLOSED, "no answer in time"))]
    bridges.watch()
    wait_for(lambda: said, "a second look")
    assert said[0].line.endswith("on the host's own network, answers now")
