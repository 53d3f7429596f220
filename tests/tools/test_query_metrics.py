"""PromQL through a URL and through the API server's Service proxy, against servers on loopback."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

import kubeagentix as kx
from kubeagentix import sync
from kubeagentix.errors import ConfigurationError, NotFoundError, UnreachableError, UsageError
from kubeagentix.testing import snapshot_of
from tests.tools.lab import Lab

VECTOR = {
    "resultType": "vector",
    "result": [
        {"metric": {"__name__": "up", "pod": "web-1", "namespace": "shop"}, "value": [1.0, "0"]},
        {"metric": {"__name__": "up", "pod": "web-2", "namespace": "shop"}, "value": [1.0, "1"]},
    ],
}
MATRIX = {
    "resultType": "matrix",
    "result": [{"metric": {"node": "worker-1"}, "values": [[1.0, "1"], [2.0, "5"], [3.0, "3"]]}],
}
SERVICES = [
    {"metadata": {"name": "prometheus-operator", "namespace": "monitoring"}, "spec": {"ports": [{"port": 8080}]}},
    {"metadata": {"name": "alertmanager", "namespace": "monitoring", "labels": {"app": "prometheus"}}, "spec": {}},
    {
        "metadata": {
            "name": "kube-prometheus-stack-prometheus",
            "namespace": "monitoring",
            "labels": {"app.kubernetes.io/name": "prometheus"},
        },
        "spec": {"ports": [{"name": "reloader-web", "port": 8081}, {"name": "http-web", "port": 9090}]},
    },
]


@dataclass
class Server:
    """Answers like Prometheus under any prefix, and like an API server besides; records what it is asked."""

    url: str = ""
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path
        self.asked.append((path, dict(request.query), request.headers.get("Authorization", "")))
        if path.endswith("/api/v1/query"):
            return self.query(request.query["query"])
        if path.endswith("/api/v1/query_range"):
            return web.json_response({"status": "success", "data": MATRIX})
        documents: dict[str, Any] = {
            "/version": {"gitVersion": "v1.34.0"},
            "/apis": {"groups": []},
            "/api/v1/services": {"items": SERVICES, "metadata": {}},
        }
        return web.json_response(documents.get(path, {"message": "gone"}), status=200 if path in documents else 404)

    def query(self, text: str) -> web.Response:
        if text == "bad(":
            return web.json_response({"status": "error", "error": "parse error: unclosed left parenthesis"}, status=400)
        if text == "login":
            return web.Response(text="<html>", content_type="text/html")
        data = {"none": {"resultType": "vector", "result": []}, "1": {"resultType": "scalar", "result": [1, "1"]}}
        return web.json_response({"status": "success", "data": data.get(text, VECTOR)})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = Server()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", found.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = sync.run(start())
    yield found
    sync.run(runner.cleanup())


@pytest.fixture
def by_url(server: Server) -> Lab:
    return Lab(snapshot_of(), environ={"KUBEAGENTIX_PROMETHEUS_URL": server.url})


@pytest.fixture
def by_proxy(server: Server, tmp_path: Path) -> Lab:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    lab = Lab(kx.connect(kubeconfig=path), environ={})
    kx.use(None)
    return lab


def test_a_value_per_series_with_the_object_it_is_of(by_url: Lab, server: Server) -> None:
    output = by_url.call("query_metrics", query="up")
    assert output.text.splitlines()[1].startswith("up{pod=web-2, namespace=shop} 1 [e-")
    assert [str(item.ref) for item in output.evidence] == ["Pod shop/web-2", "Pod shop/web-1"]
    assert {item.source for item in output.evidence} == {"metric"}
    assert server.asked[-1][:2] == ("/api/v1/query", {"query": "up"})


def test_a_span_of_time_is_told_by_its_figures(by_url: Lab, server: Server) -> None:
    text = by_url.text("query_metrics", query="load", since="1h")
    assert "1 series over the last 1h:" in text
    assert "{node=worker-1} last 3, first 1, min 1, mean 3, max 5" in text
    asked = server.asked[-1][1]
    assert asked["step"] == "60s"
    assert float(asked["end"]) - float(asked["start"]) == 3600


def test_numbers_nothing_and_limits(by_url: Lab) -> None:
    assert "{} 1" in by_url.text("query_metrics", query="1")
    assert by_url.text("query_metrics", query="none").startswith("no series at http://127.0.0.1")
    assert "(1 more, with smaller values)" in by_url.text("query_metrics", query="up", limit=1)


def test_the_clusters_own_is_found_and_asked_through_the_api_server(by_proxy: Lab, server: Server) -> None:
    text = by_proxy.text("query_metrics", query="up")
    assert text.startswith("Service monitoring/kube-prometheus-stack-prometheus:9090, 2 series:")
    place = "/api/v1/namespaces/monitoring/services/kube-prometheus-stack-prometheus:9090/proxy"
    assert server.asked[-1][0] == f"{place}/api/v1/query"


@pytest.mark.parametrize("how", ["by_url", "by_proxy"])
def test_a_query_that_is_refused_is_told(how: str, request: pytest.FixtureRequest) -> None:
    lab: Lab = request.getfixturevalue(how)
    with pytest.raises(UsageError, match=r"refuses the query: .*parse error"):
        lab.call("query_metrics", query="bad(")


def test_a_credential_in_the_url_is_sent_and_never_told(server: Server) -> None:
    url = server.url.replace("http://", "http://me:hush-hush@")
    lab = Lab(snapshot_of(), environ={"KUBEAGENTIX_PROMETHEUS_URL": url})
    assert "hush" not in lab.text("query_metrics", query="up")
    assert server.asked[-1][2] == f"Basic {base64.b64encode(b'me:hush-hush').decode()}"
    with pytest.raises(kx.KubeAgentiXError) as caught:
        lab.call("query_metrics", query="login")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "error", "message"),
    [
        ({"KUBEAGENTIX_PROMETHEUS_URL": "prometheus"}, ConfigurationError, "prometheus_url is no URL"),
        (
            {"KUBEAGENTIX_PROMETHEUS_URL": "http://127.0.0.1:9"},
            UnreachableError,
            "cannot reach Prometheus at http://127",
        ),
        ({}, UsageError, "query_metrics needs a live cluster"),
    ],
)
def test_what_cannot_be_asked_is_told(environ: dict[str, str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Lab(snapshot_of(), environ=environ).call("query_metrics", query="up")


def test_a_cluster_without_prometheus() -> None:
    with kx.demo("healthy-web") as demo, pytest.raises(NotFoundError, match="set KUBEAGENTIX_PROMETHEUS_URL"):
        Lab(demo.cluster, environ={}).call("query_metrics", query="up")
