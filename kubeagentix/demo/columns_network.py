"""Printer columns of services, endpoints, ingresses, gateways and policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubeagentix.demo.columns import NONE, UNKNOWN, UNSET, Obj, age, columns, labels_text, name_of, part, short_list
from kubeagentix.demo.selectors import format_selector


def _service(obj: Obj, now: datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    kind = spec.get("type") or "ClusterIP"
    cells = [name_of(obj), kind, spec.get("clusterIP") or NONE, _external_ip(obj, kind)]
    return [*cells, _service_ports(spec), age(obj, now), labels_text(spec.get("selector"))]


def _external_ip(obj: Obj, kind: str) -> str:
    spec = obj.get("spec") or {}
    external = list(spec.get("externalIPs") or ())
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        ingress = part(obj, "status", "loadBalancer", "ingress") or ()
        return ",".join([*(item.get("ip") or item.get("hostname", "") for item in ingress), *external]) or "<pending>"
    return ",".join(external) or NONE


def _service_ports(spec: Obj) -> str:
    ports = spec.get("ports") or ()
    texts = [
        f"{item['port']}{':' + str(item['nodePort']) if item.get('nodePort') else ''}/{item.get('protocol', 'TCP')}"
        for item in ports
    ]
    return ",".join(texts) or NONE


def _endpoints(obj: Obj, now: datetime) -> list[Any]:
    addresses = [
        f"{address['ip']}:{port['port']}" if port else address["ip"]
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or (None,)
        for address in subset.get("addresses") or ()
    ]
    return [name_of(obj), short_list(addresses, empty="" if obj.get("subsets") else NONE), age(obj, now)]


def _endpoint_slice(obj: Obj, now: datetime) -> list[Any]:
    ports = [str(port.get("port") or "*") for port in obj.get("ports") or ()]
    addresses = [address for endpoint in obj.get("endpoints") or () for address in endpoint.get("addresses") or ()]
    texts = [short_list(words, empty=UNSET) for words in (ports, addresses)]
    return [name_of(obj), obj.get("addressType", ""), *texts, age(obj, now)]


def _ingress(obj: Obj, now: datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    balancers = part(obj, "status", "loadBalancer", "ingress") or ()
    address = ",".join(item.get("ip") or item.get("hostname", "") for item in balancers)
    ports = "80, 443" if spec.get("tls") else "80"
    return [
        *(name_of(obj), spec.get("ingressClassName") or NONE, short_list(hosts, empty="*"), address),
        *(ports, age(obj, now)),
    ]


def _ingress_class(obj: Obj, now: datetime) -> list[Any]:
    parameters = part(obj, "spec", "parameters")
    text = NONE
    if parameters:
        group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") else ""
        text = f"{parameters['kind']}{group}/{parameters['name']}"
    return [name_of(obj), part(obj, "spec", "controller") or "", text, age(obj, now)]


def _network_policy(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), format_selector(part(obj, "spec", "podSelector")) or NONE, age(obj, now)]


def _gateway_class(obj: Obj, now: datetime) -> list[Any]:
    accepted = _condition(obj, "Accepted")
    description = part(obj, "spec", "description")
    return [name_of(obj), part(obj, "spec", "controllerName"), accepted, age(obj, now), description]


def _gateway(obj: Obj, now: datetime) -> list[Any]:
    addresses = part(obj, "status", "addresses") or ()
    address = addresses[0].get("value") if addresses else None
    return [name_of(obj), part(obj, "spec", "gatewayClassName"), address, _condition(obj, "Programmed"), age(obj, now)]


def _http_route(obj: Obj, now: datetime) -> list[Any]:
    hostnames = part(obj, "spec", "hostnames")
    return [name_of(obj), '["' + '","'.join(hostnames) + '"]' if hostnames else None, age(obj, now)]


def _condition(obj: Obj, kind: str) -> str:
    conditions = part(obj, "status", "conditions") or ()
    return next((str(item.get("status")) for item in conditions if item.get("type") == kind), UNKNOWN)


PRINTERS = {
    "Service": columns("Name,Type,Cluster-IP,External-IP,Port(s),Age,*Selector", _service),
    "Endpoints": columns("Name,Endpoints,Age", _endpoints),
    "EndpointSlice": columns("Name,AddressType,Ports,Endpoints,Age", _endpoint_slice),
    "Ingress": columns("Name,Class,Hosts,Address,Ports,Age", _ingress),
    "IngressClass": columns("Name,Controller,Parameters,Age", _ingress_class),
    "NetworkPolicy": columns("Name,Pod-Selector,Age", _network_policy),
    "GatewayClass": columns("Name,Controller,Accepted,Age,*Description", _gateway_class),
    "Gateway": columns("Name,Class,Address,Programmed,Age", _gateway),
    "HTTPRoute": columns("Name,Hostnames,Age", _http_route),
}
