"""The simulated EndpointSlice and Endpoints controllers, and the ingress controller's address on Ingresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeagentix.demo.policies import is_ready, selected_pods
from kubeagentix.demo.store import Manifest
from kubeagentix.demo.world import World, metadata, moment, token

_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_SERVICE_NAME = "kubernetes.io/service-name"


def sync_service(service: Mapping[str, Any], world: World) -> None:
    """Write a Service's EndpointSlices and Endpoints from the pods its selector takes and their readiness.

    Pods that resolve a named target port differently get slices of their own; a port that no pod declares is left out.
    """
    if not service["spec"].get("selector") or service["spec"].get("type") == "ExternalName":
        return
    groups: dict[str, tuple[list[Manifest], list[Manifest]]] = {}
    for pod in selected_pods(service, world):
        ports = _ports(service, pod)
        groups.setdefault(str(ports), (ports, []))[1].append(_endpoint(pod))
    slices = list(groups.values()) or [([], [])]
    namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
    wanted = {f"{name}-{token(f'{namespace}/{name}/{index}', 5)}": item for index, item in enumerate(slices)}
    for old in world.owned("EndpointSlice", service):
        if old["metadata"]["name"] not in wanted:
            world.store.delete("EndpointSlice", namespace, old["metadata"]["name"])
    for slice_name, (ports, endpoints) in wanted.items():
        world.store.put(_slice(service, slice_name, ports, endpoints))
    world.store.put(_endpoints(service, slices))


def _ports(service: Mapping[str, Any], pod: Mapping[str, Any]) -> list[Manifest]:
    declared = {
        port.get("name"): port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
    }
    result = []
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort", port["port"])
        number = declared.get(target) if isinstance(target, str) else target
        if number is not None:
            result.append({"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")})
    return result


def _endpoint(pod: Mapping[str, Any]) -> Manifest:
    ready = is_ready(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": "deletionTimestamp" in pod["metadata"]},
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": {
            "kind": "Pod",
            "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
    }


def _slice(service: Mapping[str, Any], name: str, ports: list[Manifest], endpoints: list[Manifest]) -> Manifest:
    labels = {**(service["metadata"].get("labels") or {}), _MANAGED_BY: "endpointslice-controller.k8s.io"}
    labels[_SERVICE_NAME] = service["metadata"]["name"]
    created = moment(service["metadata"]["creationTimestamp"])
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            **metadata(name, service["metadata"]["namespace"], created=created, labels=labels, owner=service),
            "generateName": f"{service['metadata']['name']}-",
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports or None,
    }


def _endpoints(service: Mapping[str, Any], slices: list[tuple[list[Manifest], list[Manifest]]]) -> Manifest:
    created = moment(service["metadata"]["creationTimestamp"])
    labels = {**(service["metadata"].get("labels") or {}), "endpoints.kubernetes.io/managed-by": "endpoint-controller"}
    result: Manifest = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": metadata(
            service["metadata"]["name"], service["metadata"]["namespace"], created=created, labels=labels
        ),
    }
    subsets = [_subset(ports, endpoints) for ports, endpoints in slices if endpoints and ports]
    return {**result, "subsets": subsets} if subsets else result


def _subset(ports: list[Manifest], endpoints: list[Manifest]) -> Manifest:
    subset: Manifest = {"ports": [{key: value for key, value in port.items() if value != ""} for port in ports]}
    for endpoint in endpoints:
        address = {"ip": endpoint["addresses"][0], "nodeName": endpoint["nodeName"], "targetRef": endpoint["targetRef"]}
        field = "addresses" if endpoint["conditions"]["ready"] else "notReadyAddresses"
        subset.setdefault(field, []).append(address)
    return subset


def sync_ingress(ingress: Mapping[str, Any], world: World) -> None:
    """Give an Ingress the address of the controller's Service, if its class exists."""
    class_name = ingress["spec"].get("ingressClassName") or ""
    service = world.find("Service", "ingress-nginx", "ingress-nginx-controller")
    if service is None or world.find("IngressClass", "", class_name) is None:
        return
    world.store.put({**ingress, "status": {"loadBalancer": service.get("status", {}).get("loadBalancer", {})}})
