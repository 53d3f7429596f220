"""Asks Prometheus: the one that a setting names, or one in the cluster, through the API server's Service proxy."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from kubeagentix.cluster.connection import Cluster
from kubeagentix.domain.network import Service, ServicePort
from kubeagentix.domain.rights import EVERYWHERE, Right
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import ApiError, ConfigurationError, NotFoundError, UnreachableError, UsageError, excerpt

TIMEOUT_S = 20.0
MAX_BYTES = 16 << 20
# What charts and operators call a server that answers Prometheus' API, the best first.
# Source: prometheus-community/helm-charts, prometheus-operator (prometheus-operated), thanos, VictoriaMetrics
_NAMES = (
    "prometheus",
    "prometheus-server",
    "prometheus-operated",
    "thanos-query",
    "vmsingle",
    "victoria-metrics-single",
)
_LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/component", "app", "component")
_PORTS = (9090, 80, 10902, 8429, 8428)
_PORT_NAMES = ("http-web", "web", "http", "https", "http-query")
_NOT = ("alertmanager", "node-exporter", "pushgateway", "kube-state-metrics", "operator", "adapter", "blackbox")

PROXY_RIGHT = Right(
    resource="services/proxy",
    verbs=("get",),
    namespace=EVERYWHERE,
    danger="lets its holder send GET requests to every Service of the cluster, unless it names one",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """Where Prometheus is: a `url`, or a Service of `cluster`."""

    url: str = ""
    cluster: Cluster | None = None
    service: Service | None = None
    port: ServicePort | None = None

    @property
    def name(self) -> str:
        """How it is called in messages: without what a URL may hold of a credential."""
        if self.service is not None and self.port is not None:
            return f"Service {self.service.namespace}/{self.service.name}:{self.port.port}"
        return _split_credential(self.url)[0]

    async def get(self, path: str, params: Mapping[str, str]) -> Any:
        """`data` of an answer. Raises UsageError for a query that it refuses, and ClusterError's kin."""
        if self.cluster is not None and self.service is not None and self.port is not None:
            document = await self._by_proxy(self.cluster, path, params)
        else:
            document = await asyncio.to_thread(_fetch, self.url, path, params)
        if not isinstance(document, dict) or document.get("status") != "success":
            said = document.get("error") if isinstance(document, dict) else "no answer of Prometheus"
            raise UsageError(f"{self.name} refuses the query: {excerpt(str(said), 200)}", hint="check the PromQL")
        return document.get("data")

    async def _by_proxy(self, cluster: Cluster, path: str, params: Mapping[str, str]) -> Any:
        assert self.service is not None
        assert self.port is not None
        scheme = "https:" if self.port.name == "https" or self.port.port in (443, 8443) else ""
        place = (
            f"/api/v1/namespaces/{self.service.namespace}/services/{scheme}{self.service.name}:{self.port.port}/proxy"
        )
        try:
            return await cluster.get_json(f"{place}{path}", params, timeout_s=TIMEOUT_S)
        except ApiError as error:
            if error.status not in (400, 422):
                raise
            said = error.message.partition(": ")[2]
            raise UsageError(f"{self.name} refuses the query: {excerpt(said, 200)}", hint="check the PromQL") from error


def find_prometheus(snapshot: Snapshot, cluster: Cluster) -> Prometheus:
    """The Service that is most likely Prometheus. Raises NotFoundError."""
    ranked = sorted(
        ((score, item.namespace, item.name, item) for item in snapshot.all(Service) if (score := _likeness(item))),
        key=lambda entry: (-entry[0], *entry[1:3]),
    )
    for _, _, _, service in ranked:
        port = _port(service)
        if port is not None:
            return Prometheus(cluster=cluster, service=service, port=port)
    hint = "if there is one elsewhere, set KUBEAGENTIX_PROMETHEUS_URL; top_pods shows current use"
    gap = next((f": {gap.what}: {gap.why}" for gap in snapshot.gaps if gap.kind == Service.kind), "")
    raise NotFoundError(f"no Service of the cluster that could be read looks like Prometheus{gap}", hint=hint)


def _likeness(service: Service) -> int:
    words = [service.name, *(service.metadata.labels.get(key, "") for key in _LABELS)]
    if any(bad in word for word in words for bad in _NOT):
        return 0
    exact = sum(2 for word in words if word in _NAMES)
    like = sum(1 for word in words if any(word.endswith(f"-{name}") or word.startswith(f"{name}-") for name in _NAMES))
    return exact + like + (1 if exact + like and any(port.port in _PORTS[:1] for port in service.spec.ports) else 0)


def _port(service: Service) -> ServicePort | None:
    ports = [port for port in service.spec.ports if port.protocol == "TCP"]
    ports.sort(key=lambda port: (_place(_PORTS, port.port), _place(_PORT_NAMES, port.name)))
    return ports[0] if ports else None


def _place(among: tuple[Any, ...], item: Any) -> int:
    return among.index(item) if item in among else len(among)


def at_url(url: str) -> Prometheus:
    """The Prometheus of a setting. Raises ConfigurationError for what is no URL."""
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname:
        raise ConfigurationError("prometheus_url is no URL", hint="it should look like http://prometheus:9090")
    return Prometheus(url=url.rstrip("/"))


def _split_credential(url: str) -> tuple[str, str]:
    """(the URL without user and password, the header that says them)."""
    split = urlsplit(url)
    if split.username is None:
        return url, ""
    host = split.netloc.rpartition("@")[2]
    pair = f"{unquote(split.username)}:{unquote(split.password or '')}"
    return urlunsplit(split._replace(netloc=host)), f"Basic {base64.b64encode(pair.encode()).decode()}"


def _fetch(url: str, path: str, params: Mapping[str, str]) -> Any:
    bare, authorization = _split_credential(url)
    headers = {"Accept": "application/json", **({"Authorization": authorization} if authorization else {})}
    request = urllib.request.Request(f"{bare}{path}?{urlencode(params)}", headers=headers)  # noqa: S310  at_url checks
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            body = answer.read(MAX_BYTES)
    except urllib.error.HTTPError as error:
        body = error.read(1 << 16)
        if error.code not in (400, 422):
            raise ApiError(f"{bare} answered {error.code} {excerpt(error.reason, 80)}", status=error.code) from error
    except OSError as error:
        reason = excerpt(str(getattr(error, "reason", error)), 120)
        raise UnreachableError(f"cannot reach Prometheus at {bare}: {reason}") from error
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(f"{bare} does not answer like Prometheus", status=200) from error
